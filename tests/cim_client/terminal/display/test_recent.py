"""How messages that were shown begin."""

import pytest

from cim_client.terminal.display import recent
from cim_client.terminal.display.recent import Begun, Recent
from cim_client.types import Message


def said(seq: int, text: str) -> Message:
    return Message("lobby", seq, "bob", 7, text, "7:d:1", 0, False)


def test_what_was_said() -> None:
    shown = Recent()
    shown.add(said(1, "x" * 10_000))
    shown.own("lobby", 2, "alice", "mine")
    assert shown.get("lobby", 1) == Begun("bob", "x" * recent.MAX_WORDS)
    assert shown.get("lobby", 2) == Begun("alice", "mine")
    assert shown.get("other", 1) == Begun("", "")


def test_it_is_quoted_as_it_is_now() -> None:
    shown = Recent()
    shown.add(said(1, "frist"))
    shown.edited("lobby", 1, "first")
    shown.edited("lobby", 9, "never shown")
    assert shown.get("lobby", 1).words == "first"
    assert shown.get("lobby", 9) == Begun("", "")


def test_what_was_not_shown_lately_is_looked_up() -> None:
    shown = Recent()
    shown.look_up = lambda conversation, seq: said(seq, "kept") if seq == 5 else None
    shown.add(said(6, "shown"))
    assert [shown.get("lobby", seq).words for seq in (4, 5, 6)] == ["", "kept", "shown"]


def test_numbers_given_anew_mean_other_messages() -> None:
    shown = Recent()
    shown.add(said(1, "one"))
    shown.add(said(2, "two"))
    shown.rewound("lobby", 1)
    assert shown.get("lobby", 1).words == "one"
    assert shown.get("lobby", 2).words == ""


def test_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MAX_RECENT", 2)
    shown = Recent()
    for seq in (1, 2, 1, 3):
        shown.add(said(seq, str(seq)))
    assert [shown.get("lobby", seq).words for seq in (1, 2, 3)] == ["1", "", "3"]
