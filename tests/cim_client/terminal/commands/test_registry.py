"""What typed lines mean."""

from inspect import signature
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim_client.terminal.commands.registry import COMMANDS, PRIVATE, TEXT, explained, listing, named, parse
from cim_client.terminal.commands.syntax import Command, Wrong
from tests.cim_client.terminal.window import Commands

TO, SAY, ALL, OLU, INFO, QUIT = (named(name)[0] for name in ("to", "say", "all", "olu", "info", "q!"))


LINES = (
    "text", "bob;;text", "/to bob", "/to bob text", "/say text", "/next", "/retry", ":ai", ":qai", "/reply 17 text",
    "/react 17 :+1:", "/unreact 17 :+1:", "/edit ^ text", "/recall ^", "/pin 17", "/unpin 17", ":emoji", ":emoji 2",
    ":olu", ":pu bo", "/who", "/who bob", "/block bob", "/unblock bob", "/mute", "/unmute bob", "/group create ops",
    "/group create ops bob carol", "/group list", "/group members", "/group members ops", "/group invite bob",
    "/group invite bob carol in ops", "/group kick bob", "/group ban bob in ops", "/group unban bob",
    "/group role bob admin", "/group role bob owner in ops", "/group rename night ops", "/group topic what runs",
    "/group leave", "/group leave ops", "/group dissolve ops", ":q", ":q two words", "/search --server words",
    "/history", "/history 20", "/history before 2026-01-02 10:00",
    "/export out", "/export out text overwrite", ":delay text 5", ":delay bob;;two words 5",
    "/later text in 10m", '/later "text" at 18:00', "/scheduled", "/scheduled list", "/scheduled cancel ab12", ":all",
    "/help to", ":info", "/set", "/set bell", "/set bell all", "/devices", "/logout", "/logout d1", ":q!",
)  # fmt: skip
"""Every command, in every form."""

WORDS = (
    "bob",
    "#17",
    "^",
    "in",
    "ops",
    "at",
    "18:00",
    "10m",
    "5",
    "before",
    "--more",
    "on",
    "admin",
    '"a b"',
    '"',
    ";;",
)


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
        ("/help a b", "usage: /help [COMMAND]"),
        (":search --more x", "usage: :search "),
        ("/group", "usage: /group create|list|members|"),
        (":group befriend bob", "(/help group explains them)"),
        ("/group invite", "usage: /group invite NAME... [in GROUP]"),
        ("/scheduled foo", "usage: /scheduled list|cancel (/help scheduled explains them)"),
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
        assert any(row.startswith(command.usage) for row in listing(COMMANDS))
        assert any(row.endswith("  " + command.meaning) for row in listing(COMMANDS))
        optional = [argument.optional for argument in command.arguments]
        assert optional == sorted(optional), f"{command.usage}: what may be left out comes last"
        if command not in (TEXT, PRIVATE):
            assert all(name[0] in ":/" for name in command.names)
            assert named(command.names[0]) == [command]


def test_help_for_one_command() -> None:
    assert explained(QUIT) == [":q! (also /quit)", "  quit; Ctrl-D on an empty line does the same"]


async def test_help(commands: Commands) -> None:
    rows = await commands.run(":all")
    assert sum(row.startswith("* -- ") for row in rows) == len({command.section for command in COMMANDS})
    assert len(rows) > len(COMMANDS)
    assert (await commands.run("/help quit"))[0] == "* :q! (also /quit)"
    assert len(await commands.run("/help group")) == 2 * sum("/group" in row for row in rows)
    keys = await commands.run("/help keys")
    assert keys[0] == "* Enter           send"
    assert any(row.startswith("* Ctrl-K ") for row in keys)
    with pytest.raises(Wrong, match="there is no command nope"):
        await commands.run("/help nope")


def test_values_fit_the_actions() -> None:
    for line in LINES:
        call = parse(line)
        assert call is not None
        signature(call.command.run).bind(None, *call.values)
    assert {parse(line).command for line in LINES} == set(COMMANDS)  # type: ignore[union-attr]


@given(st.sampled_from(COMMANDS), st.text() | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_any_arguments_have_one_meaning_or_one_line(command: Command, arguments: str) -> None:
    """Whatever is typed behind a command: values its action takes, or one line with the right form."""
    line = f"{command.names[0]} {arguments}"
    try:
        call = parse(line)
    except Wrong as wrong:
        hint = wrong.hint
    else:
        assert call is not None
        signature(call.command.run).bind(None, *call.values)
        hint = ""
    assert "\n" not in hint
