"""Events: what an entry of a log gives, and the bounded queue."""

import pytest

from cim_client.events import MAX_EVENTS, Events, event_of, event_of_signal
from cim_client.types import Event
from cim_client.views import Changed, Hole, Rewound
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.kinds import Signal as SignalKind
from cim_common.wire.messages import Entry, Signal, Target


def told(kind: int, removed: bool = False) -> Event | None:
    entry = Entry(
        7, 1, "ann", "d", 3, 0, "text", kind, ref=5, targets=(Target(2, "bob"),), role="admin", removed=removed
    )
    return event_of(Changed("c", entry))


@pytest.mark.parametrize(
    ("kind", "removed", "expected"),
    [
        (Kind.CREATED, False, ("joined", "created")),
        (Kind.JOINED, False, ("joined", "")),
        (Kind.LEFT, False, ("left", "")),
        (Kind.KICKED, False, ("kicked", "")),
        (Kind.BANNED, False, ("kicked", "banned")),
        (Kind.ROLE, False, ("conversation", "role")),
        (Kind.EDITED, False, ("edited", "")),
        (Kind.RECALLED, False, ("recalled", "")),
        (Kind.REACTION, False, ("reaction", "added")),
        (Kind.REACTION, True, ("reaction", "removed")),
        (Kind.PINNED, True, ("conversation", "unpinned")),
        (Kind.NOTICE, False, ("notice", "")),
    ],
)
def test_each_kind_of_entry_gives_its_event(kind: Kind, removed: bool, expected: tuple[str, str]) -> None:
    event = told(kind, removed)
    assert event is not None
    assert (event.kind, event.state) == expected
    assert (event.conversation, event.seq, event.user, event.targets) == ("c", 7, "ann", ("bob",))
    assert (event.text, event.ref, event.role) == ("text", 5, "admin")


def test_every_kind_but_a_text_is_told_and_no_unknown_one() -> None:
    assert [kind for kind in Kind if told(kind) is None] == [Kind.TEXT]
    assert told(99) is None


def test_holes_and_a_log_that_went_back() -> None:
    hole = event_of(Hole("c", 3, 9, Code.EXPIRED))
    assert hole == Event("notice", "hole", conversation="c", ref=3, seq=9, code=Code.EXPIRED)
    back = event_of(Rewound("c", 4, 9))
    assert back is not None
    assert (back.kind, back.state, back.seq, back.ref, back.code) == ("notice", "rewound", 4, 9, Code.REWOUND)


def test_signals() -> None:
    read = event_of_signal(Signal("c", SignalKind.READ, 2, "bob", 8))
    assert read == Event("read", conversation="c", seq=8, user="bob")
    assert event_of_signal(Signal("", SignalKind.ONLINE, 2, "bob")) == Event("presence", "online", user="bob")
    assert event_of_signal(Signal("c", 99)) is None


async def test_the_oldest_are_dropped_and_the_end_comes_last() -> None:
    events = Events()
    for number in range(MAX_EVENTS + 2):
        events.add(Event("typing", seq=number))
    events.end()
    seqs = []
    while (event := await events.next()) is not None:
        seqs.append(event.seq)
    assert seqs == list(range(2, MAX_EVENTS + 2))
