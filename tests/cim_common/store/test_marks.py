"""Read marks and unread counts on a real Redis (I21)."""

from typing import Any

import pytest

from cim_common import ids
from cim_common.store import conversations, keys, marks

ALICE, BOB = ids.MIN_USER_ID + 5, ids.MIN_USER_ID + 9
DIRECT = ids.direct(ALICE, BOB)


def unread(store: Any, user: int, conversation: str = DIRECT) -> tuple[int, int]:
    """(unread, read mark) as the list says."""
    listed, _, _ = store.run(conversations.list_since(user, "d1", 0))
    return next((item.unread, item.read) for item in listed if item.id == conversation)


@pytest.fixture
def talk(committer: Any) -> Any:
    """alice writes 1, 2, 4, 5 and bob 3, 6."""
    for n, user in enumerate((ALICE, ALICE, BOB, ALICE, ALICE, BOB), 1):
        committer.commit(committer.append(n, 0, f"text {n}", user=user))
    return committer


@pytest.mark.invariant("I21")
def test_unread_are_the_texts_of_others_above_the_mark(talk: Any) -> None:
    store = talk.store
    assert unread(store, BOB) == (4, 0)
    assert unread(store, ALICE) == (2, 0)
    for seq, left in ((1, 3), (3, 2), (4, 1), (6, 0)):
        assert store.run(marks.move(BOB, DIRECT, seq)) == seq
        assert unread(store, BOB) == (left, seq)
    talk.commit(talk.append(7, 0, "mine again", user=BOB))
    assert unread(store, BOB) == (0, 6)
    talk.commit(talk.append(8, 0, "one more", user=ALICE))
    assert unread(store, BOB) == (1, 6)


@pytest.mark.invariant("I21")
def test_a_mark_moves_forward_only_and_not_past_the_head(talk: Any) -> None:
    assert talk.store.run(marks.move(BOB, DIRECT, 4)) == 4
    assert talk.store.run(marks.move(BOB, DIRECT, 2)) == 4
    assert talk.store.run(marks.move(BOB, DIRECT, 2**50)) == 6
    assert unread(talk.store, BOB) == (0, 6)
    assert talk.store.run(marks.move(ids.MIN_USER_ID + 77, DIRECT, 4)) is None


def test_a_mark_far_behind_moves_in_steps(committer: Any) -> None:
    total = 2_600
    for start in range(1, total + 1, 500):
        numbers = range(start, min(start + 500, total + 1))
        committer.commit(
            *[committer.append(n, 0, "x", user=BOB if n % 3 == 0 else ALICE, device=f"d{n % 4}") for n in numbers]
        )
    for seq in (1_300, 1_301, 2_599):
        assert committer.store.run(marks.move(BOB, DIRECT, seq)) == seq
        left = sum(1 for n in range(seq + 1, total + 1) if n % 3)
        assert unread(committer.store, BOB) == (left, seq)


def test_the_lobby_counts_from_the_first_mark(committer: Any) -> None:
    for n in (1, 2, 3):
        committer.commit(committer.append(n, 0, "x", conversation="lobby"))
    assert unread(committer.store, BOB, "lobby") == (0, 0)
    assert committer.store.run(marks.move(BOB, "lobby", 1)) == 1
    assert unread(committer.store, BOB, "lobby") == (2, 1)


def test_retention_over_the_mark_counts_as_read(committer: Any) -> None:
    for n in range(1, 8):
        committer.commit(committer.append(n, 0, "x"))
    committer.store.command("XTRIM", keys.log(DIRECT), "MINID", "5-0")
    committer.store.command("HSET", keys.conv(DIRECT), "f", 5)
    assert committer.store.run(marks.move(BOB, DIRECT, 6)) == 6
    assert unread(committer.store, BOB) == (1, 6)


def test_who_wrote_nothing_since_the_old_mark_is_not_searched_for(committer: Any) -> None:
    """A device away for a year reads up to somewhere in the middle: that costs the same in a log of any length."""
    committer.commit(committer.append(1, 0, "mine", user=BOB))
    for start in range(2, 4_000, 500):
        committer.commit(*[committer.append(n, 0, "x", device=f"d{n % 4}") for n in range(start, start + 500)])
    assert committer.store.run(marks.move(BOB, DIRECT, 1)) == 1
    before = ranges_read(committer.store)
    assert committer.store.run(marks.move(BOB, DIRECT, 2_500)) == 2_500
    assert ranges_read(committer.store) - before <= 2
    assert unread(committer.store, BOB) == (4_001 - 2_500, 2_500)


def ranges_read(store: Any) -> int:
    for line in store.command("INFO", "commandstats").splitlines():
        if line.startswith(b"cmdstat_xrange:"):
            return int(line.partition(b"calls=")[2].partition(b",")[0])
    return 0
