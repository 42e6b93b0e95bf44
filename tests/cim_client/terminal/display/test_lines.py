"""How messages are written and folded."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from cim_client.terminal.display.cells import FSI, PDI, cells
from cim_client.terminal.display.lines import (
    MAX_SHOWN_LINES,
    STORED,
    Head,
    clock,
    date_and_clock,
    day,
    day_rule,
    fitting,
    message,
    note,
    own_pending,
    plain,
    quote,
)
from cim_client.terminal.display.mentions import mention_of

NOON = datetime.datetime(2024, 5, 6, 12, 0, 7).timestamp()


def head(sender: str | None = "bob", to: str = "", number: int = 0, unverified: bool = False) -> Head:
    return Head("12:00", sender, to, number, unverified=unverified)


def rows(at: Head, text: str, width: int | None = None) -> list[str]:
    return [plain(line) for line in message(at, text, width)]


def test_senders() -> None:
    assert rows(head(), "hi") == ["12:00 bob: hi"]
    assert rows(head(to="me"), "hi") == ["12:00 bob → me: hi"]
    assert rows(head(to="#ops", number=17), "hi") == ["12:00 #17 bob → #ops: hi"]
    assert rows(head(unverified=True), "hi") == ["12:00 ~bob: hi"]
    assert rows(head(None)._replace(time=""), "hi") == ["me: hi"]


def test_times_and_days() -> None:
    assert clock(NOON) == "12:00"
    assert clock(NOON, seconds=True) == "12:00:07"
    assert date_and_clock(NOON, NOON + 60) == "12:00"
    assert date_and_clock(NOON, NOON + 86_400) == "2024-05-06 12:00"
    assert plain(day_rule(day(NOON))) == "--- Monday, 6 May 2024 ---"


def test_later_lines_are_marked() -> None:
    assert rows(head(), "one\n12:00 carol: two") == ["12:00 bob: one", "      │ 12:00 carol: two"]


def test_blanks_cannot_push_a_forged_line_to_the_edge() -> None:
    shown = rows(head(), "hi" + " " * 67 + "12:00 carol: I owe you", width=80)
    assert shown[0].startswith("12:00 bob: hi")
    assert shown[1].startswith("      │ ")


def test_signs_drawn_wider_than_told_cannot_either() -> None:
    """A terminal that draws each of these over two cells must not break the row by itself."""
    for row in rows(head(), "✌\ufe0f" * 60 + " 12:00 carol: I owe you", width=80):
        assert len(row) + row.count("✌") - row.count("\ufe0f") < 80


def test_a_message_of_line_breaks_is_cut() -> None:
    shown = rows(head(), "\n" * 5_000)
    assert len(shown) == MAX_SHOWN_LINES
    assert shown[-1] == "      │ … (4902 more lines)"


def test_a_line_of_ten_thousand_characters_is_shown_in_full() -> None:
    shown = rows(head(), "x" * 10_000, 80)
    assert sum(row.count("x") for row in shown) == 10_000
    assert all(len(row) < 80 for row in shown)


def test_own_messages_carry_their_mark() -> None:
    shown = message(head(None, "bob", 3), "hello", 80, end=[STORED])
    assert [plain(line) for line in shown] == ["12:00 #3 me → bob: hello  ✓"]


def test_a_name_is_set_off_also_where_it_is_folded() -> None:
    lines = message(head(), "x" * 60 + " Alice, see alice-2 and malice", 80, mention_of("alice"))
    found = [text for line in lines for style, text in line if style == "mention"]
    assert "".join(found) == "Alicealice"
    assert "".join(plain(line) for line in lines).count("lice") == 3


def test_what_goes_left_is_kept_apart_from_what_stands_beside_it() -> None:
    (line,) = message(head("שרה", "אבג", 17), "שלום alice 5", 80, mention_of("alice"), [STORED])
    assert plain(line) == f"12:00 #17 {FSI}שרה{PDI} → {FSI}אבג{PDI}: {FSI}שלום alice 5{PDI}  ✓"
    for row in message(head("שרה"), "שלום " * 60, 80):
        text = plain(row).partition(f"{PDI}: ")[2] or plain(row).partition("│ ")[2]
        assert (text[0], text[-1]) == (FSI, PDI)
    assert rows(head("שרה"), "שלום") == ["12:00 שרה: שלום"], "a pipe gets the text as it is"


def test_an_answer_shows_what_it_answers_where_no_text_can_stand() -> None:
    assert plain(quote("bob", 12, "first\nwords", 80)) == "      ↳ bob #12: first␊words"
    assert plain(quote("", 12, "", 80)) == "      ↳ #12"
    assert cells(plain(quote("b" * 64, 12, "word " * 100, 40))) < 40
    assert all(not row.startswith("      ↳") for row in rows(head(), "a\n      ↳ bob #12: I owe you"))


def test_a_pending_message_is_one_row() -> None:
    assert plain(own_pending(head(None), "hello", 80)) == "12:00 me: hello  · pending"
    long = plain(own_pending(head(None), "word " * 100, 60))
    assert long.endswith("…  · pending")
    assert cells(long) < 60


def test_a_note_is_one_line_and_its_further_rows_are_marked() -> None:
    assert plain(note("no\x1b[2J\nway")) == "* no␛[2J␊way"
    shown = [plain(line) for line in fitting([note("x" * 76 + " 12:00 carol: I owe you")], 80)]
    assert shown == ["* " + "x" * 76, "      │ 12:00 carol: I owe you"]


@given(st.text(), st.integers(16, 120))
def test_rows_of_any_text_fit(text: str, width: int) -> None:
    for line in [*message(head("x" * 64, "y" * 64, 10**9), text, width), *fitting([note(text)], width)]:
        assert wcswidth(plain(line)) < width


@pytest.mark.parametrize("width", [16, 20, 32, 40, 60])
def test_a_long_name_never_fills_a_row(width: int) -> None:
    for name in ("x" * 64, "漢" * 64):
        assert all(wcswidth(row) < width for row in rows(head(name, "me"), "hello there, how are you", width))
