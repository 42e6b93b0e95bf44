"""How things are written: messages, notes and marks as styled lines that no sender can forge.

A *line* is a list of (style class, text) fragments. Only the first row of a message carries a sender; whatever follows
it, by the sender's own line breaks or because the terminal is too narrow, starts with a bar, and so do further rows of
notes, which quote others. So no text, however it is padded, puts something at the left edge that looks like another
person's message. The text a message answers stands above it, where no text of its own can stand. Pure.
"""

import itertools
import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from cim_client.terminal.display.cells import FSI, PDI, cells, cut, goes_left, isolated, spans
from cim_client.terminal.display.sanitize import one_line, shown_name, text_lines

Line = list[tuple[str, str]]

MAX_SHOWN_LINES = 100
"""Lines of its own one message may have; one of nothing but line breaks would push everything else away. A long line
is folded into as many rows as it takes: a text has 16 KiB at most."""

MIN_WIDTH = 16
"""Cells below which folding gives up and lets the terminal wrap."""

_BAR = ("mark", "      │ ")
_QUOTE = "      ↳ "
COLON = ("mark", ": ")
FOREIGN = "foreign"
"""The style of what others wrote in lines of our own."""

_FOREIGN = ("", "mention", "match", FOREIGN)
"""Styles of fragments that others wrote."""

_UNFOLDED_QUOTE = 72

STORED = ("mark.ok", "✓")
"""The mark of a message that stands in the log."""


class Head(NamedTuple):
    """What stands before a text. Nothing in it has to be harmless yet.

    `time` is shown as it is, `number` is the seq, 0 for none; `sender` None is oneself; `to` says to whom, where that
    is not plain: "me", a name, a group with its `#`.
    """

    time: str
    sender: str | None = None
    to: str = ""
    number: int = 0
    style: str = "name"
    unverified: bool = False


def message(
    head: Head,
    text: str,
    width: int | None,
    mention: re.Pattern[str] | None = None,
    end: Sequence[tuple[str, str]] = (),
) -> list[Line]:
    """A message as rows: its head, its text with one's name set off, what is to be said of it behind it."""
    texts = text_lines(text)
    if len(texts) > MAX_SHOWN_LINES:
        texts[MAX_SHOWN_LINES - 1 :] = [f"… ({len(texts) - MAX_SHOWN_LINES + 1} more lines)"]
    behind = [(style, ("  " if index or texts[-1] else "") + mark) for index, (style, mark) in enumerate(end)]
    rows: list[Line] = []
    start = [*heading(head, width), COLON]
    for line in texts[:-1]:
        rows += _folded([*start, *_highlighted(line, mention)], width, len(start))
        start = [_BAR]
    return rows + _folded([*start, *_highlighted(texts[-1], mention), *behind], width, len(start))


