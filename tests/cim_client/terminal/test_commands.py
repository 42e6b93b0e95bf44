"""What typed lines mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim_client.terminal.commands import COMMANDS, Action, Ask, Nothing, Say, Wrong, listing, parse


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("", Nothing()),
        ("   \t", Nothing()),
        ("hello", Say("hello")),
        ("  two  spaces ", Say("  two  spaces ")),
        ("a;b", Say("a;b")),
        ("bob;;hello", Say("hello", "bob")),
        ("bob;;a;;b;;", Say("a;;b;;", "bob")),
        (" bob ;; hello", Say(" hello", "bob")),
        ("4294967296;;hello", Say("hello", "4294967296")),
        ("bob;;:olu", Say(":olu", "bob")),
        ("/to bob hello", Say("hello", "bob")),
        ("/to   bob  two words", Say(" two words", "bob")),
        ("/to bob a;;b", Say("a;;b", "bob")),
        (":to bob first\nsecond", Say("first\nsecond", "bob")),
        ("/say for (;;) {}", Say("for (;;) {}")),
        ("/say :olu", Say(":olu")),
        ("::)", Say(":)")),
        ("//etc/passwd", Say("/etc/passwd")),
        ("//a;;b", Say("/a;;b")),
        (":all", Ask.COMMANDS),
        ("/help", Ask.COMMANDS),
        (":olu  ", Ask.ONLINE),
        (":info", Ask.INFO),
        (":q!", Ask.QUIT),
        ("/quit", Ask.QUIT),
    ],
)
def test_understood(line: str, action: Action) -> None:
    assert parse(line) == action


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("/to", "usage: /to NAME TEXT"),
        ("/to bob", "usage: /to NAME TEXT"),
        ("/to bob  ", "usage: /to NAME TEXT"),
        ("/say", "usage: /say TEXT"),
        (":olu now", "usage: :olu"),
        (":q! now", "usage: :q!"),
        (":q", "unknown command :q ("),
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
    action = parse(line)
    assert isinstance(action, Wrong)
    assert hint in action.hint


@given(st.text())
def test_any_line_has_an_action(line: str) -> None:
    action = parse(line)
    if isinstance(action, Say):
        assert action.text.strip()
        assert action.text in line


@given(st.text(), st.sampled_from(":/"))
def test_nothing_that_looks_like_a_command_is_sent_by_mistake(line: str, first: str) -> None:
    action = parse(first + line)
    if isinstance(action, Say):
        assert line.startswith((first, "to", "say"))


def test_the_table_is_sound() -> None:
    names = [name for command in COMMANDS for name in command.names]
    assert len(names) == len(set(names))
    assert all(name[0] in ":/" for name in names)
    for command in COMMANDS:
        assert any(row.startswith(command.usage) and command.meaning in row for row in listing())
