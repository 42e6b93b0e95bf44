"""A channel over a real socket pair: outbox, slow consumers, closing with a reason."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from cim_common.wire import NEED_DATA, Code, Connection, Limits, Role, codec
from cim_common.wire import messages as m
from cim_server.channel import MAX_OUTBOX_BYTES, MAX_OUTBOX_FRAMES, AddressLimit, Channel
from cim_server.pump import READ, Pump


class Door:
    """Records what a channel hands on."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.ended = 0
        self.empty = 0

    def event(self, channel: Channel, event: Any) -> None:
        self.events.append(event)
        if isinstance(event, m.Login):
            channel.connection.mark_logged_in()
            channel.session = object()

    def closed(self, channel: Channel) -> None:
        self.ended += 1

    def drained(self, channel: Channel) -> None:
        self.empty += 1

    def page(self, *arguments: Any) -> None: ...
    def failed(self, *arguments: Any) -> None: ...
    def list_changed(self, *arguments: Any) -> None: ...
    def superseded(self, session: Any) -> None: ...


class Wired:
    """A channel and its peer."""

    def __init__(self, pump: Pump) -> None:
        self.pump = pump
        self.door = Door()
        ours, self.peer = socket.socketpair()
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        self.peer.settimeout(2)
        self.channel = Channel(pump, ours, self.door)
        self.client = Connection(Role.CLIENT, Limits())

    def log_in(self) -> None:
        self.peer.sendall(self.client.send(m.Login("t", "d")))
        self.channel.ready(READ)
        self.client.mark_logged_in()

    def read(self) -> list[Any]:
        """What the peer has been sent until the end."""
        found: list[Any] = []
        while data := self.peer.recv(65536):
            self.client.receive_data(data)
            while (event := self.client.next_event()) is not NEED_DATA:
                found.append(event)
            self.channel.flush()
        return found


@pytest.fixture
def pump() -> Iterator[Pump]:
    made = Pump()
    yield made
    made.close()


@pytest.fixture
def wired(pump: Pump) -> Iterator[Wired]:
    made = Wired(pump)
    yield made
    made.channel.drop()
    made.peer.close()


def push(seq: int, size: int = 10) -> bytes:
    entry = codec.entry_bytes(codec.entry_meta(1, "a", "d", seq, 1), codec.entry_content("x" * size), seq)
    return codec.push_frame(codec.conversation_prefix("lobby"), (entry,))


def test_what_was_enqueued_goes_out_in_one_write(wired: Wired) -> None:
    wired.log_in()
    for seq in (1, 2, 3):
        wired.channel.enqueue(push(seq))
    wired.channel.flush()
    assert not wired.channel.has_output
    assert wired.peer.recv(65536) == push(1) + push(2) + push(3)


@pytest.mark.invariant("I17")
def test_a_slow_consumer_is_told_why_and_gets_whole_frames(wired: Wired) -> None:
    wired.log_in()
    count = 0
    while wired.channel.open:
        count += 1
        wired.channel.enqueue(push(count, 8_000))
    assert count * 8_000 > MAX_OUTBOX_BYTES
    assert wired.door.ended == 1
    wired.channel.flush()
    events = wired.read()
    assert events[-1] == m.Close(Code.SLOW_CONSUMER, Code.SLOW_CONSUMER.sentence)
    seqs = [entry.seq for event in events[:-1] for entry in event.entries]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) < count


def test_many_small_frames_in_one_pass_do_not_make_a_slow_consumer(wired: Wired) -> None:
    wired.log_in()
    for seq in range(1, MAX_OUTBOX_FRAMES + 50):
        wired.channel.enqueue(push(seq))
    assert wired.channel.open


def test_a_mistake_is_answered_with_its_code(wired: Wired) -> None:
    wired.log_in()
    wired.peer.sendall(b"\x00")
    wired.channel.ready(READ)
    wired.channel.flush()
    assert wired.read() == [m.Close(Code.EMPTY_FRAME, Code.EMPTY_FRAME.sentence)]
    assert wired.door.ended == 1


def test_a_bug_that_an_input_hits_ends_that_connection_only(wired: Wired, monkeypatch: pytest.MonkeyPatch) -> None:
    wired.log_in()

    def fail(channel: Any, event: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(wired.door, "event", fail)
    wired.peer.sendall(wired.client.send(m.Ping()))
    wired.channel.ready(READ)
    wired.channel.flush()
    assert wired.read() == [m.Close(Code.SERVER_ERROR, Code.SERVER_ERROR.sentence)]
    assert wired.door.ended == 1


def test_no_login_in_time_and_silence(wired: Wired, pump: Pump) -> None:
    assert wired.channel.expire(pump.now + 10) is None
    wired.channel.flush()
    wired.client.mark_logged_in()
    assert [event.code for event in wired.read()] == [Code.LOGIN_TIMEOUT]
    other = Wired(pump)
    other.log_in()
    assert other.channel.expire(pump.now + 29) == pytest.approx(1.0)
    assert other.channel.open
    other.channel.expire(pump.now + 30)
    other.channel.flush()
    assert [event.code for event in other.read()] == [Code.IDLE_TIMEOUT]
    other.channel.drop()
    other.peer.close()


def test_a_peer_that_takes_nothing_is_closed_after_a_while(wired: Wired, pump: Pump) -> None:
    wired.log_in()
    for seq in range(1, 40):
        wired.channel.enqueue(push(seq, 8_000))
    wired.channel.flush()
    assert wired.channel.has_output
    wired.channel.heard = pump.now + 11
    wired.channel.expire(pump.now + 9)
    assert wired.channel.open
    wired.channel.expire(pump.now + 11)
    assert not wired.channel.open


def test_the_peers_end_is_the_end(wired: Wired) -> None:
    wired.log_in()
    wired.peer.close()
    wired.channel.ready(READ)
    assert not wired.channel.open
    assert wired.door.ended == 1
    wired.channel.enqueue(push(1))
    assert not wired.channel.has_output


def test_connections_of_an_address_are_limited_beyond_this_machine(pump: Pump) -> None:
    limit = AddressLimit()
    made = [Wired(pump) for _ in range(limit.MAX_CONNECTIONS + 2)]
    for wired in made[:-1]:
        limit.admit(wired.channel, "192.0.2.7")
    assert [wired.channel.open for wired in made[-3:]] == [True, False, True]
    made[0].channel.drop()
    limit.admit(made[-1].channel, "192.0.2.7")
    assert made[-1].channel.open
    for wired in made:
        limit.admit(wired.channel, "127.0.0.1")
        wired.channel.drop()
        wired.peer.close()
    assert limit._counts == {}
