"""The registry: every command, and which one a typed line means. No I/O.

CIM's names and forms are kept (docs/terminal.md); each has a spelling with a slash as well, and each of ours one with a
colon. Help, completion and the table in docs/terminal.md are made from `COMMANDS`.
"""

import math
from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple

from cim_client.terminal.commands import forms
from cim_client.terminal.commands.actions import (
    answering,
    devices,
    export,
    groups,
    history,
    later,
    messages,
    people,
    program,
    settings,
)
from cim_client.terminal.commands.context import Context
from cim_client.terminal.commands.syntax import Argument, Command, Read, Run, Wrong, word
from cim_client.terminal.display.lines import note
from cim_client.terminal.editor import keys

TALK = "Talking"
MESSAGES = "Messages"
PEOPLE = "People"
GROUPS = "Groups"
HISTORY = "History"
LATER = "Later"
PROGRAM = "This program"


_USAGE_CELLS = 24


async def help_(context: Context, name: str = "") -> None:
    """The list, or what there is to say of one command."""
    if not name:
        await context.show([note(row) for row in listing(COMMANDS)])
        return
    if name == "keys":
        await context.show([note(f"{shown:<14}  {meaning}") for shown, meaning in keys.listing()])
        return
    found = named(name)
    if not found:
        raise Wrong(f"there is no command {name} (:all lists them)")
    rows = [row for command in found for row in explained(command)]
    await context.show([note(row) for row in rows])


_WHERE = Argument("NAME", "conversation")
_HERE = Argument("[NAME]", "conversation")
_USER = Argument("NAME", "user")
_USERS = Argument("NAME...", "user")
_GROUP = Argument("[GROUP]", "group")
_IN_GROUP = Argument("[in GROUP]", "group")
_ROLE = Argument("member|admin|owner", "role", ("member", "admin", "owner"))
_MESSAGE = Argument("MESSAGE", "message")
_EMOJI = Argument("EMOJI", "emoji")
_TEXT = Argument("TEXT", "text")
_NAMES = forms.names_and_group
_COMMAND = Argument("[COMMAND]", "command")


def _saying(names: tuple[str, ...], arguments: tuple[Argument, ...], meaning: str, run: Run, sends: bool) -> Command:
    """What is typed next goes where this one says. In a pipe it may wait until there is room for it."""
    return Command(names, arguments, meaning, TALK, run, sends=sends, at_once=True, patience_s=math.inf)


def _changing(
    name: str, arguments: tuple[Argument, ...], meaning: str, section: str, run: Run, read: Read | None = None,
    at_once: bool = False,
) -> Command:  # fmt: skip
    """Something others see."""
    return Command((name,), arguments, meaning, section, run, read, sends=True, at_once=at_once)


TEXT = _saying(("TEXT",), (), "to the current conversation, at first the lobby", messages.write, False)
PRIVATE = _saying(
    ("NAME;;TEXT",), (), "to that user or group, without going there; a user id works as well", messages.whisper, True
)

