"""What a list of arguments cannot describe."""

from typing import Any

import pytest

from cim_client.terminal.commands import forms
from cim_client.terminal.commands.forms import Message
from cim_client.terminal.commands.syntax import Wrong


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hello", Message("", "hello")),
        ("bob;;a;;b", Message("bob", "a;;b")),
        ("::)", Message("", ":)")),
        (":smile: hello", Message("", ":smile: hello")),
        ("//a;;b", Message("", "/a;;b")),
        (":olu", None),
        ("/to bob hello", None),
    ],
)
def test_a_message_or_a_command(line: str, message: Message | None) -> None:
    assert forms.message(line) == message


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("hello 5", ("", "hello", 5.0)),
        ("bob;;hello you 0.5", ("bob", "hello you", 0.5)),
        ("one\ntwo 5", ("", "one\ntwo", 5.0)),
        ("5", None),
        ("hello", None),
        ("hello -5", None),
        ("hello 0", None),
        ("", None),
    ],
)
def test_delay(text: str, values: tuple[Any, ...] | None) -> None:
    assert forms.delay(text) == values


@pytest.mark.parametrize("text", [":olu 5", "/to bob hello 5", ";;hello 5"])
def test_only_a_message_can_wait(text: str) -> None:
    with pytest.raises(Wrong):
        forms.delay(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"tea at 5?" in 10m', ("", "tea at 5?")),
        ('"a" and "b" in 10m', ("", 'a" and "b')),
        ("look at 18:00 at 19:00", ("", "look at 18:00")),
        ('bob;;"tea" in 10m', ("bob", '"tea"')),
        ('"bob;;tea" at 2030-12-01 18:00', ("bob", "tea")),
    ],
)
def test_later(text: str, message: tuple[str, str]) -> None:
    values = forms.later(text)
    assert values is not None
    assert values[:2] == message


@pytest.mark.parametrize("text", ["", "tea", "tea at noon", "in 10m", '"" in 10m', "tea in", "tea in 10"])
def test_later_has_another_form(text: str) -> None:
    assert forms.later(text) is None


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", (20, "", None)),
        ("5", (5, "", None)),
        ("99999", (500, "", None)),
        ("5 before #17", (5, "#17", None)),
        ("before ^", (20, "^", None)),
        ("0", None),
        ("five", None),
        ("5 after 3", None),
        ("before", None),
        ("before 2026-13-01 10:00", None),
    ],
)
def test_history(text: str, values: tuple[Any, ...] | None) -> None:
    assert forms.history(text) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", ("", frozenset())),
        ("two words", ("two words", frozenset())),
        ("--server --here two words", ("two words", frozenset(["--server", "--here"]))),
        ("words --server", ("words --server", frozenset())),
        ("--more", ("", frozenset(["--more"]))),
        ("--more words", None),
    ],
)
def test_search(text: str, values: tuple[Any, ...] | None) -> None:
    assert forms.search(text) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("out.json", ("out.json", "", False)),
        ('"my chat.txt" text overwrite', ("my chat.txt", "text", True)),
        ("a overwrite json", ("a", "json", True)),
        ("a b", None),
        ("a json text", None),
        ("", None),
    ],
)
def test_export(text: str, values: tuple[Any, ...] | None) -> None:
    assert forms.export(text) == values


def test_names_and_a_group() -> None:
    assert forms.names_and_group("bob carol in ops") == (["bob", "carol"], "ops")
    assert forms.names_and_group('bob in "release team"') == (["bob"], "release team")
    assert forms.names_and_group("bob in") == (["bob", "in"], "")
    assert forms.names_and_group("") is None
    assert forms.name_role_and_group("bob admin") == ("bob", "admin", "")
    assert forms.name_role_and_group("bob king") is None
