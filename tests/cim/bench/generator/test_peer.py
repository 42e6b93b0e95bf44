"""A connection of the generator against a server of the test's own, which does wrong what a cluster should not."""

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from cim.bench.generator import frames
from cim.bench.generator.peer import Peer
from cim.bench.generator.plan import Member
from cim_common.wire import NEED_DATA, Connection, Limits, Role, codec
from cim_common.wire import messages as m
from cim_common.wire.codes import Code
from tests.real_servers import eventually

DIRECT = "d-3000000001-3000000002"
PREFIX = codec.conversation_prefix(DIRECT)
ME, OTHER, ANOTHER = 4, 5, 6
TEXT_BYTES = 100


class FakeLoad:
    """What a peer tells its loop."""

    def __init__(self) -> None:
        self.began_ns = time.monotonic_ns()
        self.acks_us: list[int] = []
        self.deliveries_us: list[int] = []
        self.in_flight = 0
        self.max_in_flight = 64
        self.sent = self.acked = self.delivered = self.stray = 0
        self.live = 0
        self.reasons: Counter[str] = Counter()
        self.wonders: list[str] = []

    def gone(self, peer: Peer, fd: int) -> None:
        self.reasons[f"connection: {peer.lost}"] += 1

    def failed(self, reason: str) -> None:
        self.reasons[reason] += 1

    def strayed(self) -> None:
        self.stray += 1

    def shared(self, body: bytes) -> Sequence[frames.Sent]:
        return frames.entries_of(body, frames.mark_of(TEXT_BYTES), TEXT_BYTES)

    def wonder(self, what: str) -> None:
        self.wonders.append(what)

    def now_live(self) -> None:
        self.live += 1

    def watch(self, fd: int, mask: int) -> None:
        """There is no epoll here."""


class World:
    """A peer that is logged in and live, and the server's end of its connection."""

    def __init__(self, hears: Sequence[int] = (OTHER,)) -> None:
        self.load = FakeLoad()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            host, port = listener.getsockname()
            member = Member(ME, 3_000_000_001, "bench", "token", host, port, DIRECT, True, tuple(hears))
            self.peer = Peer(self.load, member, TEXT_BYTES)  # type: ignore[arg-type]
            self.peer.connect()
            self.socket, _ = listener.accept()
        self.socket.settimeout(5)
        self.connection = Connection(Role.SERVER, Limits())
        self.peer.connected()
        assert isinstance(self.next(), m.Login)
        self.say(m.LoginOk(3_000_000_001, "a", 2, 0, "s1", 10_000, 30_000, 64))
        greeting = self.next()
        self.say(m.Ack(greeting.n, 1))
        assert isinstance(self.next(), m.Sync)
        self.say(m.Page(DIRECT, 1, 2, 2, True, ()))
        assert self.load.live == 1

    def next(self) -> Any:
        while (event := self.connection.next_event()) is NEED_DATA:
            self.connection.receive_data(self.socket.recv(65_536))
        return event

    def say(self, *messages: Any) -> None:
        self.write(b"".join(self.connection.send(message) for message in messages))

    def write(self, data: bytes) -> None:
        """All at once, and the peer reads it all."""
        self.socket.sendall(data)
        eventually(lambda: self.waiting() >= len(data))
        self.peer.read()

    def waiting(self) -> int:
        """Bytes the peer has not read."""
        try:
            return len(self.peer._socket.recv(1 << 20, socket.MSG_PEEK))
        except BlockingIOError:
            return 0

    def ended(self) -> bool:
        """Whether the peer, when it reads, finds that the connection has ended."""
        if self.peer.lost is None:
            self.peer.read()
        return self.peer.lost is not None

    def push(self, *entries: tuple[int, int], sender: int = OTHER) -> bytes:
        """One PUSH frame of (number, seq)s."""
        return codec.push_frame(PREFIX, [entry(sender, *one) for one in entries])

    def books(self, sender: int = OTHER) -> tuple[int, int, int, list[tuple[int, int]]]:
        """Next number, duplicates, out of order, gaps."""
        found = self.peer.hears[frames.sender_key(sender)]
        return found.next, found.duplicates, found.out_of_order, found.gaps

    def close(self) -> None:
        self.peer.close()
        self.socket.close()


def entry(sender: int, number: int, seq: int) -> bytes:
    meta = codec.entry_meta(3_000_000_002, "bench-5", "bench", frames.N_BASE + number, 1_797_000_000_000)
    return codec.entry_bytes(meta, codec.entry_content(frames.text_of(sender, number, 0, TEXT_BYTES)), seq)


@pytest.fixture
def new_world() -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(*arguments: Any) -> World:
        made.append(World(*arguments))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    return new_world()


def test_deliveries_one_by_one_and_many_in_a_frame(world: World) -> None:
    world.write(world.push((1, 3)))
    world.write(world.push((2, 5), (3, 6), (4, 200), (5, 70_000)) + world.push((6, 70_001)))
    assert world.books() == (7, 0, 0, [])
    assert world.load.delivered == len(world.load.deliveries_us) == 6
    assert frames.seq_of(world.peer.seen) == 70_001


def test_frames_whose_length_has_three_bytes(world: World) -> None:
    world.write(world.push(*((number, number + 2) for number in range(1, 201))))
    assert world.books() == (201, 0, 0, [])
    assert world.load.delivered == 200


