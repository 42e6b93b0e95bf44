"""How lines are read that a list of arguments does not describe. No I/O.

A reader gets what follows the name of its command and returns the values for its action, or None where the text has not
the command's form.
"""

import re
from datetime import datetime
from typing import NamedTuple

from cim_client.terminal.commands import times
from cim_client.terminal.commands.syntax import Wrong, word, words
from cim_client.terminal.commands.times import When
from cim_client.terminal.editor import emoji

PRIVATE_FORM = "to one user or group: NAME;;TEXT (to send it as it is: /say TEXT)"

MAX_HISTORY = 500
HISTORY_LINES = 20


class Message(NamedTuple):
    """A text and whom it is for; "": the current conversation."""

    to: str
    text: str


def message(line: str) -> Message | None:
    """The message a line is; None if it is a command.

    Only lines that start with `:` or `/` are commands; a doubled first character (`::)`, `//path`) sends the rest from
    the second one on, and an emoji's alias begins no command.

    Raises:
        Wrong: it looks like a private message and names nobody. Sending it to everyone might give a secret away.
    """
    if line.startswith(("::", "//")):
        return Message("", line[1:])
    if line[:1] == "/" or (line[:1] == ":" and not emoji.begins(line)):
        return None
    if ";;" not in line:
        return Message("", line)
    left, _, text = line.partition(";;")
    to, behind = word(left)
    if not to or behind.strip() or not text.strip():
        raise Wrong(PRIVATE_FORM)
    return Message(to, text)


def _waiting(text: str) -> Message:
    """A message that is to wait, read as if it were typed now."""
    found = message(text) if text.strip() else None
    if found is None:
        raise Wrong("only a message can wait: TEXT or NAME;;TEXT")
    return found


def delay(text: str) -> tuple[str, str, float] | None:
    """`MSG SECONDS`: the last word is the seconds."""
    parts = text.rsplit(None, 1)
    seconds = times.seconds(parts[1]) if len(parts) == 2 else None
    return None if seconds is None else (*_waiting(parts[0]), seconds)


_LATER = re.compile(r"(.*\S)\s+((?:at|in)\s+\S+(?:\s+[0-9:]+)?)\s*", re.DOTALL)


def later(text: str) -> tuple[str, str, When] | None:
    """`"TEXT" at TIME` or `TEXT in TIME`; the quotes may be left out."""
    match = _LATER.fullmatch(text)
    if match is None:
        return None
    when = times.when(" ".join(match[2].split()), datetime.now().astimezone())
    if when is None:
        return None
    said = match[1].strip()
    if len(said) > 1 and said[0] == said[-1] == '"':
        said = said[1:-1]
    return (*_waiting(said), when) if said.strip() else None


def names_and_group(text: str) -> tuple[list[str], str] | None:
    """`NAME... [in GROUP]`."""
    names, group = _in_group(text)
    return (names, group) if names else None


def name_role_and_group(text: str) -> tuple[str, str, str] | None:
    """`NAME ROLE [in GROUP]`."""
    names, group = _in_group(text)
    if len(names) != 2 or names[1] not in ("member", "admin", "owner"):
        return None
    return names[0], names[1], group


def _in_group(text: str) -> tuple[list[str], str]:
    found = list(words(text))
    if len(found) > 2 and found[-2] == "in":
        return found[:-2], found[-1]
    return found, ""


def history(text: str) -> tuple[int, str, datetime | None] | None:
    """`[N] [before #SEQ or DATE]`: how many, and the message or the time they stand before."""
    match = re.fullmatch(r"\s*([0-9]{1,9})?\s*(?:before\s+(\S.*?))?\s*", text, re.ASCII | re.DOTALL)
    if match is None:
        return None
    count = min(int(match[1]), MAX_HISTORY) if match[1] else HISTORY_LINES
    if not match[2]:
        return (count, "", None) if count else None
    at = times.moment(" ".join(match[2].split()), datetime.now().astimezone())
    if at is None and len(match[2].split()) > 1:
        return None
    return (count, "" if at else match[2], at) if count else None


_SEARCH_FLAGS = ("--more", "--server", "--here")


def search(text: str) -> tuple[str, frozenset[str]] | None:
    """`[--more] [--server] [--here] WORDS`; nothing at all means the next page."""
    flags: set[str] = set()
    first, rest = word(text)
    while first in _SEARCH_FLAGS:
        flags.add(first)
        text = rest
        first, rest = word(text)
    sought = text.strip()
    if "--more" in flags and sought:
        return None
    return sought, frozenset(flags)


def export(text: str) -> tuple[str, str, bool] | None:
    """`FILE [json|text] [overwrite]`."""
    file, *options = words(text) if text.strip() else ("",)
    form = [option for option in options if option in ("json", "text")]
    overwrite = [option for option in options if option == "overwrite"]
    if not file or len(form) > 1 or len(overwrite) > 1 or len(form) + len(overwrite) < len(options):
        return None
    return file, form[0] if form else "", bool(overwrite)
