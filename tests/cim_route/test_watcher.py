"""Who is woken by what has grown, on a real Redis."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from cim_common.store import keys, recent
from tests.cim_route.conftest import Route

ALIKE = ("g-2764519550131076", "g-2315935146750732")
"""Two of one hash: any hundred thousand hold such a pair, and a group's id is its maker's choice."""

OTHER = "g-0000000000000000"


@pytest.fixture
def store(redis_url: str) -> Iterator[Any]:
    client = redis.Redis.from_url(redis_url)
    yield client
    client.close()


def test_conversations_of_one_hash_all_wake_who_waits_for_them(route: Route, store: Any) -> None:
    assert len({recent.hash_of(conversation) for conversation in ALIKE}) == 1
    store.xadd(keys.RECENT, {"c": recent.mention(OTHER)})  # without any there would be no telling which have grown
    with route.watcher.waiting(1, "d", [*ALIKE, OTHER], 0) as waiting:
        store.xadd(keys.RECENT, {"c": recent.mention(ALIKE[0])})
        news = waiting.next(20)
    assert news is not None
    assert news.conversations == set(ALIKE)
