"""Whatever peers and servers say, the window shows exactly our rows, and the terminal is left as it was.

A hostile peer decides names, titles, texts, reactions, topics, replies, and what events and errors say. All of it goes
through a `Screen`; an emulator draws the rows. Each row must come out as it went in: nothing moved the cursor, changed
a mode, made the terminal answer or wrapped.
"""

import unicodedata

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st

from cim_client.terminal.display.cells import FSI, PDI
from cim_client.terminal.display.lines import Line, note, plain
from cim_client.terminal.display.screen import Connection, Screen, Settlement
from cim_client.types import Conversation, Event, Message, Reaction
from cim_common import ids
from tests.cim_client.terminal.display.test_sanitize import hostile
from tests.terminals import Emulator

COLUMNS = 60
ME, PEER = 2**32, 2**32 + 7
PLACES = [ids.LOBBY, ids.direct(ME, PEER), "g-" + "0" * 16]
NOW = 1_700_000_000.0

right_to_left = st.sampled_from(["שלום", "مرحبا", "שלום 5 alice", "✌\ufe0f" * 40, "👩‍👩‍👧" * 20, "नमस्ते", "é" * 70])
text = st.one_of(hostile, right_to_left, st.builds(str.__add__, hostile, right_to_left))

messages = st.builds(
    Message,
    st.sampled_from(PLACES),
    st.integers(1, 50),
    text,
    st.sampled_from([ME, PEER]),
    text,
    st.just(""),
    st.just(int(NOW * 1000)),
    st.booleans(),
    st.integers(0, 50),
    st.integers(0, 1),
    st.booleans(),
    st.lists(st.builds(Reaction, text, st.integers(1, 9), st.booleans()), max_size=2).map(tuple),
)
events = st.builds(
    Event,
    st.sampled_from(
        ["edited", "recalled", "reaction", "joined", "left", "kicked", "conversation", "notice", "typing", "read"]
    ),
    st.sampled_from(["", "added", "created", "new", "renamed", "role", "pinned", "blocked", "rewound", "storage"]),
    conversation=st.sampled_from(PLACES),
    seq=st.integers(0, 50),
    text=text,
    user=text,
    targets=st.lists(text, max_size=3).map(tuple),
    ref=st.integers(0, 50),
    role=text,
)
listings = st.builds(
    Conversation,
    st.sampled_from(PLACES),
    text,
    st.just("member"),
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(0, 50),
    st.booleans(),
    st.booleans(),
    st.just(2),
    text,
    st.booleans(),
    st.just(0),
    st.just(PEER),
)
failures = st.builds(Settlement, text, st.booleans())


def drive(screen: Screen, step: object) -> list[Line]:
    match step:
        case Message():
            return screen.received(step)
        case Event():
            return screen.happened(step)
        case Conversation():
            screen.conversations.listed(step)
            return screen.switch(step.id, [])
        case Settlement():
            return screen.settled_key(screen.sending(step.reason, PLACES[1], step.reason, 3), step)
        case str():
            screen.connection = Connection("closed", step, 0.0, step)
            screen.sending(step, PLACES[2], step)
    return []


def drawn(rows: list[Line]) -> Emulator:
    emulator = Emulator(COLUMNS, 1_000)
    pyte.Stream(emulator).feed("".join(plain(row) + "\r\n" for row in rows))
    return emulator


@settings(max_examples=300)
@given(st.lists(st.one_of(messages, messages, events, listings, failures, text), max_size=12))
def test_the_terminal_shows_our_rows_and_nothing_else(steps: list[object]) -> None:
    screen = Screen("alice", ME, lambda: COLUMNS, lambda: NOW, lambda: 0.0)
    rows: list[Line] = []
    for step in steps:
        rows += drive(screen, step)
    rows += [*screen.all_held(), *screen.pending_rows(), [("", screen.toolbar())]]
    emulator = drawn(rows)
    untouched = Emulator(COLUMNS, 1_000)
    assert emulator.answers == []
    assert emulator.bells == 0
    assert (emulator.title, emulator.icon_name) == ("", "")
    assert emulator.mode == untouched.mode
    assert emulator.cursor.attrs == untouched.default_char
    assert (emulator.cursor.y, emulator.cursor.x) == (len(rows), 0)
    for number, row in enumerate(rows):
        assert seen(emulator.row(number)) == seen(plain(row))


@given(st.lists(st.one_of(messages, events, failures), max_size=8))
def test_only_our_own_signs_stand_at_the_left_edge(steps: list[object]) -> None:
    screen = Screen("alice", ME, lambda: COLUMNS, lambda: NOW, lambda: 0.0)
    for row in [line for step in steps for line in drive(screen, step)]:
        first = row[0]
        assert first[0] in ("time", "mark", "quote", "rule")
        if first[0] == "mark":
            assert first[1].startswith(("* ", "      │ "))
        assert plain(row).count(FSI) == plain(row).count(PDI)


@given(text)
def test_notes_of_others_making_are_as_harmless(said: str) -> None:
    emulator = drawn([note(said)])
    assert emulator.answers == []
    assert emulator.cursor.attrs == Emulator(COLUMNS, 1).default_char


def seen(row: str) -> str:
    """A row as far as an emulator keeps it: composed, without what has no width."""
    kept = "".join(char for char in row if unicodedata.category(char) not in ("Cf", "Mn", "Mc", "Me"))
    return unicodedata.normalize("NFC", kept).rstrip()
