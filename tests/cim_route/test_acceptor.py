"""Route's own way into the logs, on a real Redis."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from cim_common import ids
from cim_common.store import keys, metadata, pages
from cim_common.store.interest import Liveness
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_route.acceptor import KEY_KEPT_S, OWN_KEY_KEPT_S, Acceptor, _hash
from cim_route.appending import Appending, Refused, body_of
from cim_route.store import Store
from tests.real_servers import RealRedis, eventually

ALICE, BOB = ids.MIN_USER_ID + 5, ids.MIN_USER_ID + 9
DIRECT = ids.direct(ALICE, BOB)


@pytest.fixture
def acceptor(redis_url: str) -> Iterator[Acceptor]:
    yield from opened(redis_url)


def opened(redis_url: str) -> Iterator[Acceptor]:
    store = Store(redis_url)
    store.run(metadata.check())
    store.close()
    client = redis.Redis.from_url(redis_url)
    for user, name in ((ALICE, "alice"), (BOB, "bob")):
        client.hset(keys.user(user), "name", name)
    client.close()
    made = Acceptor(redis_url, Liveness())
    made.start()
    eventually(lambda: made._up)
    yield made
    made.close()


def asking(conversation: str, text: str, key: str) -> Appending:
    return Appending(ALICE, "alice", conversation, body_of(text), key)


def say(acceptor: Acceptor, conversation: str, text: str, key: str) -> int:
    (stored,) = acceptor.append_all([asking(conversation, text, key)])
    return stored.seq


def refusal(call: Callable[[], object]) -> tuple[Code, bool]:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.code, refused.value.after_s is not None


def test_a_message_is_stored_once_for_its_key(acceptor: Acceptor) -> None:
    assert say(acceptor, DIRECT, "hello", "k1") == 1
    assert say(acceptor, DIRECT, "hello", "k1") == 1
    assert say(acceptor, DIRECT, "hello", "k2") == 2
    assert refusal(lambda: say(acceptor, DIRECT, "other", "k1")) == (Code.ID_REUSED, False)


def test_several_go_in_order(acceptor: Acceptor) -> None:
    stored = acceptor.append_all([asking(ids.LOBBY, f"text {n}", f"k{n}") for n in range(700)])
    assert [item.seq for item in stored] == list(range(1, 701))


def test_a_key_of_ours_is_the_id_and_is_kept_for_minutes(acceptor: Acceptor, redis_url: str) -> None:
    acceptor.append_all([asking(DIRECT, "a", "ours")._replace(own_key=True), asking(DIRECT, "b", "theirs")])
    store = Store(redis_url)
    page: Any = store.run(pages.page_up(DIRECT, 0))
    store.close()
    entries = [codec.decode_entry(entry) for _, entry in page.entries]
    assert [entry.message_id for entry in entries] == ["ours", ids.http_message_id(ALICE, DIRECT, "theirs")]
    with redis.Redis.from_url(redis_url) as client:
        kept = [client.ttl(keys.idempotency(DIRECT, ALICE, _hash(key))) for key in ("ours", "theirs")]
    assert kept[0] <= OWN_KEY_KEPT_S < kept[1] <= KEY_KEPT_S


def test_refusals(acceptor: Acceptor) -> None:
    def send(conversation: str, text: str) -> Callable[[], object]:
        return lambda: say(acceptor, conversation, text, "k")

    assert refusal(send(DIRECT, "")) == (Code.EMPTY_TEXT, False)
    assert refusal(send(DIRECT, "x" * 16_385)) == (Code.TEXT_TOO_LONG, False)
    assert refusal(send(ids.direct(BOB, BOB + 1), "x")) == (Code.NO_SUCH_CONVERSATION, False)
    assert refusal(send(ids.direct(ALICE, BOB + 1), "x")) == (Code.NO_SUCH_USER, False)


def test_the_unmetered_are_not_counted(acceptor: Acceptor, redis_url: str) -> None:
    for n in range(10):
        acceptor.append_all([asking(DIRECT, "x", f"u{n}")._replace(unmetered=True)])
    with redis.Redis.from_url(redis_url) as client:
        assert float(client.hget(keys.conv(DIRECT), keys.sender_field(ALICE, "http")).split()[3]) <= time.time() * 1000
        say(acceptor, DIRECT, "x", "metered")
        assert float(client.hget(keys.conv(DIRECT), keys.sender_field(ALICE, "http")).split()[3]) > 0


def test_many_threads_share_batches(acceptor: Acceptor) -> None:
    seqs: list[int] = []

    def send(thread: int) -> None:
        for n in range(20):
            seqs.append(say(acceptor, ids.LOBBY, "x", f"{thread}.{n}"))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seqs) == list(range(1, 321))
    assert acceptor._group.batches < 320


def test_redis_away_and_back(new_redis: Callable[[], RealRedis]) -> None:
    server = new_redis()
    acceptors = opened(server.url)
    acceptor = next(acceptors)
    say(acceptor, DIRECT, "before", "k1")
    server.kill()
    code, later = refusal(lambda: say(acceptor, DIRECT, "meanwhile", "k2"))
    assert code in (Code.STORE_UNAVAILABLE, Code.OUTCOME_UNKNOWN)
    assert later
    server.start()
    eventually(lambda: acceptor._up)
    assert say(acceptor, DIRECT, "before", "k1") == 1
    assert say(acceptor, DIRECT, "after", "k3") == 2
    with pytest.raises(StopIteration):
        next(acceptors)
