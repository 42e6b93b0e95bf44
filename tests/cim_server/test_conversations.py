"""Order and delivery on one server (I9 to I12), with a scripted store."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from cim_common.store.interest import Taken
from cim_common.store.pages import LogPage
from cim_common.wire import NEED_DATA, Connection, Limits, Role, codec
from cim_common.wire import messages as m
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.limits import MAX_TEXT_BYTES
from cim_server.conversation import Page
from cim_server.conversations import LINGER_S, Conversations
from cim_server.delivery import GAP_S, MAX_FRESH
from cim_server.pump import Pump


def entry(seq: int) -> bytes:
    return codec.entry_bytes(codec.entry_meta(1, "a", "d", seq, 1), codec.entry_content(f"text {seq}"), seq)


class Link:
    """Keeps the flows it was given; the test answers them."""

    def __init__(self, pump: Pump) -> None:
        self.pump = pump
        self.asked: list[tuple[str, Callable[[Any], None]]] = []
        self.start = 1
        self.up = True

    def run(self, flow: Any, done: Callable[[Any], None]) -> None:
        name = flow.gi_code.co_name
        flow.close()
        self.asked.append((name, done))

    def answer(self, name: str, outcome: Any) -> None:
        found, done = self.asked.pop(0)
        assert found == name
        done(outcome)
        self.pump.flush()


class Peer:
    """A channel that records what it would write, and its door."""

    def __init__(self, user: int = 1) -> None:
        self.connection = Connection(Role.SERVER, Limits())
        self.client = Connection(Role.CLIENT, Limits())
        self.client.mark_logged_in()
        self.open = True
        self.door = self
        self.session = self
        self.user = user
        self.answers: list[Page] = []
        self.pages: list[tuple[int, bool, list[int]]] = []
        self.failures: list[int] = []
        self.got: list[Any] = []

    def enqueue(self, frame: bytes) -> None:
        self.client.receive_data(frame)
        while (event := self.client.next_event()) is not NEED_DATA:
            self.got.append(event)

    def page(self, channel: Any, conversation: Any, page: Page) -> None:
        self.pages.append((page.end, page.live, [seq for seq, _ in page.entries]))
        self.answers.append(page)

    def failed(self, channel: Any, message: m.Failed) -> None:
        self.failures.append(message.code)

    @property
    def seqs(self) -> list[int]:
        return [one.seq for event in self.got if isinstance(event, m.Push) for one in event.entries]


class World:
    def __init__(self, pump: Pump) -> None:
        self.pump = pump
        self.link = Link(pump)
        self.all = Conversations(pump, self.link, "s1:e1", lambda *a: None)  # type: ignore[arg-type]

    def live(self, head: int = 0) -> Peer:
        """A peer that is live in the conversation."""
        peer = Peer()
        self.all.sync(peer, "lobby", head)  # type: ignore[arg-type]
        if self.link.asked:
            self.link.answer("take", Taken(head, 7, 2, ()))
        assert peer.pages == [(head, True, [])]
        return peer

    def apply(self, *seqs: int, origin: Any = None) -> None:
        for seq in seqs:
            self.all.apply("lobby", seq, entry(seq), 0, origin)
        self.pump.flush()

    def pass_time(self, seconds: float) -> None:
        self.pump.timers.run(self.pump.now + seconds)


@pytest.fixture
def world() -> Iterator[World]:
    pump = Pump()
    yield World(pump)
    pump.close()


def page(head: int, *seqs: int) -> LogPage:
    end = seqs[-1] if seqs else head
    return LogPage(head, 7, 1, end, end < head, "member", [(seq, entry(seq)) for seq in seqs], ())


@pytest.mark.invariant("I10")
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


@pytest.mark.invariant("I10")
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
    world.pump.flush()
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


@pytest.mark.invariant("I12")
def test_what_comes_before_the_interest_is_known_is_kept(world: World) -> None:
    peer = Peer()
    world.all.sync(peer, "lobby", 3)  # type: ignore[arg-type]
    world.apply(5, 6)
    world.link.answer("take", Taken(5, 7, 2, ()))
    world.link.answer("_page_above", page(6, 4, 5, 6))
    assert peer.pages == [(6, True, [4, 5, 6])]
    world.apply(7)
    assert peer.seqs == [7]


@pytest.mark.invariant("I11")
def test_live_only_after_a_page_has_reached_applied(world: World) -> None:
    other = world.live()
    peer = Peer()
    world.all.sync(peer, "lobby", 0)  # type: ignore[arg-type]
    assert peer.pages == [(0, True, [])]
    late = Peer()
    world.apply(1, 2, 3)
    world.all.sync(late, "lobby", 0)  # type: ignore[arg-type]
    world.apply(4)
    world.link.answer("_page_above", page(9, 1, 2))
    assert late.pages == [(2, False, [1, 2])]
    assert [type(event) for event in late.got] == [m.Head]
    world.all.sync(late, "lobby", 2)  # type: ignore[arg-type]
    world.apply(5)
    world.link.answer("_page_above", page(4, 3, 4))
    assert late.pages[-1] == (5, True, [3, 4, 5])
    world.apply(6)
    assert late.seqs == [6]
    assert other.seqs == [1, 2, 3, 4, 5, 6]


def test_a_page_ahead_of_applied_is_not_pushed_again(world: World) -> None:
    world.live()
    peer = Peer()
    world.apply(1)
    world.all.sync(peer, "lobby", 0)  # type: ignore[arg-type]
    world.link.answer("_page_above", page(3, 1, 2, 3))
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


def test_a_conversation_that_is_not_there(world: World) -> None:
    peer = Peer()
    world.all.sync(peer, "d-3000000000-3000000001", 0)  # type: ignore[arg-type]
    world.link.answer("take", None)
    assert peer.failures == [1003]


GROUP = "g-0123456789abcdef0123"


def state_entry(seq: int, kind: Kind, sender: int, *targets: int) -> bytes:
    change = m.Change(GROUP, seq, 0, kind, targets=targets)
    content = codec.change_content(change, [m.Target(user, "x") for user in targets])
    return codec.entry_bytes(codec.entry_meta(sender, "a", "d", seq, 1), content, seq)


def in_group(world: World, peer: Peer, head: int, taken: bool) -> None:
    world.all.sync(peer, GROUP, head)  # type: ignore[arg-type]
    if taken:
        world.link.answer("take", Taken(head, 7, 3, ()))
    world.link.answer("_page_above", page(head))


@pytest.mark.invariant("I20")
def test_who_is_kicked_gets_the_kick_and_nothing_after_it(world: World) -> None:
    kicked, other = Peer(5), Peer(6)
    in_group(world, kicked, 3, True)
    in_group(world, other, 3, False)
    world.all.apply(GROUP, 5, entry(5))
    world.all.apply(GROUP, 4, state_entry(4, Kind.KICKED, 6, 5), Kind.KICKED)
    world.pump.flush()
    assert kicked.seqs == [4]
    assert other.seqs == [4, 5]


def test_who_has_come_back_before_his_kick_is_known_here_reads_on(world: World) -> None:
    """The store is ahead of this server: its page holds kick and return, the server has yet to apply both (I11)."""
    peer = Peer(5)
    in_group(world, Peer(6), 3, True)
    world.all.sync(peer, GROUP, 3)  # type: ignore[arg-type]
    world.link.answer("_page_above", page(8, 4, 7, 8))
    assert peer.pages == [(8, True, [4, 7, 8])]
    world.all.apply(GROUP, 4, state_entry(4, Kind.KICKED, 6, 5), Kind.KICKED)
    world.pump.flush()
    for seq in (5, 6, 8, 9):
        world.all.apply(GROUP, seq, entry(seq))
    world.all.apply(GROUP, 7, state_entry(7, Kind.JOINED, 6, 5), Kind.JOINED)
    world.pump.flush()
    assert peer.seqs == [9]


@pytest.mark.invariant("I20")
def test_a_page_read_before_a_kick_is_read_again(world: World) -> None:
    kicked, other = Peer(5), Peer(6)
    in_group(world, other, 3, True)
    world.all.sync(kicked, GROUP, 2)  # type: ignore[arg-type]
    world.all.apply(GROUP, 4, state_entry(4, Kind.LEFT, 5), Kind.LEFT)
    world.all.apply(GROUP, 5, entry(5))
    world.pump.flush()
    world.link.answer("_page_above", page(3, 3))
    assert kicked.pages == []
    world.link.answer("count", 1)
    world.link.answer("_page_above", page(5, 3, 4)._replace(role="left", more=False, end=4))
    assert kicked.answers == [Page(4, 5, False, [(3, entry(3)), (4, entry(4))], (), False, True)]
    world.all.apply(GROUP, 6, entry(6))
    world.pump.flush()
    assert kicked.seqs == []


def test_how_many_take_part_is_asked_and_not_counted(world: World) -> None:
    in_group(world, Peer(6), 3, True)
    conversation = world.all.get(GROUP)
    assert conversation is not None
    conversation.members = 900
    world.all.apply(GROUP, 4, state_entry(4, Kind.BANNED, 6, *range(1_000, 1_200)), Kind.BANNED)
    world.pump.flush()
    assert conversation.members == 900
    world.link.answer("count", 899)
    assert conversation.members == 899


@pytest.mark.invariant("I22")
def test_a_cursor_of_another_log_is_set_back(world: World) -> None:
    world.live(9)
    ahead, other = Peer(), Peer()
    world.all.sync(ahead, "lobby", 12)  # type: ignore[arg-type]
    world.link.answer("_page_above", page(9))
    assert ahead.answers[-1] == Page(9, 9, False, rewound=True)
    world.all.sync(other, "lobby", 9, 5)  # type: ignore[arg-type]
    world.link.answer("_page_above", (page(9), 4))
    assert other.answers[-1] == Page(4, 9, False, rewound=True)


@pytest.mark.invariant("I22")
def test_a_log_that_went_back_is_told_to_everyone(world: World) -> None:
    peer = world.live(9)
    conversation = world.all.get("lobby")
    assert conversation is not None
    world.all.rewind(conversation)
    world.link.answer("rewind", (6, 8))
    assert peer.answers[-1] == Page(6, 6, False, rewound=True)
    world.apply(7)
    assert peer.seqs == []
    world.all.sync(peer, "lobby", 6, 8)  # type: ignore[arg-type]
    world.link.answer("_page_above", page(7, 7)._replace(incarnation=8))
    world.apply(8)
    assert peer.seqs == [8]


@pytest.mark.invariant("I22")
def test_a_head_read_before_more_was_delivered_sets_nobody_back(world: World) -> None:
    """The store found the log whole; what was appended since came here before its answer."""
    peer = world.live(9)
    conversation = world.all.get("lobby")
    assert conversation is not None
    world.all.rewind(conversation)
    world.apply(10)
    world.link.answer("rewind", (9, conversation.incarnation))
    assert (conversation.applied, peer.seqs, peer.answers[-1].rewound) == (10, [10], False)


def test_who_is_passed_over_by_retention_is_synced_anew(world: World) -> None:
    peer, syncing = world.live(), Peer(2)
    world.all.sync(syncing, "lobby", 0)  # type: ignore[arg-type]
    world.link.asked.clear()
    world.apply(1, 9)
    world.pass_time(GAP_S * 2)
    kept = LogPage(9, 7, 8, 9, False, "member", [(8, entry(8)), (9, entry(9))], (m.Range(2, 7, Code.EXPIRED),))
    world.link.answer("page_up", kept)
    assert peer.seqs == [1]
    assert peer.pages[-1] == (1, False, [])
    world.all.sync(peer, "lobby", 1)  # type: ignore[arg-type]
    world.link.answer("_page_above", kept)
    assert peer.answers[-1][:3] == (9, 9, True)
    assert peer.answers[-1].gaps == kept.gaps
    world.apply(10)
    assert peer.seqs == [1, 10]


class Full(Peer):
    """Its outbox takes nothing more: the connection ends as something is enqueued."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def enqueue(self, frame: bytes) -> None:
        self.world.all.leave(self, ["lobby"])  # type: ignore[arg-type]

    def page(self, channel: Any, conversation: Any, page: Page) -> None:
        if self.pages:
            self.enqueue(b"")
        super().page(channel, conversation, page)


