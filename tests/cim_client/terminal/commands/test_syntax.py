"""How a typed line is read by a list of arguments."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim_client.terminal.commands.syntax import Argument, Command, word, words

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
    ("arguments", "text"),
    [
        ((), "now"),
        ((ONE,), ""),
        ((ONE,), "bob carol"),
        ((ONE, ROLE), "bob king"),
        ((NUMBER,), "many"),
        ((NUMBER,), "٣"),
        ((NUMBER,), "9" * 5_000),
        ((ONE, REST), "bob  "),
        ((ONE,), '""'),
    ],
)
def test_another_form(arguments: tuple[Argument, ...], text: str) -> None:
    assert command(*arguments).values(text) is None


def test_the_form() -> None:
    assert command(ONE, MANY, NUMBER).usage == "/do NAME NAME... [N]"
    assert command().usage == "/do"


@given(st.text())
def test_words_end(text: str) -> None:
    assert all(len(one) <= len(text) for one in words(text))
    first, rest = word(text)
    assert first in text
    assert text.endswith(rest)
