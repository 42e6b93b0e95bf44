"""The echo server as a process, and one message in flight on each of its connections."""

import socket
import struct

from cim.bench import echo


def test_what_is_sent_comes_back() -> None:
    with echo.server() as (port, _), socket.create_connection(("127.0.0.1", port), 10) as sock:
        for size in (1, 100, 30_000):
            sock.sendall(b"x" * size)
            got = b""
            while len(got) < size:
                got += sock.recv(65_536)
            assert got == b"x" * size


def test_a_client_that_is_gone_ends_its_connection_only() -> None:
    with echo.server() as (port, _), socket.create_connection(("127.0.0.1", port), 10) as other:
        gone = socket.create_connection(("127.0.0.1", port), 10)
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.sendall(b"x")
        gone.close()
        other.sendall(b"still here")
        assert other.recv(65_536) == b"still here"


def test_round_trips_are_counted_with_what_they_cost() -> None:
    made = echo.rounds(20, 0.3, b"x" * 100, warm_up_s=0.0)
    assert made.trips >= 20
    assert made.seconds >= 0.3
    assert made.server_cpu_s > 0
    assert made.own_cpu_s > 0
