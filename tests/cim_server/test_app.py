"""What a message costs a server, counted: writes, frames, objects kept. The store is real, it answers in turns."""

import gc
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cim_common.store import conversations, keys, metadata
from cim_common.tokens import ConnectClaims, Tokens
from cim_common.wire import Connection, Limits, Role, codec
from cim_common.wire import messages as m
from cim_common.wire.limits import IDLE_TIMEOUT_S, PING_INTERVAL_S
from cim_server import app as apps
from cim_server.app import App
from cim_server.channel import Channel
from cim_server.pump import MANY_BEATS_PER_S
from cim_server.sessions import Session
from cim_server.settings import ServerSettings
from tests.cim_common.store.conftest import ALICE, BOB, DIRECT, Store, now_ms

SECRET = b"s" * 32
NAMES = {ALICE: "alice", BOB: "bob"}


class Link:
    """A connection to the store whose batches are answered when the test says so; flows run at once."""

    up = True
    start = 1
    waiting = 0

    def __init__(self, store: Store) -> None:
        self._store = store
        self._answers: list[tuple[list[Any], Callable[[Any], None]]] = []

    def write(self, data: bytes, replies: int, done: Callable[[Any], None]) -> None:
        self._store.connection.send_packed_command([data])
        self._answers.append(([self._store.connection.read_response() for _ in range(replies)], done))

    def run(self, flow: Any, done: Callable[[Any], None]) -> None:
        done(self._store.run(flow))

    def answer(self) -> None:
        answers, self._answers = self._answers, []
        for replies, done in answers:
            done(replies)


class Counted:
    """A socket that counts what is written to it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.writes = 0

    def send(self, data: bytes) -> int:
        self.writes += 1
        return self._sock.send(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class Client:
    """A logged-in connection, its end here and the server's."""

    def __init__(self, bench: "Bench", user: int) -> None:
        ours, self.peer = socket.socketpair()
        ours.setblocking(False)
        self.peer.setblocking(False)
        self.ours = Counted(ours)
        self.protocol = Connection(Role.CLIENT, Limits())
        bench.app.accepted(self.ours, "127.0.0.1")  # type: ignore[arg-type]
        token = Tokens(SECRET).connect(ConnectClaims(user, NAMES[user], "d1", 1, True))
        self.say(m.Login(token, "d1"))
        bench.turn()
        assert [type(event) for event in self.read()] == [m.LoginOk]

    def say(self, *messages: Any) -> None:
        self.peer.send(b"".join([self.protocol.send(message) for message in messages]))

    def read(self) -> list[Any]:
        try:
            self.protocol.receive_data(self.peer.recv(1024 * 1024))
        except BlockingIOError:
            return []
        return [event for event in self.protocol.events() if not isinstance(event, m.Signal)]


class Bench:
    """One server without its tasks: the test makes its passes."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        self.link = Link(store)
        monkeypatch.setattr(apps, "RedisLink", lambda *arguments, **more: self.link)
        registry: Any = None
        self.app = App(ServerSettings("s1", "redis://127.0.0.1:1", SECRET, legacy=True), registry)
        self.app.commit.store_back()
        self.app.resuming.connected(1)
        self.clients: list[Client] = []
        self.legacy: list[socket.socket] = []

    def connect(self, user: int) -> Client:
        client = Client(self, user)
        client.say(m.Sync(DIRECT, 0, 0))
        self.turn()
        assert [type(event) for event in client.read()] == [m.Page]
        self.clients.append(client)
        return client

    def connect_legacy(self, user: int) -> socket.socket:
        """A legacy client's socket, logged in and live in its conversations."""
        ours, peer = socket.socketpair()
        ours.setblocking(False)
        peer.setblocking(False)
        self.legacy += ours, peer
        self.app.accepted(ours, "127.0.0.1")
        peer.send(codec.encode(m.LegacyLogin(user, NAMES[user])))
        self.turn()
        return peer

    def turn(self) -> None:
        """What has come, then what the store answers to it."""
        self.app.pump._pass(0)
        self.link.answer()
        self.app.pump._pass(0)

    def close(self) -> None:
        for client in self.clients:
            client.peer.close()
            client.ours.close()
        for sock in self.legacy:
            sock.close()
        self.app.pump.close()


