"""What anti-entropy learns from `recent` (I9)."""

import time
from typing import Any

import pytest
import redis

from cim_common import ids
from cim_common.store import keys, recent
from cim_common.store.recent import Grown, RecentReader

ALICE = ids.MIN_USER_ID + 5
DIRECT = ids.direct(ALICE, ids.MIN_USER_ID + 9)


def told(store: Any, reader: RecentReader) -> tuple[bool, set[int]]:
    grown = store.run(reader.grown())
    return grown.everything, grown.hashes


def test_what_grew_since_the_last_call(store: Any, committer: Any) -> None:
    reader = RecentReader()
    assert told(store, reader) == (True, set())
    committer.commit(committer.append(1, 0, "a"))
    assert told(store, reader) == (True, set())  # nothing to be seen yet at the first look
    assert told(store, reader) == (False, set())
    committer.commit(committer.append(2, 1, "b"), committer.append(3, 2, "c"))
    committer.commit(committer.append(4, 0, "d", conversation=ids.LOBBY))
    assert told(store, reader) == (False, {recent.hash_of(DIRECT), recent.hash_of(ids.LOBBY)})
    assert told(store, reader) == (False, set())
    committer.commit(committer.append(5, 3, "e"))
    assert told(store, reader) == (False, {recent.hash_of(DIRECT)})
    reader.forget()
    assert told(store, reader) == (True, set())


def test_a_batch_is_one_entry_and_what_is_known_none(store: Any, committer: Any) -> None:
    committer.commit(committer.append(1, 0, "a"))
    before = store.command("XLEN", keys.RECENT)
    committer.commit(*[committer.append(n, n - 1, "x") for n in range(2, 12)])
    assert store.command("XLEN", keys.RECENT) == before + 1
    committer.commit(committer.append(5, 4, "x"), committer.append(11, 10, "other"), committer.append(30, 29, "x"))
    assert store.command("XLEN", keys.RECENT) == before + 1


def test_a_batch_that_fails_half_way_is_named(store: Any, committer: Any) -> None:
    """What stands in the log before the damaged one has nobody else to tell of it."""
    committer.commit(committer.append(1, 0, "a"))
    reader = RecentReader()
    told(store, reader)
    store.command("SET", keys.log(ids.LOBBY), "damaged")
    committer.group.submit(committer.append(2, 1, "b"))
    committer.group.submit(committer.append(1, 0, "x", conversation=ids.LOBBY))
    write = committer.group.next_write(time.time_ns() // 1_000_000)
    store.connection.send_packed_command([write[0]])
    with pytest.raises(redis.ResponseError):
        store.connection.read_response()
    assert store.command("HGET", keys.conv(DIRECT), "l") == b"2"
    assert recent.hash_of(DIRECT) in store.run(reader.grown()).hashes


def test_a_store_that_went_back_makes_everything_uncertain(store: Any, committer: Any) -> None:
    reader = RecentReader()
    committer.commit(committer.append(1, 0, "a"), committer.append(2, 1, "b"))
    told(store, reader)
    copy = store.command("DUMP", keys.RECENT)
    committer.commit(committer.append(3, 2, "c"))
    told(store, reader)
    store.command("RESTORE", keys.RECENT, 0, copy, "REPLACE")
    assert told(store, reader) == (True, set())
    assert told(store, reader) == (True, set())  # what there is to begin with was not known before
    assert told(store, reader) == (False, set())
    store.command("RESTORE", keys.RECENT, 0, copy, "REPLACE")
    committer.commit(committer.append(4, 3, "d"))
    told(store, reader)
    store.command("DEL", keys.RECENT)
    assert told(store, reader) == (True, set())


def test_more_than_is_kept_makes_everything_uncertain(store: Any, committer: Any) -> None:
    reader = RecentReader()
    committer.commit(committer.append(1, 0, "a"))
    told(store, reader)
    mentioned = recent.mention(DIRECT)
    store.execute([("XADD", keys.RECENT, "*", "c", mentioned) for _ in range(17_000)])
    committer.commit(committer.append(2, 1, "b"))
    assert 16_384 <= store.command("XLEN", keys.RECENT) < 16_700
    assert store.run(reader.grown()).everything
    assert told(store, reader) == (False, set())


def test_a_lot_is_read_in_parts(store: Any, committer: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(recent, "AT_ONCE", 4)
    reader = RecentReader()
    committer.commit(committer.append(1, 0, "a"))
    told(store, reader)
    names = [f"g-{number:016}" for number in range(11)]
    for name in names:
        store.command("XADD", keys.RECENT, "*", "c", recent.mention(name))
    assert told(store, reader) == (False, {recent.hash_of(name) for name in names})


def test_which_conversations_are_meant() -> None:
    grown = Grown()
    assert not grown
    grown.add(recent.mention(DIRECT) + recent.mention("lobby"))
    assert grown
    assert (DIRECT in grown, "lobby" in grown, ids.direct(ALICE, ALICE) in grown) == (True, True, False)
    grown.everything = True
    assert ids.direct(ALICE, ALICE) in grown
