"""Order and delivery on one server (I9 to I12), with a scripted store."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from cim_common.store.conversations import LogPage
from cim_common.wire import NEED_DATA, Connection, Limits, Role, codec
from cim_common.wire import messages as m
from cim_server.conversations import GAP_S, LINGER_S, Conversations
from cim_server.pump import Pump


def entry(seq: int) -> bytes:
    return codec.entry_bytes(codec.entry_meta(1, "a", "d", seq, 1), codec.entry_content(f"text {seq}"), seq)


class Link:
    """Keeps the flows it was given; the test answers them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Callable[[Any], None]]] = []

    def run(self, flow: Any, done: Callable[[Any], None]) -> None:
        name = flow.gi_code.co_name
        flow.close()
        self.asked.append((name, done))

    def answer(self, name: str, outcome: Any) -> None:
        found, done = self.asked.pop(0)
        assert found == name
        done(outcome)


class Peer:
    """A channel that records what it would write, and its door."""

    def __init__(self) -> None:
        self.connection = Connection(Role.SERVER, Limits())
        self.client = Connection(Role.CLIENT, Limits())
        self.client.mark_logged_in()
        self.open = True
        self.door = self
        self.pages: list[tuple[int, bool, list[int]]] = []
        self.failures: list[int] = []
        self.got: list[Any] = []

    def enqueue(self, frame: bytes) -> None:
        self.client.receive_data(frame)
        while (event := self.client.next_event()) is not NEED_DATA:
            self.got.append(event)

    def page(self, channel: Any, conversation: Any, end: int, head: int, live: bool, entries: Sequence[Any]) -> None:
        self.pages.append((end, live, [seq for seq, _ in entries]))

    def failed(self, channel: Any, message: m.Failed) -> None:
        self.failures.append(message.code)

    @property
    def seqs(self) -> list[int]:
        return [one.seq for event in self.got if isinstance(event, m.Push) for one in event.entries]


class World:
    def __init__(self, pump: Pump) -> None:
        self.pump = pump
        self.link = Link()
        self.all = Conversations(pump, self.link, "s1:e1", lambda *a: None)  # type: ignore[arg-type]

    def live(self, head: int = 0) -> Peer:
        """A peer that is live in the conversation."""
        peer = Peer()
        self.all.sync(peer, "lobby", head)  # type: ignore[arg-type]
        if self.link.asked:
            self.link.answer("take", (head, 7))
        assert peer.pages == [(head, True, [])]
        return peer

    def apply(self, *seqs: int, origin: Any = None) -> None:
        for seq in seqs:
            self.all.apply("lobby", seq, entry(seq), origin)

    def pass_time(self, seconds: float) -> None:
        self.pump.timers.run(self.pump.now + seconds)


@pytest.fixture
def world() -> Iterator[World]:
    pump = Pump()
    yield World(pump)
    pump.close()


def page(head: int, *seqs: int) -> LogPage:
    return LogPage(head, 7, 1, [(seq, entry(seq)) for seq in seqs])


def test_entries_go_out_in_order_once(world: World) -> None:
    peer = world.live()
    world.apply(1, 2, 2, 1, 3)
    assert peer.seqs == [1, 2, 3]


def test_a_gap_that_closes_by_itself_costs_nothing(world: World) -> None:
    peer = world.live()
    world.apply(2, 3)
    assert peer.seqs == []
    world.apply(1)
    assert peer.seqs == [1, 2, 3]
    world.pass_time(GAP_S * 2)
    assert world.link.asked == []


def test_a_gap_that_stays_is_read_from_the_log(world: World) -> None:
    peer = world.live()
    world.apply(1, 4)
    world.pass_time(GAP_S * 2)
    world.link.answer("page_up", page(4, 2, 3, 4))
    world.apply(5)
    assert peer.seqs == [1, 2, 3, 4, 5]


def test_an_entry_too_long_for_a_doorbell_is_read_at_once(world: World) -> None:
    peer = world.live()
    world.all.apply("lobby", 1, b"")
    world.apply(2)
    world.pass_time(0.001)
    world.link.answer("page_up", page(2, 1, 2))
    assert peer.seqs == [1, 2]


def test_the_store_away_during_a_gap_is_tried_again(world: World) -> None:
    from cim_common.store.flow import StoreUnavailable

    peer = world.live()
    world.apply(2)
    world.pass_time(GAP_S * 2)
    world.link.answer("page_up", StoreUnavailable())
    world.pass_time(2.0)
    world.link.answer("page_up", page(2, 1, 2))
    assert peer.seqs == [1, 2]


def test_what_comes_before_the_interest_is_known_is_kept(world: World) -> None:
    peer = Peer()
    world.all.sync(peer, "lobby", 3)  # type: ignore[arg-type]
    world.apply(5, 6)
    world.link.answer("take", (5, 7))
    world.link.answer("page_up", page(6, 4, 5, 6))
    assert peer.pages == [(6, True, [4, 5, 6])]
    world.apply(7)
    assert peer.seqs == [7]


def test_live_only_after_a_page_has_reached_applied(world: World) -> None:
    other = world.live()
    peer = Peer()
    world.all.sync(peer, "lobby", 0)  # type: ignore[arg-type]
    assert peer.pages == [(0, True, [])]
    late = Peer()
    world.apply(1, 2, 3)
    world.all.sync(late, "lobby", 0)  # type: ignore[arg-type]
    world.apply(4)
    world.link.answer("page_up", page(9, 1, 2))
    assert late.pages == [(2, False, [1, 2])]
    assert [type(event) for event in late.got] == [m.Head]
    world.all.sync(late, "lobby", 2)  # type: ignore[arg-type]
    world.apply(5)
    world.link.answer("page_up", page(4, 3, 4))
    assert late.pages[-1] == (5, True, [3, 4, 5])
    world.apply(6)
    assert late.seqs == [6]
    assert other.seqs == [1, 2, 3, 4, 5, 6]


def test_a_page_ahead_of_applied_is_not_pushed_again(world: World) -> None:
    world.live()
    peer = Peer()
    world.apply(1)
    world.all.sync(peer, "lobby", 0)  # type: ignore[arg-type]
    world.link.answer("page_up", page(3, 1, 2, 3))
    assert peer.pages == [(3, True, [1, 2, 3])]
    world.apply(2, 3, 4)
    assert peer.seqs == [4]


def test_a_message_is_not_pushed_back_on_its_own_connection(world: World) -> None:
    peer, other = world.live(), world.live()
    world.apply(1, origin=peer)
    world.apply(3, origin=peer)
    world.apply(2)
    assert peer.seqs == [2]
    assert other.seqs == [1, 2, 3]


def test_hold_and_leave(world: World) -> None:
    peer = world.live()
    world.all.hold(peer, "lobby")  # type: ignore[arg-type]
    world.apply(1, 2)
    assert [type(event) for event in peer.got] == [m.Head]
    world.all.leave(peer, ["lobby"])  # type: ignore[arg-type]
    world.apply(3)
    assert len(peer.got) == 1
    world.all.drop_idle()
    assert len(world.all) == 1
    world.pump.now += LINGER_S + 1
    world.all.drop_idle()
    assert len(world.all) == 0
    assert world.link.asked[-1][0] == "drop"
    assert world.all.buckets == {}


def test_a_conversation_that_is_not_there(world: World) -> None:
    peer = Peer()
    world.all.sync(peer, "d-3000000000-3000000001", 0)  # type: ignore[arg-type]
    world.link.answer("take", None)
    assert peer.failures == [1003]