COMMANDS = (
    TEXT,
    PRIVATE,
    _saying(
        ("/to",), (_WHERE, Argument("[TEXT]", "text")), "go to a user, a group or the lobby; with a text: only send it",
        messages.to, False,
    ),
    _saying(("/say",), (_TEXT,), "send it as it is, whatever it looks like", messages.say, True),
    _saying(("/next",), (), "go to the next conversation with unread messages", messages.next_unread, False),
    _saying(("/retry",), (), "send again what was not sent", messages.retry, True),
    Command((":ai",), (), "talk to the program: nothing is sent", TALK, answering.begin, at_once=True),
    Command((":qai",), (), "what is typed is sent again", TALK, answering.end, at_once=True),
    _changing("/reply", (_MESSAGE, _TEXT), "answer a message: its number, or ^ for the newest", MESSAGES,
              messages.reply, at_once=True),
    _changing("/react", (_MESSAGE, _EMOJI), "put an emoji to a message", MESSAGES, messages.react),
    _changing("/unreact", (_MESSAGE, _EMOJI), "take it back", MESSAGES, messages.unreact),
    _changing("/edit", (_MESSAGE, _TEXT), "change a message of yours; ^ is your newest", MESSAGES, messages.edit),
    _changing("/recall", (_MESSAGE,), "take a message of yours back", MESSAGES, messages.recall),
    _changing("/pin", (_MESSAGE,), "pin a message for everyone here", MESSAGES, messages.pin),
    _changing("/unpin", (_MESSAGE,), "pin it no longer", MESSAGES, messages.unpin),
    Command((":emoji",), (Argument("[PAGE]", "number"),), "five emoji and their aliases", MESSAGES, program.emoji_page),
    Command((":olu", "/online"), (), "who is online", PEOPLE, people.online),
    Command((":pu", ":qu", "/users"), (Argument("PREFIX", "user"),), "whose names begin so", PEOPLE, people.beginning),
    Command(("/who",), (_HERE,), "who is in a group, or whether a user is there", PEOPLE, people.who),
    _changing("/block", (_USER,), "let a user not write to you", PEOPLE, people.block),
    _changing("/unblock", (_USER,), "let a user write to you again", PEOPLE, people.unblock),
    Command(("/mute",), (_HERE,), "a conversation does not disturb", PEOPLE, people.mute),
    Command(("/unmute",), (_HERE,), "it does again", PEOPLE, people.unmute),
    _changing("/group create", (_WHERE, Argument("[NAME...]", "user")), "make a group of you and others, and go there",
              GROUPS, groups.create, at_once=True),
    Command(("/group list",), (), "the groups you are in", GROUPS, groups.list_),
    Command(("/group members",), (_GROUP,), "who is in it", GROUPS, people.who),
    _changing("/group invite", (_USERS, _IN_GROUP), "make users members", GROUPS, groups.invite, read=_NAMES),
    _changing("/group kick", (_USERS, _IN_GROUP), "take members out", GROUPS, groups.kick, read=_NAMES),
    _changing("/group ban", (_USERS, _IN_GROUP), "take them out, and let nobody invite them", GROUPS, groups.ban,
              read=_NAMES),
    _changing("/group unban", (_USERS, _IN_GROUP), "let them be invited again", GROUPS, groups.unban, read=_NAMES),
    _changing("/group role", (_USER, _ROLE, _IN_GROUP), "what a member may do; owner hands the group over", GROUPS,
              groups.role, read=forms.name_role_and_group),
    _changing("/group rename", (_TEXT,), "call the current group that", GROUPS, groups.rename),
    _changing("/group topic", (_TEXT,), "say what it is about", GROUPS, groups.topic),
    _changing("/group leave", (_GROUP,), "take part no more", GROUPS, groups.leave),
    _changing("/group dissolve", (Argument("GROUP", "group"),), "end it for everyone", GROUPS, groups.dissolve),
    Command(
        (":q", "/search"), (Argument("[--server]"), Argument("[--here]"), Argument("[WORDS]", "text")),
        "what was written with these words, newest first; :q alone shows the next page", HISTORY, history.search,
        read=forms.search, patience_s=30.0,
    ),
    Command(
        ("/history",), (Argument("[N]", "number"), Argument("[before MESSAGE|DATE]", "message")),
        "the last messages here, or those before one or before a time", HISTORY, history.history, read=forms.history,
    ),
    Command(
        ("/export",), (Argument("FILE", "file"), Argument("[json|text]"), Argument("[overwrite]")),
        "write what is kept here into a file: JSON lines, or text", HISTORY, export.export, read=forms.export,
        patience_s=600.0,
    ),
    _changing(":delay", (_TEXT, Argument("SECONDS", "number")), "send it then, whether you are here or not", LATER,
              later.delay, read=forms.delay),
    _changing("/later", (_TEXT, Argument("at TIME|in 10m")), "the same: at 18:00, at 2026-12-01 18:00, in 1h30m", LATER,
              later.later, read=forms.later),
    Command(("/scheduled", "/scheduled list"), (), "what waits to be sent", LATER, later.scheduled),
    _changing("/scheduled cancel", (Argument("ID"),), "do not send it", LATER, later.cancel),
    Command((":all", "/help"), (_COMMAND,), "list the commands, or explain one; /help keys: the keys", PROGRAM, help_),
    Command((":info",), (), "this client: name, device, server, state", PROGRAM, program.info),
    Command(
        ("/set",), (Argument("[NAME]", "setting"), Argument("[VALUE]", "value")), "settings: show them, choose one",
        PROGRAM, settings.set_,
    ),
    Command(("/devices",), (), "the devices of your account", PROGRAM, devices.devices),
    Command(("/logout",), (Argument("[DEVICE]"),), "log this device out, or another one", PROGRAM, devices.logout),
    Command((":q!", "/quit"), (), "quit; Ctrl-D on an empty line does the same", PROGRAM, program.leave, at_once=True),
)  # fmt: skip


