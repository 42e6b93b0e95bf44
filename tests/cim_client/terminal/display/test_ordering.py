"""The order of printed lines is the order of the log, each seq once."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim_client.terminal.display import ordering
from cim_client.terminal.display.lines import Line, plain
from cim_client.terminal.display.ordering import HOLD_S, MAX_HOLD_S, Ordering


def line(text: object) -> Callable[[], list[Line]]:
    return lambda: [[("", str(text))]]


def seen(lines: list[Line]) -> list[str]:
    return [plain(one) for one in lines]


def test_in_turn_it_is_printed_at_once() -> None:
    order = Ordering()
    assert seen(order.message("a", 5, line(5))) == ["5"]
    assert seen(order.early("a", 6, 0, line("mine"))) == ["mine"]
    assert order.held == 0


def test_what_is_early_waits_for_what_is_below_it() -> None:
    order = Ordering()
    order.message("a", 5, line(5))
    assert order.early("a", 7, 0, line("mine")) == []
    assert order.early("a", 8, 0, line("edit")) == []
    assert seen(order.message("a", 6, line(6))) == ["6", "mine", "edit"]


def test_what_is_below_a_message_is_printed_before_it() -> None:
    order = Ordering()
    order.message("a", 5, line(5))
    order.early("a", 7, 0, line("mine"))
    assert seen(order.message("a", 9, line(9))) == ["mine", "9"]


def test_conversations_do_not_wait_for_each_other() -> None:
    order = Ordering()
    order.message("a", 5, line(5))
    order.early("a", 7, 0, line("mine"))
    assert seen(order.message("b", 6, line("b"))) == ["b"]


def test_it_waits_for_what_the_sdk_has_still_to_give() -> None:
    given: dict[str, int | None] = {"a": 3}
    order = Ordering(given.get)
    assert order.early("a", 5, 0, line("mine")) == []
    assert order.due(HOLD_S * 2) == []
    given["a"] = 4
    assert seen(order.due(HOLD_S * 2)) == ["mine"], "what stood there has nothing to print"
    assert seen(order.early("a", 6, 0, line("and mine"))) == ["and mine"]


def test_what_the_sdk_has_given_already_is_not_waited_for() -> None:
    order = Ordering({"a": 3}.get)
    assert seen(order.early("a", 4, 0, line("mine"))) == ["mine"]


def test_it_does_not_wait_for_ever() -> None:
    given: dict[str, int | None] = {"a": None, "b": 3}
    order = Ordering(given.get)
    for name in given:
        order.early(name, 7, 10, line(f"{name}7"))
        order.early(name, 9, 10, line(f"{name}9"))
    assert order.due(10 + HOLD_S / 2) == []
    assert seen(order.due(10 + HOLD_S)) == ["a7", "a9"], "nothing is known of it"
    assert seen(order.due(10 + MAX_HOLD_S)) == ["b7", "b9"]


def test_what_history_has_shown_is_not_printed_again() -> None:
    order = Ordering()
    order.message("a", 5, line(5))
    order.early("a", 9, 0, line("mine") if not order.is_covered("a", 9) else line("again"))
    order.covered("a", 3, 9)
    assert order.is_covered("a", 9)
    assert order.held == 0
    assert order.message("a", 8, line(8)) == []
    assert seen(order.message("a", 10, line(10))) == ["10"]
    assert order.skipped("a") == 0


def test_messages_older_than_all_that_is_shown_are_counted() -> None:
    order = Ordering()
    order.covered("a", 31, 40)
    for seq in range(21, 36):
        order.message("a", seq, line(seq))
    assert order.skipped("a") == 10
    assert order.skipped("a") == 0


def test_history_below_what_was_shown_covers_nothing_new() -> None:
    order = Ordering()
    order.message("a", 40, line(40))
    order.covered("a", 10, 20)
    assert not order.is_covered("a", 41)
    assert seen(order.message("a", 41, line(41))) == ["41"]


def test_a_log_that_was_set_back_is_shown_anew() -> None:
    order = Ordering()
    order.covered("a", 1, 9)
    order.rewound("a", 4)
    assert seen(order.message("a", 5, line(5))) == ["5"]
    assert order.early("a", 7, 0, line("mine")) == [], "of what stood at #6 before nothing follows"


def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "MAX_HELD", 3)
    order = Ordering()
    printed = [text for seq in range(2, 20, 2) for text in seen(order.early("a", seq, 0, line(seq)))]
    assert order.held == 3
    assert printed == [str(seq) for seq in range(2, 14, 2)]


def test_conversations_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "MAX_CONVERSATIONS", 2)
    order = Ordering()
    order.early("a", 7, 0, line("mine"))
    for name in "bcdef":
        order.message(name, 1, line(name))
    assert seen(order.message("a", 6, line(6))) == ["6", "mine"]


@given(st.data())
def test_every_seq_once_and_in_order(data: st.DataObject) -> None:
    """Messages come in order, one's own and events at any time; nothing is given up while all of it still comes."""
    last = data.draw(st.integers(1, 25))
    early = data.draw(st.sets(st.integers(1, last)))
    order = Ordering()
    printed: list[str] = []
    messages = [seq for seq in range(1, last + 1) if seq not in early]
    others = data.draw(st.permutations(sorted(early)))
    while messages or others:
        if messages and (not others or data.draw(st.booleans())):
            seq = messages[0]
            if any(below in others for below in range(1, seq)):  # the SDK tells those first
                seq = 0
            else:
                messages.pop(0)
                printed += seen(order.message("a", seq, line(seq)))
        else:
            seq = 0
        if seq == 0 and others:
            seq = others.pop(0)
            printed += seen(order.early("a", seq, 0, line(seq)))
    assert printed == [str(seq) for seq in range(1, last + 1)]
