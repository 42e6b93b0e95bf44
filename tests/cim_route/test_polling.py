"""The poll: who is asked for what, and what comes of events that come late."""

import http.client
import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from cim_route import polling
from cim_route.channel import Channel
from cim_route.polled import Polled
from cim_route.polling import Poll
from cim_route.serve import RouteServer
from tests.cim_route.test_serve import running
from tests.real_servers import eventually


class Reader(Polled):
    """Counts how often it was asked, and what it was told."""

    def __init__(self) -> None:
        self.mine, self.theirs = socket.socketpair()
        self.wants = True
        self.asked = 0
        self.read = b""

    def readable(self) -> bool:
        self.asked += 1
        return self.wants

    def handle_read_event(self) -> None:
        self.read += self.mine.recv(100)


@pytest.fixture
def poll() -> Iterator[Poll]:
    made = Poll()
    yield made
    made.close()


@pytest.fixture
def make_reader(poll: Poll) -> Iterator[Callable[[], Reader]]:
    made: list[Reader] = []

    def make() -> Reader:
        made.append(Reader())
        poll[made[-1].mine.fileno()] = made[-1]
        return made[-1]

    yield make
    for reader in made:
        reader.mine.close()
        reader.theirs.close()


def test_what_comes_for_one_who_waits_for_nothing_is_kept(poll: Poll, make_reader: Callable[[], Reader]) -> None:
    reader = make_reader()
    poll.turn(0)
    reader.wants = False
    reader.theirs.send(b"early")
    poll.turn(0)
    assert poll._registered == {}  # or each poll would end at once
    assert reader.read == b""
    reader.wants = True
    poll.turn(10)
    assert reader.read == b"early"


def test_an_event_of_one_that_was_closed_is_not_anothers(poll: Poll, make_reader: Callable[[], Reader]) -> None:
    readers = [make_reader(), make_reader()]
    fresh = Reader()
    for reader in readers:
        reader.theirs.send(b"x")

    def close_the_other(mine: Reader, other: Reader) -> None:
        """Its descriptor becomes that of another socket, which is new."""
        mine.read += mine.mine.recv(100)
        if fresh.mine.fileno() not in poll:
            descriptor = other.mine.fileno()
            del poll[descriptor]
            os.dup2(fresh.mine.fileno(), descriptor)
            poll[descriptor] = fresh

    readers[0].handle_read_event = lambda: close_the_other(*readers)  # type: ignore[method-assign]
    readers[1].handle_read_event = lambda: close_the_other(*reversed(readers))  # type: ignore[method-assign]
    fresh.handle_read_event = lambda: pytest.fail("told of what was another's")  # type: ignore[method-assign]
    poll.turn(10)
    assert sorted(reader.read for reader in readers) == [b"", b"x"]
    poll.turn(0)
    fresh.mine.close()
    fresh.theirs.close()


def test_those_that_are_no_connections_are_asked_each_time(poll: Poll, make_reader: Callable[[], Reader]) -> None:
    reader = make_reader()
    for _ in range(5):
        poll.turn(0)
    assert reader.asked == 5


def test_one_closed_before_it_was_taken_out(poll: Poll, make_reader: Callable[[], Reader]) -> None:
    reader = make_reader()
    poll.turn(0)
    descriptor = reader.mine.fileno()
    reader.mine.close()
    del poll[descriptor]
    assert poll._registered == {}


def test_one_that_cannot_be_asked_or_polled_ends_and_no_other(poll: Poll, make_reader: Callable[[], Reader]) -> None:
    broken, closed, good = make_reader(), make_reader(), make_reader()
    ended: list[Reader] = []

    def end(reader: Reader, descriptor: int) -> None:
        ended.append(reader)
        del poll[descriptor]

    for reader in (broken, closed):
        reader.handle_close = partial(end, reader, reader.mine.fileno())  # type: ignore[method-assign]
    broken.readable = lambda: bool(1 / 0)  # type: ignore[method-assign]
    closed.mine.close()
    good.theirs.send(b"x")
    poll.turn(10)
    assert set(ended) == {broken, closed}
    assert good.read == b"x"
    assert list(poll) == [good.mine.fileno()]


# -- as route's server -------------------------------------------------------------------------------------------------


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


@pytest.fixture
def server() -> Iterator[RouteServer]:
    with running(RouteServer(hello, "127.0.0.1", 0, threads=2)) as made:
        yield made


def ask(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"hello"


def test_idle_connections_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "ASK_ALL_S", 3_600.0)
    asked: list[Channel] = []
    readable = Channel.readable

    def counted(channel: Channel) -> Any:
        asked.append(channel)
        return readable(channel)

    monkeypatch.setattr(Channel, "readable", counted)
    with running(RouteServer(hello, "127.0.0.1", 0, threads=2)) as server, ExitStack() as stack:
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        stack.callback(connection.close)
        for sock in idle:
            stack.callback(sock.close)
        ask(connection)
        eventually(lambda: len(server._sockets) > 200 and len(server._sockets._to_ask) < 10)
        asked.clear()
        for _ in range(20):
            ask(connection)
        assert len(set(asked)) == 1
        assert len(asked) <= 20 * 6


def test_one_that_is_idle_too_long_is_closed(server: RouteServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 10) as idle:
        eventually(lambda: server._waitress.active_channels)
        (channel,) = server._waitress.active_channels.values()
        channel.last_activity = 0
        server._waitress.next_channel_cleanup = 0
        assert idle.recv(1) == b""


def test_one_that_comes_in_bytes_is_served(server: RouteServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 10) as slow:
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":
            slow.send(bytes([byte]))
        answer = b""
        while data := slow.recv(1_000):
            answer += data
    assert answer.endswith(b"hello")


def test_a_large_answer_is_written_as_it_is_taken() -> None:
    size = 20_000_000

    def large(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", str(size))])
        return [b"x" * size]

    with running(RouteServer(large, "127.0.0.1", 0, threads=2)) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        for _ in range(2):
            connection.request("GET", "/")
            select.select([connection.sock], [], [], 10)
            assert len(connection.getresponse().read()) == size
        connection.close()
        eventually(lambda: not server._waitress.active_channels)  # the end of a connection ends its file
