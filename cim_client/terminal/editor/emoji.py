"""Emoji by their aliases: `:smile:` in what is sent, five emoji on a page, and aliases that begin with some letters.

The library brings 20 ms and some megabytes with it; nobody pays that before a colon is typed.

An alias counts where nobody writes one by chance: directly beside a letter or digit of Latin script, a colon or a
backtick it is left as it is (`std::cat::new`, `10:100:5`, `` `:smile:` ``). Chinese writes no spaces: beside such
characters it counts.
"""

import re
from collections.abc import Iterator
from functools import cache

PAGE = 5
"""Emoji a page holds, as in CIM."""

MAX_ALIAS_CHARS = 64
"""The longest alias there is has fewer."""

_ALIASES = re.compile(rf"(?<![A-Za-z0-9_:`])(?::[^\s:`]{{1,{MAX_ALIAS_CHARS}}}:)+(?![A-Za-z0-9_:`])")
_ONE = re.compile(r":[^:]+:")


def replaced(text: str) -> str:
    """The text with the emoji its aliases stand for; an unknown alias stays."""
    if ":" not in text:
        return text
    return _ALIASES.sub(lambda run: _ONE.sub(lambda alias: _table().get(alias[0].lower(), alias[0]), run[0]), text)


def begins(line: str) -> bool:
    """Whether the line begins with an alias, and so with no command."""
    run = _ALIASES.match(line)
    return run is not None and _ONE.findall(run[0])[0].lower() in _table()


def beginning(prefix: str) -> Iterator[tuple[str, str]]:
    """Aliases, colons included, whose name begins so, each with its emoji: short ones first."""
    wanted = ":" + prefix.lower()
    found = (alias for alias in _table() if alias.startswith(wanted))
    return ((alias, _table()[alias]) for alias in sorted(found, key=lambda alias: (len(alias), alias)))


def page(number: int) -> list[tuple[str, list[str]]]:
    """The emoji of that page, from 1 on, each with all its aliases; empty if there is no such page."""
    if number < 1:
        return []
    return list(_aliases().items())[(number - 1) * PAGE : number * PAGE]


def pages() -> int:
    return -(-len(_aliases()) // PAGE)


def _aliases() -> dict[str, list[str]]:
    """By emoji, those with the first alias of the alphabet first."""
    found: dict[str, list[str]] = {}
    for alias, char in _table().items():
        found.setdefault(char, []).append(alias)
    return found


@cache
def _table() -> dict[str, str]:
    """Every alias in lower case and what it stands for, in the order of the alphabet. Skin tones are left out: each
    would be proposed five times."""
    import emoji

    found: dict[str, str] = {}
    for char, about in emoji.EMOJI_DATA.items():
        if about["status"] != emoji.STATUS["fully_qualified"] or "_skin_tone" in about["en"]:
            continue
        for alias in (about["en"], *about.get("alias", ())):
            found.setdefault(alias.lower(), char)
    return dict(sorted(found.items()))
