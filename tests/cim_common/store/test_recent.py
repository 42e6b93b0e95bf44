"""What anti-entropy learns from `recent`."""

from typing import Any

from cim_common import ids
from cim_common.store import keys
from cim_common.store.recent import RecentReader

DIRECT = ids.direct(ids.MIN_USER_ID + 5, ids.MIN_USER_ID + 9)
BUCKET = ids.conversation_bucket(DIRECT)


def test_what_grew_since_the_last_call(store: Any, committer: Any) -> None:
    reader = RecentReader()
    assert store.run(reader.grown([])) == (set(), set())
    committer.commit(committer.append(1, 0, "a"))
    assert store.run(reader.grown([BUCKET])) == (set(), {BUCKET})
    assert store.run(reader.grown([BUCKET])) == (set(), set())
    committer.commit(committer.append(2, 1, "b"))
    assert store.run(reader.grown([BUCKET])) == ({DIRECT}, set())
    committer.commit(committer.append(3, 2, "c"))
    store.run(reader.grown([BUCKET]))
    reader.forget()
    assert store.run(reader.grown([BUCKET])) == (set(), {BUCKET})


def test_a_store_that_went_back_makes_the_bucket_uncertain(store: Any, committer: Any) -> None:
    reader = RecentReader()
    committer.commit(committer.append(1, 0, "a"), committer.append(2, 1, "b"))
    store.run(reader.grown([BUCKET]))
    store.command("DEL", keys.recent(BUCKET))
    assert store.run(reader.grown([BUCKET])) == (set(), {BUCKET})


def test_recent_is_trimmed(store: Any, committer: Any) -> None:
    key = keys.recent(BUCKET)
    for n in range(1500):
        store.command("ZADD", key, 1 + n, f"other {n}")
    store.command("ZADD", key, 1535, "#")
    committer.commit(committer.append(1, 0, "a"))
    assert store.command("ZCARD", key) <= 1002
    assert store.command("ZSCORE", key, DIRECT) is not None
