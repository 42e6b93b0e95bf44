"""The connection to the store that the thread of the network has, on a real Redis; the test is that thread."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from waitress.wasyncore import poll2

from cim_common.store import resp
from cim_common.store.flow import Command, StoreError, StoreUnavailable
from cim_route.link import Link
from cim_route.polled import Sockets
from cim_route.store import SOCKET_TIMEOUT_S
from tests.real_servers import RealRedis, eventually


class Network:
    """Polls the link, and counts what it writes."""

    def __init__(self, url: str) -> None:
        self.sockets: Sockets = {}
        self.posted: deque[Callable[[], None]] = deque()
        self.link = Link(url)
        self.link.keep(self.sockets, self.posted.append)

    def until(self, condition: Callable[[], Any]) -> None:
        def turned() -> Any:
            poll2(0.02, self.sockets)
            while self.posted:
                self.posted.popleft()()
            return condition()

        eventually(turned)

    def ask(self, *commands: Command) -> list[Any]:
        """What came back, when something did."""
        got: list[Any] = []
        self.link.ask(list(commands), got.append)
        return got


@pytest.fixture
def make_network() -> Iterator[Callable[[str], Network]]:
    made: list[Network] = []

    def make(url: str) -> Network:
        made.append(Network(url))
        made[-1].until(lambda: made[-1].link.up)
        return made[-1]

    yield make
    for network in made:
        network.link.end()
        network.link.close()


def test_what_is_asked_in_a_turn_is_one_write(make_network: Callable[[str], Network], redis_url: str) -> None:
    network = make_network(redis_url)
    first, second = network.ask(("SET", "k", "v"), ("GET", "k")), network.ask(("INCR", "n"))
    assert network.link.writable()
    network.link.flush()
    assert not network.link.writable()
    assert (first, second) == ([], [])
    network.until(lambda: first and second)
    assert (first, second) == ([[b"OK", b"v"]], [[1]])


def test_an_error_is_the_reply_of_its_command_alone(make_network: Callable[[str], Network], redis_url: str) -> None:
    network = make_network(redis_url)
    got, after = network.ask(("SET", "k", "v"), ("HGET", "k", "f")), network.ask(("GET", "k"))
    network.link.flush()
    network.until(lambda: after)
    assert got[0][0] == b"OK"
    assert isinstance(resp.first_error(got[0]), StoreError)
    assert after == [[b"v"]]


def test_a_large_question_goes_in_parts(make_network: Callable[[str], Network], redis_url: str) -> None:
    network = make_network(redis_url)
    value = b"x" * 20_000_000
    got = network.ask(("SET", "k", value), ("STRLEN", "k"))
    network.link.flush()
    assert network.link.writable()
    network.until(lambda: got)
    assert got == [[b"OK", len(value)]]
    assert not network.link.writable()


def test_a_store_that_goes_and_comes_back(
    make_network: Callable[[str], Network], new_redis: Callable[[], RealRedis]
) -> None:
    server = new_redis()
    network = make_network(server.url)
    server.pause()
    got = network.ask(("GET", "k"))
    network.link.flush()
    server.kill()
    network.until(lambda: got)
    assert isinstance(got[0], StoreUnavailable)
    assert not network.link.up
    with pytest.raises(StoreUnavailable):
        network.ask(("GET", "k"))
    server.start()
    network.until(lambda: network.link.up)
    again = network.ask(("GET", "k"))
    network.link.flush()
    network.until(lambda: again)
    assert again == [[None]]


def test_a_store_that_says_nothing_is_given_up(
    make_network: Callable[[str], Network], new_redis: Callable[[], RealRedis]
) -> None:
    server = new_redis()
    network = make_network(server.url)
    server.pause()
    got = network.ask(("GET", "k"))
    network.link.flush()
    network.link.check(time.monotonic() + SOCKET_TIMEOUT_S - 0.5)
    assert got == []
    network.link.check(time.monotonic() + SOCKET_TIMEOUT_S)
    assert isinstance(got[0], StoreUnavailable)
    assert network.sockets == {}
    server.resume()
    network.until(lambda: network.link.up)


def test_a_bug_in_what_gets_the_replies_is_told_and_costs_the_connection(
    make_network: Callable[[str], Network], redis_url: str
) -> None:
    network = make_network(redis_url)
    network.link.ask([("PING",)], lambda replies: pytest.fail("a bug"))
    got = network.ask(("PING",), ("DEBUG", "SLEEP", "0.2"))
    network.link.flush()
    with structlog.testing.capture_logs() as logs:
        network.until(lambda: not network.link.up)
    assert isinstance(got[0], StoreUnavailable)
    assert [entry["event"] for entry in logs] == ["inline_failed", "store_lost"]
    network.until(lambda: network.link.up)
