"""A Redis that was started anew may hold an older copy: every log is another incarnation then (I22)."""

import pytest

from cim_common.store import event_positions, incarnations, interest, keys
from cim_common.store.event_positions import Position
from tests.cim_common.store.conftest import ALICE, BOB, DIRECT, Committer, Store

SERVER = "s1:e1"


def incarnation_of(store: Store) -> int:
    return int(store.command("HGET", keys.conv(DIRECT), "i"))


def test_runs_of_redis_are_told_apart(store: Store) -> None:
    start = incarnations.start_of(store.command("INFO", "server"))
    assert start == incarnations.start_of(store.command("INFO", "server")) > 0
    assert incarnations.start_of(b"# Server\r\nrun_id:%b\r\n" % (b"ab" * 20)) != start
    assert incarnations.start_of(b"nothing of the kind") == 0


def test_a_log_has_one_incarnation_for_each_start(store: Store, committer: Committer) -> None:
    committer.group.connected(11)
    committer.commit(committer.append(1, 0, "one"), committer.append(2, 1, "two"))
    first = incarnation_of(store)
    taken = store.run(interest.take(DIRECT, SERVER, 1, 11))
    assert taken is not None
    assert taken.incarnation == first
    committer.group.connected(12)
    committer.commit(committer.append(3, 2, "three"), committer.append(4, 3, "four"))
    second = incarnation_of(store)
    assert second != first
    taken = store.run(interest.take(DIRECT, SERVER, 1, 12))
    assert taken is not None
    assert (taken.head, taken.incarnation) == (4, second)
    assert store.run(incarnations.common_end(DIRECT, first)) == 2
    assert store.run(incarnations.take_again(DIRECT, SERVER, 1, 13, second))[1] == 4  # type: ignore[index]
    assert store.run(incarnations.common_end(DIRECT, first)) == 2
    assert store.run(incarnations.common_end(DIRECT, second)) == 4
    assert store.run(incarnations.common_end(DIRECT, 12345)) == 0
    assert store.run(incarnations.take_again(DIRECT, SERVER, 1, 13, incarnation_of(store)))[1] is None  # type: ignore[index]
    assert store.run(incarnations.take_again("g-unknown", SERVER, 1, 13, 1)) is None


def test_an_older_copy_that_has_grown_past_a_position_is_noticed(store: Store, committer: Committer) -> None:
    """The copy ended at 2 and has 5 entries when the position at 4 comes back: 3 and 4 are others than it knows."""
    committer.group.connected(11)
    committer.commit(*[committer.append(n, n - 1, f"{n}") for n in (1, 2)])
    copy = {key: store.command("DUMP", key) for key in store.command("KEYS", "*")}
    committer.commit(*[committer.append(n, n - 1, f"{n}") for n in (3, 4)])
    known = incarnation_of(store)
    store.command("FLUSHALL")
    for key, value in copy.items():
        store.command("RESTORE", key, 0, value)
    committer.group.connected(12)
    committer.commit(*[committer.append(n, n - 1 if n > 5 else 0, f"{n}") for n in (5, 6, 7)])
    assert store.run(incarnations.common_end(DIRECT, known)) == 2
    position = Position(4, known)
    assert store.run(event_positions.standing(BOB, {DIRECT: position}))[DIRECT].behind
    read = store.run(event_positions.read(BOB, DIRECT, position, 10))
    assert read is not None
    assert (read.start, read.rewound) == (2, True)
    assert [seq for seq, _ in read.page.entries] == [3, 4, 5]


def test_what_is_the_same_is_no_news(store: Store, committer: Committer) -> None:
    committer.group.connected(11)
    committer.commit(committer.append(1, 0, "one"))
    known = incarnation_of(store)
    store.run(interest.take(DIRECT, SERVER, 1, 12))
    assert incarnation_of(store) != known
    assert not store.run(event_positions.standing(ALICE, {DIRECT: Position(1, known)}))[DIRECT].behind
    read = store.run(event_positions.read(ALICE, DIRECT, Position(1, known), 10))
    assert read is not None
    assert not read.rewound


def test_only_the_last_ends_are_kept(store: Store, committer: Committer) -> None:
    committer.group.connected(1)
    committer.commit(committer.append(1, 0, "1"))
    before = [incarnation_of(store)]
    for start in range(2, 22):
        committer.group.connected(start)
        committer.commit(committer.append(start, start - 1, str(start)))
        before.append(incarnation_of(store))
    assert store.run(incarnations.common_end(DIRECT, before[-2])) == 20
    assert store.run(incarnations.common_end(DIRECT, before[5])) == 6
    assert store.run(incarnations.common_end(DIRECT, before[0])) == 5
    assert len(store.command("HKEYS", keys.conv(DIRECT))) < 40


def test_a_new_conversation_begins_as_it_is(store: Store, committer: Committer) -> None:
    committer.group.connected(11)
    committer.commit(committer.append(1, 0, "one"))
    assert store.command("HGET", keys.conv(DIRECT), "en") is None


@pytest.mark.invariant("I22")
def test_a_shorter_log_is_another_one_once(store: Store, committer: Committer) -> None:
    committer.commit(*[committer.append(n, n - 1, f"text {n}") for n in (1, 2, 3)])
    known = incarnation_of(store)
    head, other = store.run(incarnations.rewind(DIRECT, known, 5))  # type: ignore[misc]
    assert head == 3
    assert other != known
    committer.commit(committer.append(4, 3, "text 4"))
    assert store.run(incarnations.rewind(DIRECT, known, 9)) == (3, other)
    assert store.run(incarnations.common_end(DIRECT, known)) == 3


@pytest.mark.invariant("I22")
@pytest.mark.parametrize("seq", [2, 3])
def test_a_head_that_was_read_too_early_sets_nothing_back(store: Store, committer: Committer, seq: int) -> None:
    committer.commit(*[committer.append(n, n - 1, f"text {n}") for n in (1, 2, 3)])
    known = incarnation_of(store)
    assert store.run(incarnations.rewind(DIRECT, known, seq)) == (3, known)
    assert store.command("HGET", keys.conv(DIRECT), "en") is None


def test_where_there_is_no_log(store: Store) -> None:
    assert store.run(incarnations.rewind(DIRECT, 1, 1)) is None
