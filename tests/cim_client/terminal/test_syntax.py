"""How a typed line is read by a list of arguments."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim_client.terminal.syntax import Argument, Command, Wrong, word, words

ONE = Argument("NAME", "user")
MANY = Argument("NAME...", "user")
NUMBER = Argument("[N]", "number")
REST = Argument("TEXT", "text")
ROLE = Argument("ROLE", "role", ("admin", "member"))


async def nothing(*_: Any) -> None:
    """The action of a command of which only the form counts."""


def command(*arguments: Argument) -> Command:
    return Command(("/do",), arguments, "", "", nothing)


@pytest.mark.parametrize(
    ("arguments", "text", "values"),
    [
        ((), "", ()),
        ((ONE,), "bob", ("bob",)),
        ((ONE,), '"release team"  ', ("release team",)),
        ((ONE,), 'say"cheese', ('say"cheese',)),
        ((ONE, ROLE), "bob admin", ("bob", "admin")),
        ((ONE, MANY), "ops bob  carol", ("ops", ["bob", "carol"])),
        ((NUMBER,), "", ()),
        ((NUMBER,), "20", (20,)),
        ((ONE, REST), "bob  two  words ", ("bob", " two  words ")),
        ((ONE, REST), "bob one\ntwo", ("bob", "one\ntwo")),
        ((REST,), '"as it is"', ('"as it is"',)),
    ],
)
def test_understood(arguments: tuple[Argument, ...], text: str, values: tuple[Any, ...]) -> None:
    assert command(*arguments).values(text) == values


@pytest.mark.parametrize(
    ("arguments", "text", "usage"),
    [
        ((), "now", "usage: /do"),
        ((ONE,), "", "usage: /do NAME"),
        ((ONE,), "bob carol", "usage: /do NAME"),
        ((ONE, ROLE), "bob king", "usage: /do NAME ROLE"),
        ((NUMBER,), "many", "usage: /do [N]"),
        ((NUMBER,), "٣", "usage: /do [N]"),
        ((NUMBER,), "9" * 5_000, "usage: /do [N]"),
        ((ONE, REST), "bob  ", "usage: /do NAME TEXT"),
        ((ONE,), '""', "usage: /do NAME"),
    ],
)
def test_one_line_says_the_right_form(arguments: tuple[Argument, ...], text: str, usage: str) -> None:
    with pytest.raises(Wrong) as wrong:
        command(*arguments).values(text)
    assert wrong.value.hint == usage


@given(st.text())
def test_words_end(text: str) -> None:
    assert all(len(one) <= len(text) for one in words(text))
    first, rest = word(text)
    assert first in text
    assert text.endswith(rest)
