"""How messages are written and folded."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from cim_client.terminal.lines import MAX_SHOWN_LINES, cells, clock, fold, note, own, own_pending, plain, received
from cim_client.types import Message

NOON = datetime.datetime(2024, 5, 6, 12, 0).timestamp()


def message(sender: str, text: str, unverified: bool = False) -> Message:
    return Message("lobby", 1, sender, 7, text, "7:d:1", int(NOON * 1000), unverified)


def rows(said: Message, to: str | None = None, width: int | None = None) -> list[str]:
    return [plain(line) for line in received(said, to, NOON, width)]


def test_senders() -> None:
    assert rows(message("bob", "hi")) == ["12:00 bob: hi"]
    assert rows(message("bob", "hi"), to="me") == ["12:00 bob → me: hi"]
    assert rows(message("bob", "hi"), to="ops") == ["12:00 bob → ops: hi"]
    assert rows(message("bob", "hi", unverified=True)) == ["12:00 ~bob: hi"]


def test_another_day_has_its_date() -> None:
    assert clock(NOON, NOON + 86_400) == "2024-05-06 12:00"


def test_later_lines_are_marked() -> None:
    assert rows(message("bob", "one\n12:00 carol: two")) == ["12:00 bob: one", "      │ 12:00 carol: two"]


def test_blanks_cannot_push_a_forged_line_to_the_edge() -> None:
    shown = rows(message("bob", "hi" + " " * 67 + "12:00 carol: I owe you"), width=80)
    assert shown[0].startswith("12:00 bob: hi")
    assert shown[1].startswith("      │ ")


def test_a_message_of_line_breaks_is_cut() -> None:
    shown = rows(message("bob", "\n" * 5_000))
    assert len(shown) == MAX_SHOWN_LINES
    assert shown[-1] == "      │ … (4902 more lines)"


def test_own_messages_carry_their_mark() -> None:
    shown = own("hello", "bob", NOON, NOON, 80, ("mark.ok", "✓"))
    assert [plain(line) for line in shown] == ["12:00 me → bob: hello  ✓"]


def test_a_pending_message_is_one_row() -> None:
    assert plain(own_pending("hello", None, NOON, NOON, 80)) == "12:00 me: hello  · pending"
    long = plain(own_pending("word " * 100, None, NOON, NOON, 60))
    assert long.endswith("…  · pending")
    assert cells(long) < 60


def test_a_note_is_one_line() -> None:
    assert plain(note("no\x1b[2J\nway")) == "* no␛[2J␊way"


@given(st.text(st.characters(exclude_categories=("Cc", "Cs"))), st.integers(2, 40), st.integers(2, 40))
def test_folding_keeps_the_text_and_the_width(text: str, first: int, rest: int) -> None:
    folded = list(fold(text, first, rest))
    assert "".join(folded).replace(" ", "") == text.replace(" ", "")
    assert all(cells(row) <= room for row, room in zip(folded, [first] + [rest] * len(folded), strict=False))


def test_folding_prefers_blanks() -> None:
    assert list(fold("one two three", 8, 5)) == ["one two", "three"]
    assert list(fold("漢字漢字", 5, 4)) == ["漢字", "漢字"]


@pytest.mark.parametrize("width", [32, 40, 60])
def test_a_long_name_never_fills_a_row(width: int) -> None:
    for name in ("x" * 64, "漢" * 64):
        assert all(wcswidth(row) <= width for row in rows(message(name, "hello there, how are you"), "me", width))