@pytest.fixture
def bench(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    store = Store(redis_url)
    store.run(metadata.check())
    for user, name in NAMES.items():
        store.command("HSET", keys.user(user), "name", name, "display", name, "tv", 1)
    assert store.run(conversations.open_direct(DIRECT, now_ms(), 1))
    made = Bench(store, monkeypatch)
    yield made
    made.close()
    store.connection.disconnect()


def sends(first: int, count: int) -> list[m.Send]:
    return [m.Send(DIRECT, n, n - 1, "x" * 100) for n in range(first, first + count)]


def test_many_messages_are_one_batch_one_frame_and_one_write_each(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = bench.connect(ALICE), bench.connect(BOB)
    made: list[int] = []
    push_frame = codec.push_frame

    def counting(prefix: bytes, entries: list[bytes]) -> bytes:
        made.append(len(entries))
        return push_frame(prefix, entries)

    monkeypatch.setattr(codec, "push_frame", counting)
    before = alice.ours.writes, bob.ours.writes, bench.app.commit.batches
    alice.say(*sends(1, 8))
    bench.turn()
    assert alice.read() == [m.Ack(n, n) for n in range(1, 9)]
    (push,) = bob.read()
    assert [entry.seq for entry in push.entries] == list(range(1, 9))
    after = alice.ours.writes, bob.ours.writes, bench.app.commit.batches
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 1]
    assert made == [8]


def test_both_directions_are_one_write_each(bench: Bench) -> None:
    """What is acknowledged and what is pushed in a pass share a write."""
    alice, bob = bench.connect(ALICE), bench.connect(BOB)
    before = alice.ours.writes + bob.ours.writes
    alice.say(*sends(1, 1))
    bob.say(*sends(1, 1))
    bench.turn()
    for client in (alice, bob):
        assert {type(event) for event in client.read()} == {m.Push, m.Ack}
    assert alice.ours.writes + bob.ours.writes - before == 2


@pytest.mark.invariant("I10")
def test_a_legacy_client_has_a_message_in_the_pass_that_brings_it(bench: Bench) -> None:
    """When there is a next one is not known: nothing may come for a while."""
    bench.store.command("HSET", keys.user(BOB), "legacy", 1)
    alice, bob = bench.connect(ALICE), bench.connect_legacy(BOB)
    alice.say(*sends(1, 2))
    bench.turn()
    assert alice.read() == [m.Ack(1, 1), m.Ack(2, 2)]
    assert bob.recv(65_536).count(b"x" * 100) == 2


def test_a_hundred_thousand_messages_leave_nothing_behind(bench: Bench) -> None:
    alice, bob = bench.connect(ALICE), bench.connect(BOB)
    frames, kept = [alice.protocol.send(message) for message in sends(1, 100_000)], []
    for part in (frames[:1_000], frames[1_000:]):
        for first in range(0, len(part), 50):
            alice.peer.send(b"".join(part[first : first + 50]))
            bench.turn()
            for client in (alice, bob):
                assert client.peer.recv(65_536)
        gc.collect()
        kept.append(len(gc.get_objects()))
    assert bench.app.conversations.applied(DIRECT) == 100_000
    assert kept[1] - kept[0] < 50


@pytest.mark.parametrize("legacy", [False, True], ids=["v2", "legacy"])
def test_a_connection_that_has_ended_leaves_nothing_to_a_collection(bench: Bench, legacy: bool) -> None:
    """Collections are rare, those of what has lived for long rarest: cycles would be memory that only grows."""

    def come_and_go() -> None:
        peer = bench.connect_legacy(BOB) if legacy else bench.connect(BOB).peer
        bench.turn()
        assert len(bench.app.sessions) == 1
        peer.close()
        for _ in range(3):
            bench.turn()
        assert len(bench.app.sessions) == 0

    bench.store.command("HSET", keys.user(BOB), "legacy", int(legacy))
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            come_and_go()
        bench.app.pump.timers.run(bench.app.pump.now + 2 * IDLE_TIMEOUT_S)
        left = [one for one in gc.get_objects() if isinstance(one, Channel | Session)]
    finally:
        gc.enable()
    assert left == [bench.app.sessions._ended]


def test_heartbeats_are_told_from_all_else(bench: Bench) -> None:
    bench.store.command("HSET", keys.user(BOB), "legacy", 1)
    alice, bob, pump = bench.connect(ALICE), bench.connect_legacy(BOB), bench.app.pump

    def quiet_after(said: Any) -> bool:
        pump._spoken -= 1
        pump._quiet_beats = 100 * MANY_BEATS_PER_S
        said()
        bench.turn()
        return pump._only_beats(pump.now)

    assert quiet_after(lambda: alice.say(m.Ping()))
    assert quiet_after(lambda: bob.send(codec.encode(m.LegacyPing())))
    assert not quiet_after(lambda: alice.say(*sends(1, 1)))


def test_each_ping_gets_its_token_back_and_those_of_a_moment_one_frame(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = bench.connect(ALICE)
    monkeypatch.setattr(bench.app.clock, "now_ms", lambda: 1_000)
    made: list[Any] = []
    encode = codec.encode

    def counting(message: Any) -> bytes:
        made.append(message)
        return encode(message)

    monkeypatch.setattr(codec, "encode", counting)
    alice.peer.send(b"".join(map(encode, [m.Ping(7), m.Ping(), m.Ping(), m.Ping()])))
    bench.turn()
    assert alice.read() == [m.Pong(7, 1_000), *[m.Pong(0, 1_000)] * 3]
    assert made == [m.Pong(7, 1_000), m.Pong(0, 1_000)]


def test_an_idle_minute_keeps_no_memory(bench: Bench) -> None:
    alice, bob = bench.connect(ALICE), bench.connect(BOB)

    def pings(count: int) -> None:
        for _ in range(count):
            bench.app.pump.timers.run(bench.app.pump.now + PING_INTERVAL_S)
            for client in (alice, bob):
                client.say(m.Ping())
            bench.turn()
            assert [type(event) for event in (*alice.read(), *bob.read())] == [m.Pong, m.Pong]

    pings(6)
    ours = [tracemalloc.Filter(True, str(Path(apps.__file__).parents[1] / "cim_*" / "*"))]
    tracemalloc.start()
    pings(1)
    before = tracemalloc.take_snapshot().filter_traces(ours)
    pings(6)
    after = tracemalloc.take_snapshot().filter_traces(ours)
    tracemalloc.stop()
    assert sum(difference.size_diff for difference in after.compare_to(before, "filename")) < 4_096
