"""How text is measured and broken."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from cim_client.terminal.display.cells import cells, cut, goes_left, isolated, spans

printable = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")))


def folded(text: str, first: int, rest: int, floor: int = 0) -> list[str]:
    return [text[start:end] for start, end in spans(text, first, rest, floor)]


@given(printable, st.integers(2, 40), st.integers(2, 40))
def test_folding_keeps_the_text_and_the_width(text: str, first: int, rest: int) -> None:
    rows = folded(text, first, rest)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")
    assert all(cells(row) <= room for row, room in zip(rows, [first] + [rest] * len(rows), strict=False))


def test_folding_prefers_blanks() -> None:
    assert folded("one two three", 8, 5) == ["one two", "three"]
    assert folded("漢字漢字", 5, 4) == ["漢字", "漢字"]


def test_no_blank_of_the_head_is_a_place_to_break() -> None:
    assert folded("12:00 bob: abcdefghijkl", 15, 15, floor=11) == ["12:00 bob: abcd", "efghijkl"]


@given(printable)
def test_nothing_is_measured_too_short(text: str) -> None:
    assert cells(text) >= wcswidth(text)


def test_what_some_terminals_draw_wide_counts_as_wide() -> None:
    assert cells("✌\ufe0f") == 2
    assert cells("🇩🇪") == cells("👍🏽") == 4
    assert cells("ः") == 1


@given(printable, st.integers(2, 40))
def test_what_is_cut_fits_and_says_so(text: str, room: int) -> None:
    short = cut(text, room)
    assert cells(short) <= room
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))


def test_a_cut_keeps_marks_with_their_letter() -> None:
    assert cut("e\u0301" * 5, 3) == "e\u0301" * 2 + "…"


@given(st.characters(exclude_categories=["Cn"]))
def test_every_letter_that_goes_left_is_known(char: str) -> None:
    if unicodedata.bidirectional(char) in ("R", "AL", "AN") and unicodedata.category(char) != "Cf":
        assert goes_left(char)


def test_isolates_stand_only_around_what_goes_left() -> None:
    assert isolated("שלום 1") == "\u2068שלום 1\u2069"
    for text in ("grüß dich", "漢字", "привет", "hi"):
        assert isolated(text) == text
