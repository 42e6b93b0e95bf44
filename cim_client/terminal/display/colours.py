"""How each kind of fragment looks, and which colour a sender has.

Every colour can be read on light and on dark grounds: its contrast (WCAG 2) is at least `MIN_CONTRAST` against black
and against white, which leaves the middle of the 256-colour cube; the sixteen colours of the terminal's theme are not
used, for nobody knows what they are. Nothing is told by colour alone: marks have signs, one's own name is reversed,
what the program says itself begins with a star. So NO_COLOR (https://no-color.org), one-colour terminals and pipes lose
nothing.
"""

import zlib
from functools import lru_cache

MIN_CONTRAST = 3.3
"""Against black and white; 3 is what WCAG asks of large text, and nothing reaches more than 4.6 against both."""

SENDERS = (
    "#af5f5f", "#d75f00", "#af5f00", "#875f00", "#878700", "#5f8700", "#00875f", "#008787",
    "#0087af", "#0087ff", "#5f87af", "#5f5fd7", "#875fff", "#af5fd7", "#d700af", "#d75f87",
)  # fmt: skip
"""Colours of other people, apart from one's own green and the red of failures."""

DIM = "#808080"

STYLES = {
    "time": DIM,
    "number": DIM,
    "name": "bold",
    "me": "bold #008700",
    "private": "#af5faf",
    "mention": "bold reverse",
    "match": "bold underline #d75f00",
    "quote": DIM,
    "rule": DIM,
    "rule.here": "bold",
    "rule.new": "bold #d75f00",
    "mark": DIM,
    "mark.ok": "#008700",
    "mark.pending": "#af5f00",
    "mark.failed": "bold #d70000",
    "note": DIM,
    "foreign": DIM,
    "note.answer": "",
    "note.failed": "#d70000",
    "toolbar": "reverse",
    "chosen": "bold reverse",
    "toolbar chosen": "bold noreverse",
    **{f"sender.{index}": f"bold {colour}" for index, colour in enumerate(SENDERS)},
}
"""The style of each class that fragments of lines name."""


_COLOURLESS = {style: "mono" if "bold" in look else "" for style, look in STYLES.items()} | {
    "mention": "mono.mention",
    "match": "mono.match",
}
"""What is left of each class without colours."""

STYLES |= {"mono": "bold", "mono.mention": "bold reverse", "mono.match": "bold underline"}


def without_colours(line: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """A line with the same text and without colours."""
    return [(_COLOURLESS.get(style, ""), text) for style, text in line]


@lru_cache(1_024)
def sender(name: str) -> str:
    """The style class of a sender: of one name always the same."""
    return f"sender.{zlib.crc32(name.encode(errors='replace')) % len(SENDERS)}"
