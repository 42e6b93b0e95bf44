"""The loop of a generator process, steered as a scenario steers it, against a server that does what the test says."""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cim.bench.generator import frames
from cim.bench.generator.fleet import Fleet, fleet
from cim.bench.generator.plan import Member
from cim_common.wire import NEED_DATA, Connection, Limits, Role, codec
from cim_common.wire import messages as m
from tests.real_servers import eventually

DIRECT = "d-3000000001-3000000002"
PREFIX = codec.conversation_prefix(DIRECT)
TEXT_BYTES = 100
SENDER, RECEIVER = 0, 1


class Server(threading.Thread):
    """Answers logins, syncs and sends, and pushes each message to the one who sends nothing.

    While `holding`, sends wait; `spoil` is called with each entry and gives the entries that are pushed.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.holding = self.ending = False
        self.head = 0
        self.receiver: tuple[socket.socket, Connection] | None = None
        self.waiting: list[tuple[socket.socket, Connection, m.Send]] = []
        self.pushed: list[bytes] = []

    def run(self) -> None:
        with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
            selector.register(stack.enter_context(self.listener), selectors.EVENT_READ)
            while not self.ending:
                for key, _ in selector.select(0.01):
                    if key.data is None:
                        sock = stack.enter_context(self.listener.accept()[0])
                        selector.register(sock, selectors.EVENT_READ, Connection(Role.SERVER, Limits()))
                    elif not self._read(key.fileobj, key.data):
                        selector.unregister(key.fileobj)
                if not self.holding:
                    for one in self.waiting:
                        self._accept(*one)
                    self.waiting.clear()

    def _read(self, sock: Any, connection: Connection) -> bool:
        data = sock.recv(65_536)
        connection.receive_data(data)
        while data and (event := connection.next_event()) is not NEED_DATA:
            if isinstance(event, m.Close):
                return False
            if isinstance(event, m.Login):
                answer: Any = m.LoginOk(3_000_000_001, "a", 2, 0, "s1", 10_000, 30_000, 64)
                sock.sendall(connection.send(answer))
            elif isinstance(event, m.Sync):
                self.receiver = self.receiver or (sock, connection)
                sock.sendall(connection.send(m.Page(DIRECT, 1, self.head, self.head, True, ())))
            elif isinstance(event, m.Send):
                self.waiting.append((sock, connection, event))
        return bool(data)

    def _accept(self, sock: socket.socket, connection: Connection, send: m.Send) -> None:
        self.head += 1
        sock.sendall(connection.send(m.Ack(send.n, self.head)))
        if send.n > frames.N_BASE:
            meta = codec.entry_meta(3_000_000_001, "bench-0", "bench", send.n, 1_797_000_000_000)
            self.push(codec.entry_bytes(meta, codec.entry_content(send.text), self.head))

    def push(self, entry: bytes) -> None:
        assert self.receiver is not None
        self.pushed.append(entry)
        self.receiver[0].sendall(codec.push_frame(PREFIX, [entry]))


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    made.start()
    yield made
    made.ending = True
    made.join()


@pytest.fixture
def crew(server: Server) -> Iterator[Fleet]:
    def member(slot: int, sends: bool, hears: tuple[int, ...]) -> Member:
        token = "token"
        return Member(slot, 3_000_000_001 + slot, "bench", token, "127.0.0.1", server.port, DIRECT, sends, hears)

    members = [member(RECEIVER, False, (SENDER,)), member(SENDER, True, ())]
    with fleet(members, TEXT_BYTES) as made:
        made.wait_until_live(2)
        yield made


def test_an_answer_after_the_measured_stretch_is_charged_to_it(server: Server, crew: Fleet) -> None:
    crew.start_open(200)
    crew.mark(keep=True)
    eventually(lambda: crew.mark().delivered > 20)
    server.holding = True
    eventually(lambda: len(server.waiting) >= 30)
    crew.mark(keep=False)
    time.sleep(0.3)
    server.holding = False
    report = crew.finish([])
    assert report.verdict.kept
    for latencies in (report.ack, report.delivery):
        found = latencies.percentiles_ms()
        assert found is not None
        assert found["max"] > 300


def test_what_never_got_its_turn_is_charged_with_the_time_it_waited(server: Server, crew: Fleet) -> None:
    crew.start_open(400)
    crew.mark(keep=True)
    eventually(lambda: crew.mark().delivered > 20)
    server.holding = True
    eventually(lambda: len(server.waiting) == 64)
    time.sleep(0.3)
    crew.mark(keep=False)
    threading.Timer(0.2, lambda: setattr(server, "holding", False)).start()
    report = crew.finish([])
    assert report.verdict.kept
    assert report.unsent > 64
    # Half and more of all that was due waited in vain, which a histogram of answers would not show.
    assert report.ack.count > report.verdict.acked


def test_a_message_delivered_again_when_everything_has_come_is_found(server: Server, crew: Fleet) -> None:
    crew.start_closed(1)
    eventually(lambda: crew.mark().delivered > 20)
    crew.pause()
    threading.Timer(0.2, lambda: server.push(server.pushed[-1])).start()
    report = crew.finish([])
    assert (report.verdict.lost, report.verdict.duplicates) == (0, 1)
    assert not report.verdict.kept
