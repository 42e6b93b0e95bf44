"""How far one's newest message has got."""

import pytest

from cim_client.terminal.display import receipts
from cim_client.terminal.display.receipts import Receipts


def test_from_stored_to_read() -> None:
    own = Receipts("alice")
    assert own.state("d") == ""
    own.stored("d", 5)
    assert own.state("d") == "✓ stored"
    own.delivered("d", "bob", 5)
    assert own.state("d") == "✓✓ delivered"
    own.read("d", "bob", 5)
    assert own.state("d") == "✓✓ read by bob"
    own.read("d", "carol", 7)
    assert own.state("d") == "✓✓ read by 2"


def test_a_newer_message_is_not_read_yet() -> None:
    own = Receipts("alice")
    own.read("d", "bob", 5)
    own.stored("d", 6)
    assert own.state("d") == "✓ stored"
    own.stored("d", 4)
    own.read("d", "bob", 2)
    assert own.state("d") == "✓ stored"


def test_what_came_first_does_not_matter() -> None:
    own = Receipts("alice")
    own.delivered("d", "bob", 6)
    own.stored("d", 6)
    assert own.state("d") == "✓✓ delivered"


def test_ones_own_devices_do_not_count() -> None:
    own = Receipts("alice")
    own.stored("d", 5)
    own.delivered("d", "alice", 5)
    own.read("d", "alice", 5)
    assert own.state("d") == "✓ stored"


def test_names_are_harmless_and_all_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "MAX_READERS", 2)
    monkeypatch.setattr(receipts, "MAX_CONVERSATIONS", 2)
    own = Receipts("alice")
    own.stored("d", 1)
    own.read("d", "b\x1b[2Jb", 1)
    assert own.state("d") == "✓✓ read by b␛[2Jb"
    for name in ("carol", "dave", "eve"):
        own.read("d", name, 1)
    assert own.state("d") == "✓✓ read by 2"
    own.stored("e", 1)
    own.stored("f", 1)
    assert own.state("d") == ""


def test_who_read_earlier_messages_takes_no_place_of_who_reads_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "MAX_READERS", 2)
    own = Receipts("alice")
    own.stored("d", 5)
    for name in ("bob", "carol"):
        own.read("d", name, 5)
    own.stored("d", 7)
    own.read("d", "dave", 6)
    for name in ("eve", "frank"):
        own.read("d", name, 7)
    assert own.state("d") == "✓✓ read by 2"


def test_of_a_log_that_was_set_back_nothing_is_known() -> None:
    own = Receipts("alice")
    own.stored("d", 5)
    own.rewound("d")
    assert own.state("d") == ""
