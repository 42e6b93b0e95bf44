"""The registry: every command, and which one a typed line means. No I/O.

CIM's names and forms are kept (docs/terminal.md); each has a spelling with a slash as well, and each of ours one with a
colon. Help, completion and the table in docs/terminal.md are made from `COMMANDS`.
"""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from cim_client.terminal.actions import messages, people, program
from cim_client.terminal.context import Context
from cim_client.terminal.lines import note
from cim_client.terminal.syntax import Argument, Command, Wrong, word

TALK = "Talking"
PEOPLE = "People"
PROGRAM = "This program"


async def help_(context: Context, name: str = "") -> None:
    """The list, or what there is to say of one command."""
    if not name:
        await context.show([note(row) for row in listing(COMMANDS)])
        return
    found = named(name)
    if not found:
        raise Wrong(f"there is no command {name} (:all lists them)")
    rows = [row for command in found for row in explained(command)]
    await context.show([note(row) for row in rows])


TEXT = Command(
    ("TEXT",), (), "to the current conversation, at first the lobby", TALK, messages.say,
    at_once=True, patience_s=math.inf,
)  # fmt: skip
PRIVATE = Command(
    ("NAME;;TEXT",), (), "to that user or group, without going there; a user id works as well", TALK, messages.whisper,
    at_once=True, patience_s=math.inf,
)  # fmt: skip
"""What is written in a pipe may wait until there is room for it."""

_NAME = Argument("NAME", "conversation")
_TEXT = Argument("TEXT", "text")

COMMANDS = (
    TEXT,
    PRIVATE,
    Command(
        ("/to",), (_NAME, Argument("[TEXT]", "text")), "go to a user, a group or the lobby; with a text: only send it",
        TALK, messages.to, at_once=True, patience_s=math.inf,
    ),
    Command(
        ("/say",), (_TEXT,), "send it as it is, whatever it looks like", TALK, messages.say,
        at_once=True, patience_s=math.inf,
    ),
    Command((":olu", "/online"), (), "who is online", PEOPLE, people.online),
    Command(
        (":all", "/help"), (Argument("[COMMAND]", "command"),), "list the commands, or explain one", PROGRAM, help_
    ),
    Command((":info",), (), "this client: name, device, server, state", PROGRAM, program.info),
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
_PRIVATE_FORM = "to one user or group: NAME;;TEXT (to send it as it is: /say TEXT)"


def parse(line: str) -> Call | None:
    """What a typed line means; None for a blank one.

    Only lines that start with `:` or `/` are commands, and such a line is never sent as text by mistake;
    a doubled first character (`::)`, `//path`) sends the rest from the second one on.

    Raises:
        Wrong: nothing; its hint is one line.
    """
    if not line.strip():
        return None
    if line.startswith(("::", "//")):
        return Call(TEXT, (line[1:],))
    if line[0] in ":/":
        return _command(line)
    if ";;" in line:
        return _private(line)
    return Call(TEXT, (line,))


def _command(line: str) -> Call:
    name, *rest = line.split(None, 1)
    text = rest[0] if rest else ""
    if name[1:] in _FIRST_OF_TWO:
        second, behind = word(text)
        if f"{name[1:]} {second}" in _BY_NAME:
            name, text = f"{name} {second}", behind
    command = _BY_NAME.get(name[1:])
    if command is None:
        forms = [other.usage for other in named(name)]
        if forms:
            raise Wrong(f"usage: {' | '.join(forms)}")
        raise Wrong(f"unknown command {name} (:all lists them; to send it as text, start with {name[0] * 2})")
    return Call(command, command.values(text))


def _private(line: str) -> Call:
    """A left side that cannot be a name is refused: sending the line to everyone might give a secret away."""
    left, _, text = line.partition(";;")
    to, behind = word(left)
    if not to or behind.strip() or not text.strip():
        raise Wrong(_PRIVATE_FORM)
    return Call(PRIVATE, (to, text))


def named(name: str) -> list[Command]:
    """The command of a name, with or without its first character; of the first of two words: all of them."""
    key = name[1:] if name[:1] in (":", "/") else name
    if key in _BY_NAME:
        return [_BY_NAME[key]]
    return list(dict.fromkeys(command for known, command in _BY_NAME.items() if known.startswith(f"{key} ")))


def listing(commands: Iterable[Command]) -> list[str]:
    """The lines `:all` prints."""
    return [f"{command.usage:<14}  {command.meaning}" for command in commands]


def explained(command: Command) -> list[str]:
    """What `/help NAME` prints."""
    others = f" (also {', '.join(command.names[1:])})" if len(command.names) > 1 else ""
    return [command.usage + others, f"  {command.meaning}"]
