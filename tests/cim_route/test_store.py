"""Driving flows over a real Redis: errors, unknown scripts, bounded connections."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import hiredis
import pytest
import redis
from redis import exceptions
from redis._parsers.base import BaseParser

from cim_common.store import push, resp
from cim_common.store.flow import Command, Flow, StoreError, StoreUnavailable
from cim_route import store as store_module
from cim_route.store import Store, translate
from tests.real_servers import RealRedis


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    made = Store(redis_url, max_connections=4)
    yield made
    made.close()


def flow(*commands: Command) -> Flow[list[Any]]:
    return (yield list(commands))


def test_replies_come_raw_and_in_order(store: Store) -> None:
    assert store.run(flow(("SET", "k", "ä"), ("HSET", "h", "f", 1), ("HGETALL", "h"), ("GET", "k"))) == [
        b"OK", 1, [b"f", b"1"], "ä".encode(),
    ]  # fmt: skip


def test_an_error_reply_is_raised_and_the_connection_goes_on(store: Store) -> None:
    store.run(flow(("SET", "k", "v")))
    with pytest.raises(StoreError, match="WRONGTYPE"):
        store.run(flow(("GET", "k"), ("HGET", "k", "f"), ("GET", "k")))
    assert store.run(flow(("GET", "k"))) == [b"v"]


def test_a_flow_learns_of_the_error(store: Store) -> None:
    def careful() -> Flow[str]:
        try:
            yield [("NO SUCH COMMAND",)]
        except StoreError:
            return "told"
        return "not told"

    assert store.run(careful()) == "told"


def test_unknown_scripts_are_loaded_and_nothing_runs_twice(store: Store, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as raw:
        for _ in range(2):
            raw.script_flush()
            before = raw.get("n")
            replies = store.run(flow(("INCR", "n"), push.renew("s1:1"), ("INCR", "n")))
            assert replies[2] == replies[0] + 1 == int(before or 0) + 2


def test_many_threads_share_few_connections(store: Store, redis_url: str) -> None:
    threads = [threading.Thread(target=lambda: store.run(flow(("INCR", "n")))) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.run(flow(("GET", "n"))) == [b"40"]
    with redis.Redis.from_url(redis_url) as raw:
        assert len(raw.client_list()) <= 4 + 1


def test_a_store_that_does_not_answer_is_given_up(
    new_redis: Callable[[], RealRedis], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "SOCKET_TIMEOUT_S", 0.2)
    server = new_redis()
    store = Store(server.url)
    store.run(flow(("SET", "k", "v")))
    server.pause()
    with pytest.raises(StoreUnavailable):
        store.run(flow(("INCR", "n")))
    server.resume()
    assert store.run(flow(("GET", "k"))) == [b"v"]
    store.close()


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (exceptions.OutOfMemoryError("x"), StoreUnavailable),
        (exceptions.ReadOnlyError("x"), StoreUnavailable),
        (exceptions.ResponseError("MISCONF no disk"), StoreUnavailable),
        (exceptions.BusyLoadingError("x"), StoreUnavailable),
        (exceptions.TimeoutError("x"), StoreUnavailable),
        (exceptions.MaxConnectionsError("x"), StoreUnavailable),
        (exceptions.ResponseError("WRONGTYPE"), StoreError),
        (ConnectionResetError(), StoreUnavailable),
    ],
)
def test_errors_are_ours(error: Exception, ours: type[Exception]) -> None:
    assert type(translate(error)) is ours


@pytest.mark.parametrize("word", [*sorted(resp.PASSING - {"NOSCRIPT"}), "BUSYGROUP", "ERR", "NOPERM", "WRONGTYPE"])
def test_an_error_is_the_same_whichever_way_route_meets_it(word: str) -> None:
    """In the network's thread as Redis says it, in the others by a class of the library."""
    said = f"{word} and a reason"
    parsed: Exception = BaseParser.parse_error(said)  # type: ignore[no-untyped-call]
    assert type(translate(parsed)) is type(resp.first_error([hiredis.ReplyError(said)]))