def joined(world: World, peer: Peer, head: int) -> None:
    world.all.sync(peer, "lobby", head)  # type: ignore[arg-type]


def test_a_connection_that_ends_by_a_signal_ends_nobody_elses(world: World) -> None:
    first, full, last = world.live(), Full(world), Peer()
    joined(world, full, 0)
    joined(world, last, 0)
    signal = m.Signal("lobby", 1, 9, "x")
    world.all.signal("lobby", 9, codec.encode(signal))
    assert first.got == last.got == [signal]
    world.apply(1)
    assert (first.seqs, full.seqs, last.seqs) == ([1], [], [1])


def test_a_connection_that_ends_by_a_hint_is_forgotten(world: World) -> None:
    other, full = world.live(), Full(world)
    joined(world, full, 0)
    world.all.hold(full, "lobby")  # type: ignore[arg-type]
    world.apply(1)
    assert not world.all.takes_part(full, "lobby")  # type: ignore[arg-type]
    assert other.seqs == [1]


@pytest.mark.invariant("I22")
def test_a_connection_that_ends_by_a_new_incarnation_ends_nobody_elses(world: World) -> None:
    first, full, last = world.live(4), Full(world), Peer()
    joined(world, full, 4)
    joined(world, last, 4)
    (conversation,) = world.all.suspend()
    world.all.resume(conversation, Taken(4, 8, 3, ()), 4)
    assert first.pages[-1] == last.pages[-1] == (4, True, [])
    assert len(first.pages) == len(last.pages) == 2
    assert not world.all.takes_part(full, "lobby")  # type: ignore[arg-type]


