"""Foreign text cannot do anything to a terminal: judged by a terminal emulator."""

import unicodedata

import pyte
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from cim_client.terminal.display import lines
from cim_client.terminal.display.sanitize import MAX_NAME_CHARS, one_line, shown_name, text_lines
from tests.terminals import Emulator

COLUMNS = 80

hostile = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "\x1b[2J", "\x1b[31m", "\x1b[6n", "\x1b[c", "\x1b]0;title\x07", "\x1b[1;1H", "\x1bc", "\x1b[?1049h",
                "\x9b2J", "\x9d0;t\x9c", "\x1bP+q\x1b\\", "\r", "\n", "\r\n", "\b\b\b", "\t", "\v", "\f", "\x85",
                "\u2028", "\u2029",
                "\u202e", "\u2066", "\u200f", "\ufeff", "\u200b", "\xad", "\x0e", "\x0f", "\x05", "\x7f", "\x00",
                " " * 70, "10:02 carol: I agree",
            ]
        ),
        st.text(st.characters(max_codepoint=0xFF), max_size=12),
        st.text(max_size=6),
    ),
    max_size=12,
).map("".join)  # fmt: skip


def shown(sender: str, text: str) -> tuple[Emulator, list[str]]:
    """What the emulator looks like after the message, and the rows that were meant."""
    rows = [lines.plain(line) for line in lines.message(lines.Head("10:02", sender), text, COLUMNS)]
    screen = Emulator(COLUMNS, 400)
    pyte.Stream(screen).feed("".join(row + "\r\n" for row in rows))
    return screen, rows


@given(hostile, hostile)
def test_a_message_takes_its_rows_and_does_nothing_else(sender: str, text: str) -> None:
    screen, rows = shown(sender, text)
    assert (screen.cursor.y, screen.cursor.x) == (len(rows), 0)
    assert screen.answers == []
    assert screen.title == screen.icon_name == ""
    assert screen.mode == Emulator(COLUMNS, 400).mode
    assert screen.cursor.attrs == screen.default_char
    assert all(
        cell._replace(data=" ") == screen.default_char for row in screen.buffer.values() for cell in row.values()
    )


@given(hostile, hostile)
def test_only_the_first_row_has_a_sender(sender: str, text: str) -> None:
    _, rows = shown(sender, text)
    assert rows[0][5] == " "
    name, head = shown_name(sender), rows[0][6:].lstrip("\u2068").replace("\u2069", "", 1)
    cut = head.partition("…")[0]
    assert head.startswith(name[:6]) or (cut and name.startswith(cut))
    assert all(row.startswith("      │ ") for row in rows[1:])


@given(hostile, hostile)
def test_no_row_is_longer_than_the_terminal(sender: str, text: str) -> None:
    _, rows = shown(sender, text)
    assert all(wcswidth(row) < COLUMNS for row in rows)


@given(st.text())
def test_nothing_invisible_or_acting_is_left(text: str) -> None:
    for harmless in (*text_lines(text), one_line(text), shown_name(text)):
        left = [
            c for c in harmless if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp", "Cf") and c not in "\u200c\u200d"
        ]
        assert left == []


def test_what_it_looks_like() -> None:
    assert text_lines("\x1b[31mred") == ["␛[31mred"]
    assert text_lines("a\r\nb\nc\rd") == ["a", "b", "c", "d"]
    assert text_lines("pay \u202e001\u202c €") == ["pay \\u202e001\\u202c €"]
    assert text_lines("\x9b2J\x7f") == ["\\x9b2J␡"]
    assert text_lines("\U000e0041") == ["\\U000e0041"]
    assert one_line("not\nnow") == "not␊now"


def test_ordinary_writing_is_untouched() -> None:
    for text in ("grüß dich", "שלום", "नमस्ते", "می‌خواهم", "👩‍👩‍👧 👍🏽 ✌️", "e\u0301", "漢字 かな 한글"):
        assert text_lines(text) == [text]


def test_marks_do_not_pile_up() -> None:
    assert one_line("a" + "\u0301" * 6) == "a" + "\u0301" * 4 + "\\u0301" * 2
    assert one_line("\u0301x") == "\\u0301x"


def test_a_name_is_one_short_word() -> None:
    assert shown_name("bob: hi\nalice") == "bob:␣hi␊alice"
    assert shown_name("a\u200cb\u3000c") == "a\\u200cb␣c"
    assert shown_name("") == "(no name)"
    assert len(shown_name("x" * 500)) == MAX_NAME_CHARS
