"""The echo server as a process, and one message in flight on each of its connections."""

import socket

from cim.bench import echo


def test_what_is_sent_comes_back() -> None:
    with echo.server() as (port, _), socket.create_connection(("127.0.0.1", port), 10) as sock:
        for size in (1, 100, 30_000):
            sock.sendall(b"x" * size)
            got = b""
            while len(got) < size:
                got += sock.recv(65_536)
            assert got == b"x" * size


def test_round_trips_are_counted_with_what_they_cost() -> None:
    made = echo.rounds(20, 0.3, b"x" * 100, warm_up_s=0.0)
    assert made.trips >= 20
    assert made.seconds >= 0.3
    assert made.server_cpu_s > 0
    assert made.own_cpu_s > 0
