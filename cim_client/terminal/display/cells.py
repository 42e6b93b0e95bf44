"""How much room text takes on a terminal, and how it is broken into rows.

Terminals disagree about some characters. A row that turns out longer than we thought wraps by itself, and what comes
after the break stands at the left edge, where only senders may stand. So here a character counts what it takes at
most: a variation selector 16 one cell (it makes a narrow sign a wide emoji), spacing marks and jamo one, a regional
indicator and a skin tone two. Characters of ambiguous width, all of Greek and Cyrillic among them, count one; a
terminal that was told to draw them wide has to be told otherwise.

The same for direction: terminals that reorder (VTE, mintty, mlterm, Konsole) take a row for one paragraph, so that a
right-to-left name, the colon and a right-to-left text would change places, a number or a mark at the row's end too.
`isolated` puts what others wrote between FSI and PDI, within which the algorithm keeps to itself; sanitize.py lets no
text end that early. Rows without right-to-left letters get none. Where a terminal does not reorder, the two have no
width and no effect. We do not reorder ourselves: a terminal that does it as well would undo it.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from wcwidth import wcwidth

_RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]")
FSI, PDI = "\u2068", "\u2069"


@lru_cache(8_192)
def _cell(char: str) -> int:
    width = wcwidth(char)
    if width == 0 and (char == "\ufe0f" or unicodedata.category(char) in ("Mc", "Lo")):
        return 1
    return 2 if 0x1F1E6 <= ord(char) <= 0x1F3FF and width else max(width, 0)


def cells(text: str) -> int:
    """Columns the text takes at most."""
    return len(text) if text.isascii() else sum(map(_cell, text))


def spans(text: str, first: int, rest: int, floor: int = 0) -> Iterator[tuple[int, int]]:
    """The parts of a text that make rows of at most `first`, then `rest` cells, broken at blanks where possible.

    There is no break at a blank up to `floor`. A character that is wider than the room stands alone.
    """
    narrow = text.isascii()
    start, room = 0, first
    while True:
        end = min(start + max(room, 1), len(text)) if narrow else _fitting(text, start, room)
        if end >= len(text):
            break
        blank = text.rfind(" ", max(start, floor), end + 1)
        if blank > start:
            yield start, blank
            start = blank + 1
        else:
            yield start, end
            start = end
        room = rest
    yield start, len(text)


def cut(text: str, room: int) -> str:
    """So much of a text that it fits, with an ellipsis if something is missing; at least one character of it."""
    if len(text) * 2 <= room or cells(text) <= room:
        return text
    return text[: _fitting(text, 0, room - 1)] + "…"


def _fitting(text: str, start: int, room: int) -> int:
    """Up to where the text from `start` on fits into `room` cells: at least one character, marks stay with theirs."""
    used = 0
    for index in range(start, len(text)):
        width = _cell(text[index])
        if width and used + width > room and index > start:
            return index
        used += width
    return len(text)


def goes_left(text: str) -> bool:
    """Whether a terminal that reorders would reorder some of it."""
    return not text.isascii() and _RIGHT_TO_LEFT.search(text) is not None


def isolated(text: str) -> str:
    """Text of others as one piece, whatever its direction."""
    return f"{FSI}{text}{PDI}" if goes_left(text) else text