class Call(NamedTuple):
    """A typed line understood: what to run, with which values."""

    command: Command
    values: tuple[Any, ...]


def _index(commands: Iterable[Command]) -> dict[str, Command]:
    """Commands by their names without the first character: `:name` and `/name` are the same."""
    return {name[1:]: command for command in commands for name in command.names if name[0] in ":/"}


_BY_NAME = _index(COMMANDS)
_FIRST_OF_TWO = {name.split()[0] for name in _BY_NAME if " " in name}


def parse(line: str) -> Call | None:
    """What a typed line means; None for a blank one. A line that looks like a command is never sent as text by mistake.

    Raises:
        Wrong: nothing; its hint is one line.
    """
    if not line.strip():
        return None
    message = forms.message(line)
    if message is None:
        return _command(line)
    return Call(PRIVATE, tuple(message)) if message.to else Call(TEXT, (message.text,))


def _command(line: str) -> Call:
    name, *rest = line.split(None, 1)
    text = rest[0] if rest else ""
    if name[1:] in _FIRST_OF_TWO:
        second, behind = word(text)
        if f"{name[1:]} {second}" in _BY_NAME:
            name, text = f"{name} {second}", behind
    command = _BY_NAME.get(name[1:])
    values = None if command is None else command.values(text)
    if command is not None and values is not None:
        return Call(command, values)
    if name[1:] in _FIRST_OF_TWO:
        raise Wrong(f"usage: {name} {_seconds(name[1:])} (/help {name[1:]} explains them)")
    if command is not None:
        raise Wrong(f"usage: {name} {command.form}".rstrip())
    raise Wrong(f"unknown command {name} (:all lists them; to send it as text, start with {name[0] * 2})")


def _seconds(first: str) -> str:
    """The second words of commands of two words."""
    return "|".join(name.split()[1] for name in _BY_NAME if name.startswith(f"{first} "))


def named(name: str) -> list[Command]:
    """The command of a name, with or without its first character; of the first of two words: all of them."""
    key = name[1:] if name[:1] in (":", "/") else name
    if key in _BY_NAME:
        return [_BY_NAME[key]]
    return list(dict.fromkeys(command for known, command in _BY_NAME.items() if known.startswith(f"{key} ")))


def listing(commands: Iterable[Command]) -> list[str]:
    """The lines `:all` prints: a heading for each section, what is long on a row of its own."""
    rows: list[str] = []
    for section, found in groupby(commands, lambda command: command.section):
        rows.append(f"-- {section} --")
        for command in found:
            if len(command.usage) > _USAGE_CELLS:
                rows += [command.usage, f"{'':<{_USAGE_CELLS}}  {command.meaning}"]
            else:
                rows.append(f"{command.usage:<{_USAGE_CELLS}}  {command.meaning}")
    return rows


def explained(command: Command) -> list[str]:
    """What `/help NAME` prints."""
    others = f" (also {', '.join(command.names[1:])})" if len(command.names) > 1 else ""
    return [command.usage + others, f"  {command.meaning}"]
