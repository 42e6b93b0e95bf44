"""What may stand where the cursor is: candidates for commands, their arguments, names and emoji. Pure.

The owner of a console says with `Offers` what there is; the order in which it offers words is the order in which they
are proposed. Nothing here knows a command: the registry says which kind of word an argument takes.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from cim_client.terminal.commands.syntax import Argument, Command
from cim_client.terminal.editor import emoji

MAX_CANDIDATES = 50
"""More than anybody looks through; a longer prefix finds the rest."""

USER = "user"

MAX_ARGUMENT_CHARS = 1_000
"""What follows a command's name may be a long text; nothing is proposed behind so much."""

_MIN_ALIAS = 2
"""Letters after a colon from which emoji are proposed: `:)` and `10:3` are something else."""

_USERS = (USER, "conversation")
"""Kinds of arguments that may be a user the cluster knows and we do not."""

_WORD = re.compile(r'\s*(?!"[^"]*$)("[^"]*"(?=\s)|\S+(?=\s))')
"""A word of a line that has been typed to its end; a quote that is open is not."""

_ALIAS = re.compile(r"(?<![A-Za-z0-9_:`]):([^\s:`]*)$")


class Word(NamedTuple):
    """Something that can be typed, and what is told beside it."""

    text: str
    meaning: str = ""


class Place(NamedTuple):
    """A conversation one can go to: its name, and what `/to` understands it by."""

    name: str
    address: str
    unread: int = 0


class Offers(NamedTuple):
    """All that can be completed: `words` by the kind of arguments (syntax.py), and by `value NAME` the values of the
    setting of that name; `places` as the quick switch shows them."""

    commands: Sequence[Command] = ()
    places: tuple[Place, ...] = ()
    words: Mapping[str, tuple[Word, ...]] = {}


class Found(NamedTuple):
    """What fits: each candidate replaces the last `length` characters before the cursor.

    `asks`: the prefix of a user's name, when the cluster may know more of them. `usage`: the form of the command that
    is being typed.
    """

    length: int = 0
    candidates: tuple[Word, ...] = ()
    asks: str = ""
    usage: str = ""


NOTHING = Found()


def find(before: str, offers: Offers) -> Found:
    """What fits `before`, the text up to the cursor."""
    command = before.startswith(("/", ":")) and not before.startswith(("//", "::"))
    alias = _ALIAS.search(before)
    if command and "\n" not in before:
        found = _command(before, offers)
        if found.candidates or not alias:
            return found
    if alias and len(alias[1]) >= _MIN_ALIAS:
        return _emoji(alias[1])
    return NOTHING if command else _name(before, offers)


def hint(before: str, offers: Offers) -> Found:
    """The same while one just types: commands and emoji only, for in plain text every word would be a proposal."""
    command = before.startswith(("/", ":")) and not before.startswith(("//", "::"))
    if command or ":" in before[-emoji.MAX_ALIAS_CHARS :]:
        found = find(before, offers)
        return found if command or (found.candidates and found.candidates[0].text.startswith(":")) else NOTHING
    return NOTHING


def _command(before: str, offers: Offers) -> Found:
    typed = [(c, name) for c in offers.commands for name in _names(c, before) if before.startswith(name + " ")]
    named = _command_name(before, offers)
    if named.candidates or not typed:  # a name may be the beginning of another one, `/scheduled list`
        return named
    command, name = max(typed, key=lambda pair: len(pair[1]))
    usage = Found(usage=f"{name} {command.form}".rstrip())
    rest = before[len(name) :]
    if len(rest) > MAX_ARGUMENT_CHARS:
        return usage
    words: list[str] = []
    at = 0
    while complete := _WORD.match(rest, at):
        words.append(complete[1])
        at = complete.end()
    return _argument(_at(command, words), words, rest[at:].lstrip(), offers)._replace(usage=usage.usage)


