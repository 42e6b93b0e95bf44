"""Foreign text made harmless: what others wrote may be read, but never acts on the terminal.

Names, texts and sentences of a server come from others. Whatever in them would move the cursor, change colours, make
the terminal answer, reorder what is read or hide something is replaced by something visible: C0 controls by their
control pictures (ESC becomes U+241B), everything else by an escape such as `\\u202e`. Text stays readable and every
character of the result occupies its own cells.

Pure and free of imports beyond the standard library; the tests run it against a terminal emulator.
"""

import re
import unicodedata

MAX_NAME_CHARS = 64
"""Characters shown of a name; the store allows fewer, a hostile peer may say anything."""

MAX_MARKS = 4
"""Combining marks shown on one character: what any orthography needs; more of them climb over other lines."""

_LINE_BREAK = re.compile("\r\n|[\n\r\v\f\x85\u2028\u2029]")
_JOINERS = "\u200c\u200d"
"""Emoji sequences, Persian and Indic scripts need them inside texts; they have no effect of their own."""


def text_lines(text: str) -> list[str]:
    """The lines of a text, at least one, each harmless; every kind of line break is one."""
    return [_visible(line, _JOINERS) for line in _LINE_BREAK.split(text)]


def one_line(text: str) -> str:
    """The same as one line, for sentences: a line break is shown as U+240A."""
    return "\u240a".join(text_lines(text))


def shown_name(name: str) -> str:
    """A name as one word: white space is visible, nothing invisible is left, at most `MAX_NAME_CHARS` characters."""
    if len(name) > MAX_NAME_CHARS:
        name = name[: MAX_NAME_CHARS - 1] + "…"
    word = "".join("\u2423" if c.isspace() and c >= " " else c for c in name)
    return _visible(word, "") or "(no name)"


def _visible(line: str, joiners: str) -> str:
    if line.isascii() and line.isprintable():
        return line
    parts = []
    marks = MAX_MARKS  # a mark at the start would land on what stands before the text
    for char in line:
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        harmful = marks > MAX_MARKS or (category in ("Cc", "Cf", "Cs", "Zl", "Zp") and char not in joiners)
        parts.append(_replacement(char) if harmful else char)
    return "".join(parts)


def _replacement(char: str) -> str:
    number = ord(char)
    if char == "\t":
        return "    "
    if number < 0x20:
        return chr(0x2400 + number)
    if number == 0x7F:
        return "\u2421"
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
