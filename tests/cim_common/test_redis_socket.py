"""One connection to Redis: what is written, who gets which replies, and what becomes of them when it is lost."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from cim_common.redis_socket import RedisSocket
from cim_common.store.flow import StoreUnavailable


class Pair:
    """The socket under test, and the end at which the test is Redis."""

    def __init__(self) -> None:
        self._sock, self.redis = socket.socketpair()
        self.redis.settimeout(10)
        self.wire = RedisSocket(self)
        self.got: list[tuple[int, Any]] = []

    def disconnect(self) -> None:
        self._sock.close()

    def ask(self, number: int, replies: int = 1, due: float = 0.0, data: bytes = b"x") -> None:
        self.wire.write(data, replies, lambda came: self.got.append((number, came)), due)

    def close(self) -> None:
        self._sock.close()
        self.redis.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


def test_all_that_was_asked_is_one_write_and_replies_go_to_who_asked(pair: Pair) -> None:
    assert pair.wire.flush() is None
    pair.ask(1, data=b"one")
    pair.ask(2, 2, data=b"two")
    assert pair.wire.unwritten
    assert pair.wire.flush() is None
    assert not pair.wire.unwritten
    assert pair.redis.recv(100) == b"onetwo"
    assert pair.wire.receive() is None
    pair.redis.send(b":1\r\n:2\r\n$3\r\nab")
    assert pair.wire.receive() is None
    assert pair.got == [(1, [1])]
    assert pair.wire.waiting == 1
    pair.redis.send(b"c\r\n")
    assert pair.wire.receive() is None
    assert pair.got == [(1, [1]), (2, [2, b"abc"])]
    assert pair.wire.waiting == 0


def test_what_the_kernel_does_not_take_is_written_later(pair: Pair) -> None:
    data = bytes(range(256)) * 20_000
    pair.ask(1, data=data)
    pair.ask(2, data=b"end")
    read = b""
    flushes = 0
    while pair.wire.unwritten:
        assert pair.wire.flush() is None
        assert pair.wire.flush() is None  # it takes nothing more now
        flushes += 1
        read += pair.redis.recv(1_000_000)
    while not read.endswith(b"end"):
        read += pair.redis.recv(1_000_000)
    assert flushes > 1
    assert read == data + b"end"


def test_an_error_is_a_reply_like_others(pair: Pair) -> None:
    pair.ask(1, 2)
    pair.ask(2)
    pair.redis.send(b"-ERR no\r\n:2\r\n:3\r\n")
    assert pair.wire.receive() is None
    (_, (error, two)), after = pair.got
    assert (str(error), two, after) == ("ERR no", 2, (2, [3]))


@pytest.mark.parametrize("said", [b"!what\r\n", b"-NOSCRIPT No matching script\r\n", b""])
def test_a_connection_that_is_of_no_use_is_lost(pair: Pair, said: bytes) -> None:
    pair.ask(1)
    pair.ask(2)
    pair.redis.send(said)
    if not said:
        pair.redis.shutdown(socket.SHUT_WR)
    assert pair.wire.receive()
    pair.got.clear()
    pair.wire.close("gone")
    assert pair.got
    assert all(isinstance(came, StoreUnavailable) and str(came) == "gone" for _, came in pair.got)
    assert pair.got[-1][0] == 2
    assert (pair.wire.waiting, pair.wire.unwritten, pair.wire.fileno()) == (0, False, -1)


def test_one_whose_other_end_is_gone_says_so_as_it_writes(pair: Pair) -> None:
    pair.redis.close()
    pair.ask(1)
    assert pair.wire.flush()


def test_who_is_told_may_ask_again_or_close(pair: Pair) -> None:
    pair.wire.write(b"x", 1, lambda came: pair.ask(9), 0.0)
    pair.ask(2)
    pair.redis.send(b":1\r\n:2\r\n:3\r\n")
    assert pair.wire.receive() is None
    assert pair.got == [(2, [2]), (9, [3])]
    pair.wire.write(b"x", 1, lambda came: pair.wire.close("enough"), 0.0)
    pair.ask(4)
    pair.redis.send(b":1\r\n:2\r\n")
    assert pair.wire.receive() is None
    assert [(number, str(came)) for number, came in pair.got[2:]] == [(4, "enough")]


def test_the_oldest_reply_is_overdue_first(pair: Pair) -> None:
    assert not pair.wire.overdue(9.0)
    pair.ask(1, due=5.0)
    pair.ask(2, due=7.0)
    assert not pair.wire.overdue(5.0)
    assert pair.wire.overdue(5.1)
    pair.redis.send(b":1\r\n")
    pair.wire.receive()
    assert not pair.wire.overdue(6.0)
    assert pair.wire.overdue(7.1)
