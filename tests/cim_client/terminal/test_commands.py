"""What typed lines mean."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim_client.terminal.commands import COMMANDS, PRIVATE, TEXT, explained, listing, named, parse
from cim_client.terminal.syntax import Command, Wrong
from tests.cim_client.terminal.window import Commands

TO, SAY, ALL, OLU, INFO, QUIT = (named(name)[0] for name in ("to", "say", "all", "olu", "info", "q!"))


@pytest.mark.parametrize(
    ("line", "command", "values"),
    [
        ("hello", TEXT, ("hello",)),
        ("  two  spaces ", TEXT, ("  two  spaces ",)),
        ("a;b", TEXT, ("a;b",)),
        ("bob;;hello", PRIVATE, ("bob", "hello")),
        ("bob;;a;;b;;", PRIVATE, ("bob", "a;;b;;")),
        (" bob ;; hello", PRIVATE, ("bob", " hello")),
        ("4294967296;;hello", PRIVATE, ("4294967296", "hello")),
        ("bob;;:olu", PRIVATE, ("bob", ":olu")),
        ('"release team";;hi', PRIVATE, ("release team", "hi")),
        ("/to bob", TO, ("bob",)),
        ("/to bob hello", TO, ("bob", "hello")),
        ("/to   bob  two words", TO, ("bob", " two words")),
        ("/to bob a;;b", TO, ("bob", "a;;b")),
        (":to bob first\nsecond", TO, ("bob", "first\nsecond")),
        ("/say for (;;) {}", SAY, ("for (;;) {}",)),
        ("/say :olu", SAY, (":olu",)),
        ("::)", TEXT, (":)",)),
        ("//etc/passwd", TEXT, ("/etc/passwd",)),
        ("//a;;b", TEXT, ("/a;;b",)),
        (":all", ALL, ()),
        ("/help", ALL, ()),
        (":help /to", ALL, ("/to",)),
        (":olu  ", OLU, ()),
        ("/olu", OLU, ()),
        (":info", INFO, ()),
        (":q!", QUIT, ()),
        ("/quit", QUIT, ()),
    ],
)
def test_understood(line: str, command: Command, values: tuple[Any, ...]) -> None:
    assert parse(line) == (command, values)


@pytest.mark.parametrize("line", ["", "   \t", "\n"])
def test_blank(line: str) -> None:
    assert parse(line) is None


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("/to", "usage: /to NAME [TEXT]"),
        ("/say", "usage: /say TEXT"),
        (":olu now", "usage: :olu"),
        (":q! now", "usage: :q!"),
        (":ALL", "unknown command :ALL ("),
        (":)", "start with ::"),
        ("/", "unknown command / ("),
        ("/usr/bin is full", "start with //"),
        (";;hello", "NAME;;TEXT"),
        ("bob;;", "NAME;;TEXT"),
        ("bob;;  ", "NAME;;TEXT"),
        ("dear bob;;hello", "NAME;;TEXT"),
        ("for (;;) {}", "/say TEXT"),
    ],
)
def test_one_line_says_the_right_form(line: str, hint: str) -> None:
    with pytest.raises(Wrong) as wrong:
        parse(line)
    assert hint in wrong.value.hint
    assert "\n" not in wrong.value.hint


@given(st.text())
def test_any_line_has_a_meaning_or_a_hint(line: str) -> None:
    try:
        call = parse(line)
    except Wrong:
        return
    if call is None:
        assert not line.strip()
    elif call.command is TEXT:
        (text,) = call.values
        assert text.strip()
        assert text in line


@given(st.text(), st.sampled_from(":/"))
def test_nothing_that_looks_like_a_command_is_sent_by_mistake(line: str, first: str) -> None:
    try:
        call = parse(first + line)
    except Wrong:
        return
    assert call is not None
    if call.command in (TEXT, PRIVATE):
        assert line.startswith(first)


def test_the_table_is_sound() -> None:
    names = [name[1:] for command in COMMANDS for name in command.names if command not in (TEXT, PRIVATE)]
    assert len(names) == len(set(names))
    for command in COMMANDS:
        assert any(row.startswith(command.usage) and command.meaning in row for row in listing(COMMANDS))
        optional = [argument.optional for argument in command.arguments]
        assert optional == sorted(optional), f"{command.usage}: what may be left out comes last"
        if command not in (TEXT, PRIVATE):
            assert all(name[0] in ":/" for name in command.names)
            assert named(command.names[0]) == [command]


def test_help_for_one_command() -> None:
    assert explained(QUIT) == [":q! (also /quit)", "  quit; Ctrl-D on an empty line does the same"]


async def test_help(commands: Commands) -> None:
    await ALL.run(commands.context)
    assert len(commands.printed()) == len(COMMANDS)
    await ALL.run(commands.context, "quit")
    assert commands.printed()[0] == "* :q! (also /quit)"
    with pytest.raises(Wrong):
        await ALL.run(commands.context, "nope")
