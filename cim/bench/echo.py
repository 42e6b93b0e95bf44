"""The least an event loop of ours can do with a message: read it and write it back, without a protocol.

`python -m cim.bench.echo` serves on a free port of loopback, says which, and ends with its standard input; `rounds`
keeps one message in flight on each of many connections to it.
"""

import contextlib
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import trio

from cim.bench import proc
from cim.bench.target import start_child
from cim_common.build import program
from cim_server.channel import Listener
from cim_server.pump import Pump

RECEIVE_BYTES = 65_536
MAX_EVENTS = 1_024
READY_S = 20.0


class Echo:
    """One connection: what was read in a pass is written at its end, as a channel does. Messages are small: what the
    peer has room to ask fits into the socket's buffer."""

    __slots__ = ("_data", "_pump", "_sock")

    def __init__(self, pump: Pump, sock: socket.socket) -> None:
        self._pump = pump
        self._sock = sock
        self._data = b""
        pump.add(sock.fileno(), self)

    def ready(self, events: int) -> None:
        try:
            data = self._sock.recv(RECEIVE_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            self._data = b""
            self._pump.remove(self._sock.fileno())
            self._sock.close()
            return
        if not self._data:
            self._pump.flush_later(self)
        self._data += data

    def flush(self) -> None:
        data, self._data = self._data, b""
        if data:
            with contextlib.suppress(ConnectionError):  # the next read says so
                self._sock.send(data)


async def _serve() -> None:
    pump = Pump()
    sock = socket.create_server(("127.0.0.1", 0), backlog=4_096)
    listener = Listener(pump, sock, lambda client, address: _connected(pump, client))
    print(listener.port, flush=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pump.run)
        await trio.to_thread.run_sync(sys.stdin.read)
        nursery.cancel_scope.cancel()


def _connected(pump: Pump, client: socket.socket) -> None:
    Echo(pump, client)


class Rounds(NamedTuple):
    """Round trips in so many seconds, and processor time of the server and of this process meanwhile."""

    trips: int
    seconds: float
    server_cpu_s: float
    own_cpu_s: float


@contextlib.contextmanager
def server() -> Iterator[tuple[int, int]]:
    """A server for the block: its port and its process.

    Raises:
        OSError: it did not start.
    """
    command = program("cim.bench.echo")
    process = start_child(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise OSError("the echo server did not start")
        yield int(line), process.pid
    finally:
        try:
            process.communicate(b"", READY_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def rounds(connections: int, seconds: float, payload: bytes, warm_up_s: float = 0.3) -> Rounds:
    """One message in flight on each connection for so long, against a server of its own."""
    with contextlib.ExitStack() as stack:
        port, pid = stack.enter_context(server())
        epoll = stack.enter_context(contextlib.closing(select.epoll()))
        socks: dict[int, socket.socket] = {}
        for _ in range(connections):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            socks[sock.fileno()] = sock
            epoll.register(sock.fileno(), select.EPOLLIN)
        for sock in socks.values():
            sock.send(payload)
        _turn(epoll, socks, payload, warm_up_s)
        began, spent, own = time.monotonic(), proc.cpu_s(pid), time.process_time()
        count = _turn(epoll, socks, payload, seconds)
        return Rounds(count, time.monotonic() - began, proc.cpu_s(pid) - spent, time.process_time() - own)


def _turn(epoll: select.epoll, socks: dict[int, socket.socket], payload: bytes, seconds: float) -> int:
    """Send on whatever has been answered in full, for so long; how often."""
    missing = dict.fromkeys(socks, len(payload))
    count = 0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for fd, _ in epoll.poll(0.1, MAX_EVENTS):
            data = socks[fd].recv(RECEIVE_BYTES)
            if not data:
                raise ConnectionError("the echo server has closed a connection")
            missing[fd] -= len(data)
            if missing[fd] == 0:
                missing[fd] = len(payload)
                socks[fd].send(payload)
                count += 1
    return count


if __name__ == "__main__":
    trio.run(_serve)