def quote(sender: str, number: int, words: str, width: int | None) -> Line:
    """The row above an answer: whose message it answers, and how that begins."""
    room = (_UNFOLDED_QUOTE if width is None else max(width, MIN_WIDTH)) - len(_QUOTE) - 1
    line: Line = [("quote", _QUOTE)]
    if sender:
        line += [(FOREIGN, cut(shown_name(sender), room // 2)), ("quote", " ")]
    line.append(("quote", f"#{number}"))
    if words:
        room -= sum(cells(part) for _, part in line[1:])
        line += [COLON, (FOREIGN, cut(one_line(words), room - 2))]
    return line if width is None else _isolated(line)


def own_pending(head: Head, text: str, width: int) -> Line:
    """One row for a message that is on its way, cut to the width of the terminal."""
    mark = "  · pending"
    start = heading(head, width)
    room = width - sum(cells(part) for _, part in start) - 2 - len(mark) - 1
    return [*start, COLON, ("", isolated(cut(one_line(text), max(room, 8)))), ("mark.pending", mark)]


def note(text: str, style: str = "note") -> Line:
    """One line of the client's own, set off by a star; `text` is made harmless here."""
    return [("mark", "* "), (style, one_line(text))]


def rule(text: str, style: str = "rule") -> Line:
    """A line between others: a day, a conversation, where new messages begin."""
    return [(style, f"--- {one_line(text)} ---")]


def header(label: str, private: bool, width: int | None) -> Line:
    """Where what follows was said, when one goes there."""
    title = _short(shown_name(label), width)
    end = " (private) ---" if private else " ---"
    return [("rule.here", "--- "), ("rule.here", title if width is None else isolated(title)), ("rule.here", end)]


def entry_label(label: str, width: int | None) -> str:
    """What stands before the input line: where it goes."""
    return cut(shown_name(label), 16 if width is None else max(width // 5, 6))


def plain(line: Line) -> str:
    return "".join(text for _, text in line)


def clock(time: float, seconds: bool = False) -> str:
    """Local time of day. The date stands in the rule above, where it is not today's."""
    then = datetime.fromtimestamp(time)
    return f"{then.hour:02}:{then.minute:02}:{then.second:02}" if seconds else f"{then.hour:02}:{then.minute:02}"


def date_and_clock(time: float, now: float) -> str:
    """Local time of day; with the date when it is not today's."""
    then = datetime.fromtimestamp(time)
    return clock(time) if then.date() == datetime.fromtimestamp(now).date() else f"{then:%Y-%m-%d %H:%M}"


def day(time: float) -> date:
    return datetime.fromtimestamp(time).date()


def day_rule(then: date) -> Line:
    return rule(f"{then:%A}, {then.day} {then:%B %Y}")


def fitting(lines: list[Line], width: int | None) -> list[Line]:
    """Lines of any kind as rows that do not wrap."""
    return [row for line in lines for row in _folded(line, width, 1)]


def heading(head: Head, width: int | None) -> Line:
    """What stands before a text, as far as the colon."""
    line: Line = [("time", head.time + " ")] if head.time else []
    if head.number:
        line.append(("number", f"#{head.number} "))
    if head.sender is not None:
        sender = _short(("~" if head.unverified else "") + shown_name(head.sender), width)
        line.append((head.style, sender if width is None else isolated(sender)))
    else:
        sender = "me"
        line.append(("me", sender))
    if head.to:
        to = _short(shown_name(head.to), None if width is None else width - cells(sender))
        line.append(("private", " → " + (to if width is None else isolated(to))))
    return line


def _short(name: str, width: int | None) -> str:
    """So much of a name that with number, arrow and colon it never fills a row; the rest could look like a line."""
    return name if width is None else cut(name, max(width - 40, 6))


def _highlighted(text: str, mention: re.Pattern[str] | None) -> Line:
    if mention is None:
        return [("", text)]
    parts: Line = []
    end = 0
    for found in mention.finditer(text):
        if found.start() > end:
            parts.append(("", text[end : found.start()]))
        parts.append(("mention", found[0]))
        end = found.end()
    if end < len(text) or not parts:
        parts.append(("", text[end:]))
    return parts


def _folded(line: Line, width: int | None, fixed: int) -> list[Line]:
    """A line in rows shorter than `width`, the first `fixed` fragments whole on the first one."""
    if width is None:
        return [line]
    text = plain(line)
    if (len(text) if text.isascii() else cells(text)) < width or width < MIN_WIDTH:
        return [_isolated(line)]
    floor = len(plain(line[:fixed]))
    rows: list[Line] = []
    for start, end in spans(text, width - 1, width - 1 - len(_BAR[1]), floor):
        row = _slice(line, start, end)
        rows.append(_isolated([_BAR, *row] if rows else row))
    return rows


def _slice(line: Line, start: int, end: int) -> Line:
    """The fragments of the characters from `start` to `end`."""
    parts: Line = []
    at = 0
    for style, text in line:
        if at < end and at + len(text) > start:
            parts.append((style, text[max(start - at, 0) : end - at]))
        at += len(text)
    return parts


def _isolated(line: Line) -> Line:
    """What others wrote, as far as it is one piece, cannot reorder what stands beside it."""
    if not any(goes_left(text) for style, text in line if style in _FOREIGN):
        return line
    parts: Line = []
    for foreign, run in itertools.groupby(line, lambda fragment: fragment[0] in _FOREIGN):
        piece = list(run)
        if foreign and goes_left(plain(piece)):
            piece[0] = (piece[0][0], FSI + piece[0][1])
            piece[-1] = (piece[-1][0], piece[-1][1] + PDI)
        parts += piece
    return parts