# -- what a pass gathers ------------------------------------------------------------------------------


def frames_made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many entries stood in each PUSH frame that was made."""
    made: list[int] = []
    push_frame = codec.push_frame

    def counting(prefix: bytes, entries: Sequence[bytes]) -> bytes:
        made.append(len(entries))
        return push_frame(prefix, entries)

    monkeypatch.setattr(codec, "push_frame", counting)
    return made


def test_a_pass_makes_one_frame_of_its_entries_for_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    peers = [world.live() for _ in range(50)]
    made = frames_made(monkeypatch)
    world.apply(1)
    world.apply(2, 3, 4)
    assert made == [1, 3]
    assert {tuple(peer.seqs) for peer in peers} == {(1, 2, 3, 4)}
    assert {sum(isinstance(event, m.Push) for event in peer.got) for peer in peers} == {2}


def test_a_sender_gets_what_others_wrote_in_the_same_pass(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sender, others = world.live(), [world.live() for _ in range(3)]
    made = frames_made(monkeypatch)
    for seq, origin in ((1, sender), (2, None), (3, sender)):
        world.all.apply("lobby", seq, entry(seq), 0, origin)  # type: ignore[arg-type]
    world.pump.flush()
    assert sender.seqs == [2]
    assert [peer.seqs for peer in others] == [[1, 2, 3]] * 3
    assert sorted(made) == [1, 3]


def test_who_goes_live_in_the_same_pass_has_it_from_the_page(world: World) -> None:
    world.live()
    world.all.apply("lobby", 1, entry(1))
    late = Peer()
    world.all.sync(late, "lobby", 1)  # type: ignore[arg-type]
    world.all.apply("lobby", 2, entry(2))
    world.pump.flush()
    assert late.pages == [(1, True, [])]
    assert late.seqs == [2]


def test_no_frame_is_longer_than_a_peer_takes(world: World) -> None:
    peer = world.live()
    text = "x" * MAX_TEXT_BYTES
    for seq in range(1, 11):
        meta, content = codec.entry_meta(1, "a", "d", seq, 1), codec.entry_content(text)
        world.all.apply("lobby", seq, codec.entry_bytes(meta, content, seq))
    world.pump.flush()
    assert peer.seqs == list(range(1, 11))


def test_who_goes_on_hold_in_the_same_pass_has_what_came_before(world: World) -> None:
    peer = world.live()
    world.all.apply("lobby", 1, entry(1))
    world.all.hold(peer, "lobby")  # type: ignore[arg-type]
    world.apply(2)
    assert peer.seqs == [1]


def test_what_one_pass_gathers_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = world.live()
    made = frames_made(monkeypatch)
    world.apply(*range(1, 3 * MAX_FRESH + 2))
    assert made == [MAX_FRESH, MAX_FRESH, MAX_FRESH, 1]
    assert peer.seqs == list(range(1, 3 * MAX_FRESH + 2))


@pytest.mark.invariant("I22")
def test_what_was_gathered_goes_out_before_the_log_goes_back(world: World) -> None:
    peer = world.live(9)
    conversation = world.all.get("lobby")
    assert conversation is not None
    world.all.rewind(conversation)
    world.all.apply("lobby", 10, entry(10))
    world.link.answer("rewind", (6, 8))
    assert peer.seqs == [10]
    assert peer.pages[-1] == (6, False, [])
