"""Asking servers whether they take connections; the test is the thread of the network."""

import contextlib
import socket
from collections.abc import Callable

import pytest
from waitress.wasyncore import poll2

from cim_common.registry import Server
from cim_route.polled import Sockets
from cim_route.probes import MAX_AT_ONCE, Probes
from tests.real_servers import eventually, free_port


def accepted(listener: socket.socket) -> int:
    """How many connections wait there."""
    listener.setblocking(False)
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            count += 1
    return count


def test_all_of_a_turn_share_a_connection(listener: socket.socket, make_server: Callable[..., Server]) -> None:
    server, sockets, probes = make_server(listener.getsockname()[1]), dict[int, object](), Probes()
    told: list[bool] = []
    for turn in (1, 2):
        for _ in range(10):
            assert probes.ask(server, told.append)
        probes.begin(sockets)  # type: ignore[arg-type]
        assert told == [True] * 10 * turn
    assert accepted(listener) == 2
    assert sockets == {}


def test_one_who_asks_when_told_is_asked_for_in_the_same_turn(
    listener: socket.socket, make_server: Callable[..., Server]
) -> None:
    probes, told = Probes(), list[bool]()
    dead, alive = make_server(free_port()), make_server(listener.getsockname()[1])

    def next_one(answers: bool) -> None:
        told.append(answers)
        probes.ask(alive, told.append)

    probes.ask(dead, next_one)
    probes.begin({})
    assert told == [False, True]


def test_a_name_takes_a_thread(make_server: Callable[..., Server]) -> None:
    assert not Probes().ask(make_server(1)._replace(host="localhost"), lambda answers: pytest.fail("told"))


def test_one_that_does_not_answer_at_once(make_server: Callable[..., Server]) -> None:
    sockets: Sockets = {}
    probes, told = Probes(), list[bool]()
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        with contextlib.ExitStack() as stack:
            for _ in range(2):  # a queue of none holds one
                filling = stack.enter_context(socket.socket())
                filling.setblocking(False)
                filling.connect_ex(full.getsockname())
            probes.ask(make_server(full.getsockname()[1]), told.append)
            probes.begin(sockets)
            ((connecting,),) = probes._connecting.values()
            probes.check(connecting.due - 0.1)
            assert (told, len(sockets)) == ([], 1)
            probes.check(connecting.due + 0.1)
            assert (told, sockets, probes._connecting) == ([False], {}, {})
            for _ in range(MAX_AT_ONCE + 3):
                probes.ask(make_server(full.getsockname()[1]), told.append)
                probes.begin(sockets)
            assert (told, len(sockets)) == ([False], MAX_AT_ONCE)

        def answered() -> int:
            accepted(full)
            poll2(0.02, sockets)
            probes.begin(sockets)
            return len(told) - 1 - MAX_AT_ONCE - 3

        eventually(lambda: answered() == 0)
        assert told == [False] + [True] * (MAX_AT_ONCE + 3)
    probes.check(0)
    assert (probes._connecting, sockets) == ({}, {})
