"""What a search looks for, checked against SQLite and against plain Python."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim_client.store.search import MAX_SPANS, sought

LETTERS = st.text(st.sampled_from("aAbß ΣσςИи会议%_*?[]^\\\"'"), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def db() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:")
    made.execute("CREATE VIRTUAL TABLE texts USING fts5(text, tokenize='trigram', detail='none')")
    return made


@given(words=LETTERS, around=LETTERS)
def test_whatever_holds_it_is_a_candidate(db: sqlite3.Connection, words: str, around: str) -> None:
    what = sought(words)
    assert what is not None
    text = around + words.swapcase() + around
    escape = " ESCAPE '\\'" if what.operator == "LIKE" else ""
    for candidate in (around + words + around, text if what.spans(text) else words):
        assert what.spans(candidate)
        assert db.execute(f"SELECT ? {what.operator} ?{escape}", (candidate, what.pattern)).fetchone() == (1,)
        if what.match:
            db.execute("DELETE FROM texts")
            db.execute("INSERT INTO texts VALUES (?)", (candidate,))
            assert db.execute("SELECT count(*) FROM texts WHERE texts MATCH ?", (what.match,)).fetchone() == (1,)


def test_where_it_stands() -> None:
    what = sought("ab")
    assert what is not None
    assert what.spans("abcAB") == ((0, 2), (3, 5))
    assert what.spans("a b") == ()
    assert len(what.spans("ab" * 500)) == MAX_SPANS


def test_two_characters_are_not_asked_of_the_index() -> None:
    two, three = sought("会议"), sought("会议室")
    assert two is not None
    assert three is not None
    assert (two.match, three.match) == ("", '"会议室"')
