"""The bar below the prompt: as much of what there is to tell as fits, the most important first. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from cim_client.terminal.display.cells import cells, cut, isolated
from cim_client.terminal.display.conversations import Unread
from cim_client.terminal.display.sanitize import one_line, shown_name

AI = "AI: nothing is sent"
HINT = ":all lists the commands"

MAX_UNREAD_NAMED = 5
MAX_TITLE_CELLS = 24
_BETWEEN = " · "


class Status(NamedTuple):
    """What the bar may tell. `conversation`, names and titles need not be harmless yet."""

    name: str
    connection: str
    connected: bool
    conversation: str = ""
    unread: Sequence[Unread] = ()
    typing: str = ""
    pending: int = 0
    own: str = ""
    answering: bool = False


class _Part(NamedTuple):
    """A piece of the bar. Of two that do not both fit the one of lower `rank` stays; `short` is tried before."""

    rank: int
    text: str
    short: str = ""


def bar(status: Status, width: int | None) -> str:
    """One row, shorter than the terminal."""
    parts = [part for part in _parts(status) if part.text]
    room = 10_000 if width is None else width - 2
    while len(parts) > 1 and _length(parts) > room:
        last = max(parts, key=lambda part: part.rank)
        at = parts.index(last)
        parts[at : at + 1] = [last._replace(text=last.short, short="")] if last.short else []
    row = _BETWEEN.join(part.text for part in parts)
    return " " + (row if _length(parts) <= room else cut(row, max(room, 1)))


def _parts(status: Status) -> list[_Part]:
    """In the order in which they stand."""
    return [
        _Part(0, AI if status.answering else "", "AI"),
        _Part(8, _short(status.name)),
        _Part(2, _short(status.conversation) if status.conversation else ""),
        _Part(7 if status.connected else 1, one_line(status.connection)),
        _Part(3, f"{status.pending} pending" if status.pending else ""),
        _Part(4, _elsewhere(status.unread), f"{sum(unread.messages for unread in status.unread)} new"),
        _Part(6, status.own, status.own.partition(" ")[0]),
        _Part(5, status.typing, "typing" if status.typing else ""),
        _Part(9, HINT),
    ]


def _elsewhere(unread: Sequence[Unread]) -> str:
    named = [f"{_short(one.label)} {one.messages}" for one in unread[:MAX_UNREAD_NAMED]]
    if len(unread) > MAX_UNREAD_NAMED:
        named.append(f"{len(unread) - MAX_UNREAD_NAMED} more")
    return ", ".join(named)


def _short(title: str) -> str:
    return isolated(cut(shown_name(title), MAX_TITLE_CELLS))


def _length(parts: Sequence[_Part]) -> int:
    return sum(cells(part.text) for part in parts) + len(_BETWEEN) * (len(parts) - 1)
