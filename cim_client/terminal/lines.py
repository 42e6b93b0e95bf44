"""How things are written: messages, notes and marks as styled lines that no sender can forge.

A *line* is a list of (style class, text) fragments. Only the first line of a message carries a sender; whatever follows
it, by the sender's own line breaks or because the terminal is too narrow, starts with a bar. So no text, however it is
padded, puts something at the left edge that looks like another person's message. Pure.
"""

from collections.abc import Iterator
from datetime import datetime

from wcwidth import wcwidth

from cim_client.terminal.sanitize import one_line, shown_name, text_lines
from cim_client.types import Message

Line = list[tuple[str, str]]

MAX_SHOWN_LINES = 100
"""Rows one message may take; a message of nothing but line breaks would push everything else away."""

MIN_WIDTH = 32
"""Cells below which folding gives up and lets the terminal wrap."""

_BAR = "      │ "


STORED = ("mark.ok", "✓")
"""The mark of a message that stands in the log."""


def received(message: Message, to: str | None, now: float, width: int | None) -> list[Line]:
    """A message of someone else; `to` says to whom, when not to everyone: "me", or the name of a group."""
    name = ("~" if message.unverified else "") + shown_name(message.sender)
    sender = _short(name, width)
    head: Line = [("time", clock(message.time_ms / 1000, now) + " "), ("name", sender)]
    if to is not None:
        rest = None if width is None else width - cells(sender)
        head.append(("private", " → " + _short(shown_name(to), rest)))
    return _with_text(head, message.text, width)


def own(text: str, to: str | None, time: float, now: float, width: int | None, mark: tuple[str, str]) -> list[Line]:
    """One's own message with the mark of its state behind it."""
    lines = _with_text(_own_head(to, time, now, width), text, width)
    lines[-1] += [("", "  "), mark]
    return lines


def own_pending(text: str, to: str | None, time: float, now: float, width: int) -> Line:
    """One row for a message that is on its way, cut to the width of the terminal."""
    mark = "  · pending"
    head = _own_head(to, time, now, width)
    room = width - sum(cells(part) for _, part in head) - 2 - len(mark) - 1
    shown = one_line(text)
    cut = next(fold(shown, max(room, 8), max(room, 8)))
    return [*head, ("", ": " + cut + ("…" if cut != shown else "")), ("mark.pending", mark)]


def note(text: str, style: str = "note") -> Line:
    """One line of the client's own, set off by a star; `text` is made harmless here."""
    return [("mark", "* "), (style, one_line(text))]


def plain(line: Line) -> str:
    return "".join(text for _, text in line)


def clock(time: float, now: float) -> str:
    """Local time of day; with the date when it is not today's."""
    then, today = datetime.fromtimestamp(time), datetime.fromtimestamp(now)
    return then.strftime("%H:%M" if then.date() == today.date() else "%Y-%m-%d %H:%M")


def cells(text: str) -> int:
    """Columns the text takes on a terminal."""
    return len(text) if text.isascii() else sum(max(wcwidth(char), 0) for char in text)


def fold(text: str, first: int, rest: int) -> Iterator[str]:
    """The text in rows of at most `first`, then `rest` cells, broken at blanks where that is possible."""
    room = first
    while (cut := _fitting(text, room)) < len(text):
        blank = text.rfind(" ", 0, cut + 1)
        if blank > 0:
            yield text[:blank]
            text = text[blank + 1 :]
        else:
            yield text[:cut]
            text = text[cut:]
        room = rest
    yield text


def _fitting(text: str, room: int) -> int:
    """How many characters fit into `room` cells: at least one, and marks stay with theirs."""
    used = 0
    for index, char in enumerate(text):
        width = max(wcwidth(char), 0)
        if width and used + width > room and index:
            return index
        used += width
    return len(text)


def _own_head(to: str | None, time: float, now: float, width: int | None) -> Line:
    head: Line = [("time", clock(time, now) + " "), ("me", "me")]
    return head if to is None else [*head, ("private", " → " + _short(shown_name(to), width))]


def _short(name: str, width: int | None) -> str:
    """So much of a name that with date, arrow and colon it never fills a row: a wrapped one could look like a line."""
    if width is None:
        return name
    room = max(width - 40, 6)
    cut = next(fold(name, room, room))
    return cut if cut == name else cut + "…"


def _with_text(head: Line, text: str, width: int | None) -> list[Line]:
    rows = list(_rows(text, sum(cells(part) for _, part in head) + 2, width))
    if len(rows) > MAX_SHOWN_LINES:
        rows[MAX_SHOWN_LINES - 1 :] = [f"… ({len(rows) - MAX_SHOWN_LINES + 1} more lines)"]
    return [[*head, ("", ": " + rows[0])], *([("mark", _BAR), ("", row)] for row in rows[1:])]


def _rows(text: str, head: int, width: int | None) -> Iterator[str]:
    """`head` is the room the sender takes on the first row; 2 more cells are kept for a mark."""
    for index, line in enumerate(text_lines(text)):
        if width is None or width < MIN_WIDTH:
            yield line
            continue
        rest = width - len(_BAR) - 3
        yield from fold(line, max(width - head - 3, 1) if index == 0 else rest, rest)