def _command_name(before: str, offers: Offers) -> Found:
    words = []
    for command in offers.commands:
        name = next((name for name in _names(command, before) if name.startswith(before)), "")
        if name:
            words.append(Word(name, f"{command.form}  {command.meaning}".strip()))
    if before[0] == ":" and len(before) > _MIN_ALIAS:
        words += _emoji(before[1:]).candidates
    return Found(len(before), tuple(words[:MAX_CANDIDATES]))


def _names(command: Command, before: str) -> list[str]:
    """Its names with the first character that was typed; none for what is no command but a form of text."""
    return [before[0] + name[1:] for name in command.names if name[0] in ":/"]


def _at(command: Command, words: list[str]) -> Argument:
    """The argument that comes behind these words; one like `[in GROUP]` comes behind its own word only."""
    plain = [argument for argument in command.arguments if not _keyword(argument)]
    for argument in command.arguments:
        if words and words[-1] == _keyword(argument):
            return argument
    if len(words) < len(plain):
        return plain[len(words)]
    return plain[-1] if plain and plain[-1].many else Argument("", "text")


def _keyword(argument: Argument) -> str:
    first, blank, _ = argument.form.lstrip("[").partition(" ")
    return first if blank and first.islower() else ""


def _argument(argument: Argument, words: list[str], last: str, offers: Offers) -> Found:
    if argument.kind == "emoji":
        return _emoji(last.lstrip(":"), len(last))
    typed = last.lstrip('"@#')
    known = offers.words.get(f"value {words[-1]}" if argument.kind == "value" and words else argument.kind, ())
    if argument.choices:
        known = tuple(Word(choice) for choice in argument.choices)
    elif argument.kind == "command":
        known = tuple(Word(c.names[0], c.meaning) for c in offers.commands if c.names[0][0] in ":/")
    found = islice(_fitting(typed, known), MAX_CANDIDATES)
    quoted = tuple(Word(f'"{word.text}"', word.meaning) if " " in word.text else word for word in found)
    length = len(last) if last.startswith('"') or any(" " in word.text for word in quoted) else len(typed)
    return Found(length, quoted, typed if argument.kind in _USERS else "")


def _emoji(prefix: str, length: int | None = None) -> Found:
    words = tuple(Word(alias, char) for alias, char in islice(emoji.beginning(prefix), MAX_CANDIDATES))
    return Found(len(prefix) + 1 if length is None else length, words)


def _name(before: str, offers: Offers) -> Found:
    """A user's name. First on the line it gets a colon, for one speaks to that user, or `;;`, for that user alone."""
    word = re.split(r"\s", before)[-1]
    if not word or ";;" in before:
        return NOTHING
    mark = "@" if word.startswith("@") else ""
    for start in _starts(word[len(mark) :]):
        prefix = word[len(mark) + start :]
        names = list(islice(_fitting(prefix, offers.words.get(USER, ())), MAX_CANDIDATES))
        if names:
            break
    else:
        return Found(len(word) - len(mark), (), word[len(mark) :])
    if len(word) == len(before) and not mark and not start:
        names = [Word(n.text + ": ", n.meaning) for n in names] + [Word(n.text + ";;", n.meaning) for n in names]
    return Found(len(prefix), tuple(names[:MAX_CANDIDATES]), prefix)


def _starts(word: str) -> Iterator[int]:
    """Where a name may begin: at the word, or inside of it where a script without spaces is written."""
    yield 0
    for index in range(max(1, len(word) - 32), len(word)):
        if ord(word[index]) >= 0x2E80:
            yield index


def _fitting(prefix: str, words: Iterable[Word]) -> Iterator[Word]:
    folded = _folded(prefix)
    return (word for word in words if _folded(word.text).startswith(folded))


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def matching(typed: str, places: Iterable[Place]) -> list[Place]:
    """The conversations with these letters in their names: names that begin with them come first."""
    sought = _folded(typed.strip())
    found = [(place, at) for place in places if (at := _folded(place.name).find(sought)) >= 0]
    return [place for place, at in sorted(found, key=lambda pair: pair[1] > 0)]
