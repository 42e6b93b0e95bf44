"""What a search looks for, and where it stands in a text. No I/O.

A text is searched for as it is written, case aside: one piece of it, blanks and signs included. With three characters
and more the index of trigrams names the messages that may hold it; with fewer, and in files without an index, the texts
are looked through. Either way a message counts only if `spans` finds it there.
"""

import re
from typing import NamedTuple

from cim_common.wire.limits import MAX_TEXT_BYTES

TRIGRAM = 3
MAX_TRIGRAMS = 64
"""More of them narrow a search no further."""

MAX_LOOKED_FOR = 256
"""Characters of it that texts are looked through for; SQLite bounds a pattern."""

MAX_SPANS = 100
"""Hits within one message that are told."""


class Sought(NamedTuple):
    """A text that is looked for. `pattern` is for the `operator` LIKE or GLOB; `match`, "" for none, for the index."""

    regex: re.Pattern[str]
    operator: str
    pattern: str
    match: str

    def spans(self, text: str) -> tuple[tuple[int, int], ...]:
        """Where it stands in a text, as pairs of begin and end; none if it does not."""
        found: list[tuple[int, int]] = []
        for hit in self.regex.finditer(text):
            found.append(hit.span())
            if len(found) == MAX_SPANS:
                break
        return tuple(found)


def sought(text: str) -> Sought | None:
    """What to look for; None if no message can hold it: nothing, or what has no place in a text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return None
    if not text or "\0" in text or len(text) > MAX_TEXT_BYTES:
        return None
    operator, pattern = _scanning(text[:MAX_LOOKED_FOR])
    return Sought(re.compile(re.escape(text), re.IGNORECASE), operator, pattern, _match(text))


def _match(text: str) -> str:
    """All trigrams of it: a message without one of them does not hold the text."""
    found = {text[start : start + TRIGRAM] for start in range(min(len(text) - TRIGRAM + 1, MAX_TRIGRAMS))}
    return " AND ".join('"' + part.replace('"', '""') + '"' for part in sorted(found))


def _scanning(text: str) -> tuple[str, str]:
    """LIKE knows the two cases of ASCII only, GLOB those it is told; it takes three times as long."""
    if all(character.isascii() or len(_cases(character)) == 1 for character in text):
        return "LIKE", "%" + re.sub(r"([%_\\])", r"\\\1", text) + "%"
    return "GLOB", "*" + "".join(map(_glob, text)) + "*"


def _cases(character: str) -> str:
    """A character in each case it has."""
    cases = {character, character.lower(), character.upper(), character.casefold(), character.title()}
    if "σ" in cases:
        cases.add("ς")
    return "".join(sorted(case for case in cases if len(case) == 1))


def _glob(character: str) -> str:
    cases = _cases(character)
    return f"[{cases}]" if len(cases) > 1 or character in "*?[" else character
