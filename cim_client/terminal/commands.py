"""What a typed line means: one table of commands, one parser, no I/O.

The names and forms of CIM's terminal client are kept (cim-compat: `:all`, `:olu`, `:info`, `:q!`, `NAME;;TEXT`);
each has a spelling with a slash as well.
"""

import re
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple


class Say(NamedTuple):
    """Send `text` to everyone (`to is None`), or to the user `to` (a name, or a user id in digits) alone."""

    text: str
    to: str | None = None


class Ask(Enum):
    """A command without arguments."""

    COMMANDS = "commands"
    ONLINE = "online"
    INFO = "info"
    QUIT = "quit"


class Wrong(NamedTuple):
    """The line is not understood; `hint` is one line that says what would be."""

    hint: str


class Nothing(NamedTuple):
    """An empty line."""


Action = Say | Ask | Wrong | Nothing


class Command(NamedTuple):
    """One row: `names` (the first is the one shown), the form of the arguments, what it does, its parser.

    `parse` takes what follows the name, stripped on the left, and returns None if that does not have the form.
    """

    names: tuple[str, ...]
    form: str
    meaning: str
    parse: Callable[[str], Action | None]

    @property
    def usage(self) -> str:
        return f"{self.names[0]} {self.form}".rstrip()


def _alone(ask: Ask) -> Callable[[str], Action | None]:
    return lambda arguments: None if arguments else ask


def _to(arguments: str) -> Say | None:
    match = re.fullmatch(r"(\S+)\s(.*)", arguments, re.DOTALL)
    if match is None or not match[2].strip():
        return None
    return Say(match[2], match[1])


def _say(arguments: str) -> Say | None:
    return Say(arguments) if arguments else None


COMMANDS = (
    Command((":all", "/all", ":help", "/help"), "", "list the commands", _alone(Ask.COMMANDS)),
    Command((":olu", "/olu", "/online"), "", "who is online", _alone(Ask.ONLINE)),
    Command((":info", "/info"), "", "this client: name, device, server, state", _alone(Ask.INFO)),
    Command(("/to", ":to"), "NAME TEXT", "to that user alone; NAME;;TEXT does the same", _to),
    Command(("/say", ":say"), "TEXT", "to everyone, whatever the text looks like", _say),
    Command((":q!", "/quit"), "", "quit; Ctrl-D on an empty line does the same", _alone(Ask.QUIT)),
)

_BY_NAME = {name: command for command in COMMANDS for name in command.names}
_PRIVATE_FORM = "to one user: NAME;;TEXT (to everyone as it is: /say TEXT)"


def parse(line: str) -> Action:
    """The action of one typed line. Never raises.

    Only lines that start with `:` or `/` are commands, and such a line is never sent as text by mistake;
    a doubled first character (`::)`, `//path`) sends the rest from the second one on to everyone.
    """
    if not line.strip():
        return Nothing()
    if line.startswith(("::", "//")):
        return Say(line[1:])
    if line[0] in ":/":
        return _command(line)
    if ";;" in line:
        return _private(line)
    return Say(line)


def _command(line: str) -> Action:
    name, *rest = line.split(None, 1)
    command = _BY_NAME.get(name)
    if command is None:
        return Wrong(f"unknown command {name} (:all lists them; to send it as text, start with {name[0] * 2})")
    return command.parse(rest[0] if rest else "") or Wrong(f"usage: {command.usage}")


def _private(line: str) -> Action:
    """A left side that cannot be a name is refused: sending the line to everyone might give a secret away."""
    to, _, text = line.partition(";;")
    to = to.strip()
    if not to or len(to.split()) != 1 or not text.strip():
        return Wrong(_PRIVATE_FORM)
    return Say(text, to)


def listing() -> list[str]:
    """The lines `:all` prints."""
    rows = [("TEXT", "to everyone in the lobby"), ("NAME;;TEXT", "to that user alone; a user id works as well")]
    rows += [(command.usage, command.meaning) for command in COMMANDS]
    return [f"{usage:<14}  {meaning}" for usage, meaning in rows]
