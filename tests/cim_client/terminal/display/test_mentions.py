"""Whether a text says a name."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim_client.terminal.display.mentions import mention_of


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("alice", "alice"),
        ("alice", "hi, Alice!"),
        ("alice", "@ALICE: look"),
        ("josé", "ask Jose\u0301 first"),
        ("мария", "спроси у Мария, пожалуйста"),
        ("小明", "问小明吧"),
        ("민수", "민수야 안녕"),
        ("שרה", "מה שלומך שרה?"),
        ("明", "明: hello"),
        ("a.b", "ping a.b"),
        ("-bob-", "it was -bob-"),
    ],
)
def test_found(name: str, text: str) -> None:
    assert mention_of(name).search(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("alice", "malice"),
        ("alice", "alices"),
        ("alice", "alice_2"),
        ("ann", "anne"),
        ("a.b", "axb"),
        ("明", "明天见"),
        ("jose", "Jose\u0301"),
        ("мария", "марияна"),
    ],
)
def test_not_found(name: str, text: str) -> None:
    assert not mention_of(name).search(text)


@given(st.text(min_size=1), st.text())
def test_any_name_finds_itself_and_no_text_breaks_it(name: str, text: str) -> None:
    mention = mention_of(name)
    assert mention.search(f" {unicodedata.normalize('NFC', name)} ")
    mention.search(text)