def test_byte_by_byte(world: World) -> None:
    world.peer.say(1, 0)
    sent = world.next()
    for byte in world.push((1, 3), (2, 4)) + codec.ack_frame(sent.n, 5) + codec.encode(m.Ping(3)) + world.push((3, 6)):
        world.write(bytes((byte,)))
    assert world.books() == (4, 0, 0, [])
    assert (world.load.acked, world.peer.in_flight, world.next()) == (1, 0, m.Pong(3, 0))


def test_a_lost_delivery(world: World) -> None:
    world.write(world.push((1, 3), (3, 5)))
    assert world.books() == (4, 0, 0, [(2, 2)])


def test_a_doubled_delivery(world: World) -> None:
    world.write(world.push((1, 3)) + world.push((1, 3)))
    assert world.books() == (2, 1, 0, [])
    assert world.load.wonders


def test_a_delivery_doubled_within_a_frame(world: World) -> None:
    world.write(world.push((1, 3), (2, 4), (2, 4), (3, 5)))
    assert world.books() == (4, 1, 0, [])


def test_a_message_stored_twice(world: World) -> None:
    world.write(world.push((1, 3)) + world.push((1, 4), (2, 5)))
    assert world.books() == (3, 1, 0, [])


def test_deliveries_out_of_order(world: World) -> None:
    world.write(world.push((1, 3)) + world.push((3, 5)) + world.push((2, 4)))
    assert world.books() == (4, 0, 1, [])


def test_a_seq_that_goes_back_is_out_of_order_though_the_numbers_rise(world: World) -> None:
    world.write(world.push((1, 9)) + world.push((2, 8)))
    assert world.books()[2] == 1


def test_what_is_nobodys(world: World) -> None:
    meta = codec.entry_meta(3_000_000_002, "bench-5", "bench", 1, 0)
    hello = codec.entry_bytes(meta, codec.entry_content("hello"), 3)
    world.write(codec.push_frame(PREFIX, [hello]) + world.push((1, 4), sender=ANOTHER))
    assert (world.load.stray, world.load.delivered) == (2, 0)


def test_one_of_ours_behind_what_is_nobodys_is_taken_once(world: World) -> None:
    world.write(codec.push_frame(PREFIX, [entry(OTHER, 1, 3), entry(ANOTHER, 1, 4), entry(OTHER, 2, 5)]))
    assert world.books() == (3, 0, 0, [])
    assert (world.load.stray, world.load.delivered) == (1, 2)


def test_several_senders_of_a_group(new_world: Callable[..., World]) -> None:
    world = new_world((OTHER, ANOTHER))
    world.write(codec.push_frame(PREFIX, [entry(OTHER, 1, 3), entry(ANOTHER, 1, 4), entry(OTHER, 2, 5)]))
    assert world.books(OTHER) == (3, 0, 0, [])
    assert world.books(ANOTHER) == (2, 0, 0, [])


def test_an_answer_makes_room_for_the_next(world: World) -> None:
    world.load.in_flight = 2
    world.peer.say(2, 0)
    one, two = world.next(), world.next()
    assert (two.n, two.after) == (one.n + 1, one.n)
    world.write(codec.ack_frame(one.n, 3) + codec.ack_frame(two.n, 4))
    three, four = world.next(), world.next()
    assert [three.n, four.n] == [one.n + 2, one.n + 3]
    assert (world.peer.in_flight, world.load.acked, world.load.sent) == (2, 2, 4)


def test_answers_in_another_order(world: World) -> None:
    world.peer.say(2, 0)
    one, two = world.next(), world.next()
    world.write(codec.ack_frame(two.n, 4) + codec.ack_frame(one.n, 3))
    assert (world.peer.in_flight, world.load.acked, len(world.load.acks_us)) == (0, 2, 2)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda n: m.Nack(n, Code.BLOCKED), "NACK 1006 BLOCKED"),
        (lambda n: m.Retry(n, Code.SENDER_LIMIT, 100), "RETRY 2003 SENDER_LIMIT"),
        (lambda n: m.Unresolved(n), "UNRESOLVED"),
    ],
)
def test_a_refusal_fails_by_name_and_stops_the_sender(world: World, answer: Callable[[int], Any], reason: str) -> None:
    world.load.in_flight = 1
    world.peer.say(1, 0)
    world.say(answer(world.next().n))
    assert world.load.reasons == {reason: 1}
    assert world.peer.stopped
    assert world.peer.sendings.unacknowledged == [1]


def test_what_is_in_flight_when_the_connection_ends_is_not_acknowledged(world: World) -> None:
    world.peer.say(2, 0)
    world.say(m.Close(Code.SERVER_STOPPING))
    assert world.peer.lost == "CLOSE 3000 SERVER_STOPPING"
    assert world.peer.sendings.unacknowledged == [1, 2]
    assert world.load.reasons["CLOSE 3000 SERVER_STOPPING"] == 2


def test_a_connection_that_just_ends(world: World) -> None:
    world.socket.close()
    eventually(lambda: world.ended())
    assert world.peer.lost == "the server went away"


def test_a_log_said_to_have_gone_back_is_a_failure(world: World) -> None:
    world.say(m.Page(DIRECT, 2, 1, 1, False, (), rewound=True))
    assert world.load.reasons == {"a page said that the log went back": 1}


def test_who_has_written_nothing_for_a_while_pings(world: World) -> None:
    world.peer.say(1, 0)
    assert isinstance(world.next(), m.Send)
    world.peer.ping()
    world.peer.ping()
    assert isinstance(world.next(), m.Ping)
