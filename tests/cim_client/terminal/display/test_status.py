"""The bar fits, and what matters most stays in it."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from cim_client.terminal.display.cells import cells
from cim_client.terminal.display.conversations import Unread
from cim_client.terminal.display.status import AI, Status, bar

QUIET = Status("alice", "connected to s1", True, "lobby")
BUSY = Status(
    "alice",
    "reconnecting in 2 s",
    False,
    "#ops",
    [Unread("g", "dev", 3), Unread("d", "bob", 1)],
    "carol is typing",
    2,
    "✓✓ read by bob",
)


def test_what_it_looks_like() -> None:
    assert bar(QUIET, 80) == " alice · lobby · connected to s1 · :all lists the commands"
    assert bar(BUSY, 200) == (
        " alice · #ops · reconnecting in 2 s · 2 pending · dev 3, bob 1 · ✓✓ read by bob · carol is typing"
        " · :all lists the commands"
    )


def test_the_narrower_the_less() -> None:
    assert bar(BUSY, 80) == " #ops · reconnecting in 2 s · 2 pending · dev 3, bob 1 · ✓✓ · carol is typing"
    assert bar(BUSY, 60) == " #ops · reconnecting in 2 s · 2 pending · dev 3, bob 1"
    assert bar(BUSY, 40) == " #ops · reconnecting in 2 s · 2 pending"
    assert bar(BUSY, 30) == " #ops · reconnecting in 2 s"
    assert bar(BUSY, 24) == " reconnecting in 2 s"
    assert bar(BUSY, 12) == " reconnect…"


def test_that_nothing_is_sent_matters_most() -> None:
    assert bar(BUSY._replace(answering=True), 80).startswith(f" {AI} · ")
    assert bar(BUSY._replace(answering=True), 22) == f" {AI}"


def test_many_unread_conversations_are_counted() -> None:
    unread = [Unread(str(n), f"group{n}", n) for n in range(1, 9)]
    assert "group1 1, group2 2, group3 3, group4 4, group5 5, 3 more" in bar(QUIET._replace(unread=unread), 200)
    assert "36 new" in bar(QUIET._replace(unread=unread), 40)


@given(
    st.builds(
        Status,
        st.text(),
        st.text(),
        st.booleans(),
        st.text(),
        st.lists(st.builds(Unread, st.just("g"), st.text(), st.integers(1, 10**6)), max_size=8),
        st.sampled_from(["", "bob is typing"]),
        st.integers(0, 300),
        st.sampled_from(["", "✓✓ read by bob"]),
        st.booleans(),
    ),
    st.integers(5, 300),
)
def test_it_fits_any_width_and_is_one_harmless_row(status: Status, width: int) -> None:
    row = bar(status, width)
    assert cells(row) < width
    assert all(
        unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp", "Cf") or c in "\u2068\u2069\u200c\u200d" for c in row
    )
