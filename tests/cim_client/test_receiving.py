"""Receiving: pages that the server does not give now, and what is known of conversations."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence

import pytest
import trio
import trio.testing

from cim_client.events import Events
from cim_client.inbox import Inbox
from cim_client.keeping import Keeping
from cim_client.names import Names
from cim_client.parts import Parts, Tasks
from cim_client.receiving import IN_A_ROW_S, Receiving
from cim_client.requests import Requests
from cim_client.store.contract import LocalStore
from cim_client.store.memory import MemoryStore
from cim_client.views import Keep, Passed, Position
from cim_common import ids
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Conversation, Conversations, Entry, Failed, Page, Push, Sync


def nothing() -> None:
    """Nobody writes."""


class CountingStore(MemoryStore):
    """Remembers each call that stored positions."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: list[list[tuple[str, Position]]] = []

    def set_positions(self, positions: Iterable[tuple[str, Position]], passed: Sequence[Keep] = ()) -> None:
        self.stored.append(list(positions))
        super().set_positions(self.stored[-1], passed)


def made(*names: str, wake: Callable[[], None] = nothing, store: LocalStore | None = None) -> tuple[Receiving, Events]:
    """A client's receiving side with conversations listed and nothing asked for yet."""
    requests, events = Requests(nothing), Events()
    store = store or MemoryStore()
    keeping = Keeping() if store.keeps else None
    inbox = Inbox("d", keeping=keeping)
    parts = Parts(store, requests, Names(requests), events, Tasks(), wake)
    receiving = Receiving(parts, inbox, keeping)
    receiving.connected(1)
    for name in names:
        inbox.enter(Conversation(name, 1, 0, 7, 0), None)
    inbox.list_complete()
    return receiving, events


async def test_a_spent_budget_stops_all_pages_for_the_time_told(autojump_clock: trio.testing.MockClock) -> None:
    receiving, events = made("a", "b", "c")
    now = trio.current_time()
    assert receiving.frames(now, False) == [Sync(name, 0, 7) for name in "abc"]
    receiving.page(Page("a", 7, 0, 0, True, ()))
    for name in "bc":
        receiving.failed(Failed(0, Code.REQUEST_LIMIT, "", name, 500))
    assert receiving.frames(now + 0.4, False) == []
    assert receiving.frames(now + 0.5, False) == [Sync(name, 0, 7) for name in "bc"]
    for name in "bc":
        receiving.page(Page(name, 7, 0, 0, True, ()))
    event = await events.next()
    assert event is not None
    assert (event.kind, event.state) == ("notice", "synced")


async def test_another_refusal_stops_only_its_conversation(autojump_clock: trio.testing.MockClock) -> None:
    receiving, _ = made("a", "b")
    now = trio.current_time()
    receiving.frames(now, False)
    receiving.failed(Failed(0, Code.STORE_UNAVAILABLE, "", "a", 500))
    receiving.page(Page("b", 7, 2, 9, False, ()))
    assert receiving.frames(now, False) == [Sync("b", 2, 7)]


async def test_a_group_is_found_by_its_name_of_now() -> None:
    receiving, _ = made()
    group = ids.new_group()
    asked = Conversations(1, (Conversation(group, 1, 5, 7, 0, title="coffee", role="member"),), 1, False)
    receiving._listed(asked)
    receiving.frames(0.0, False)
    renames = tuple(Entry(seq, 2, "bob", "x", seq, 0, name, Kind.RENAMED) for seq, name in ((4, "tea"), (6, "cocoa")))
    receiving.page(Page(group, 7, 5, 6, False, renames[:1]))
    assert receiving.group("coffee") == (group, "coffee")
    receiving.page(Page(group, 7, 6, 6, True, renames[1:]))
    assert receiving.group("cocoa") == (group, "cocoa")
    assert receiving.group("coffee") is None
    receiving._listed(asked)  # read before the second renaming, and late
    assert receiving.group("cocoa") == (group, "cocoa")
    (listed,) = asked.conversations
    receiving._listed(asked._replace(conversations=(listed._replace(incarnation=8),)))  # an older store was restored
    assert receiving.group("coffee") == (group, "coffee")


async def test_a_group_one_has_made_is_found_before_the_list_tells_of_it() -> None:
    receiving, _ = made()
    group = ids.new_group()
    receiving.created(group, "tea")
    assert receiving.group("tea") == receiving.group(group) == (group, "tea")
    receiving.renamed(group, 2, "coffee")
    assert receiving.group("tea") is None
    assert receiving.group("coffee") == (group, "coffee")
    listed = Conversation(group, 1, 3, 7, 0, title="cocoa", role="owner")
    receiving._listed(Conversations(1, (listed,), 1, False))
    assert receiving.group("coffee") is None
    assert receiving.group("cocoa") == (group, "cocoa")


async def test_groups_of_an_earlier_run_are_known_until_the_list_is_read_and_remembered_as_it_says() -> None:
    gone, left, stayed, store = ids.new_group(), ids.new_group(), ids.new_group(), MemoryStore()
    store.own.set_groups({gone: "tea", stayed: "ops", left: "ops"})
    receiving, _ = made(store=store)
    receiving.disconnected()
    assert [receiving.group(which) for which in ("ops", left, stayed, "tea")] == [
        (left, "ops"),
        (left, "ops"),
        (stayed, "ops"),
        (gone, "tea"),
    ]  # of two of a name the one that was remembered last
    receiving._listed(
        Conversations(
            1,
            (
                Conversation(stayed, 1, 5, 7, 0, title="ops", role="member"),
                Conversation(left, 1, 5, 7, 0, title="ops", role="left"),
            ),
            1,
            False,
        )
    )
    assert (receiving.group("ops"), receiving.group("tea")) == ((stayed, "ops"), None)
    assert store.own.groups() == {gone: "tea", stayed: "ops"}


def texts(first: int, last: int) -> tuple[Entry, ...]:
    return tuple(Entry(seq, 2, "bob", "d2", seq, 0, "hello") for seq in range(first, last + 1))


async def test_a_message_shown_costs_one_write_of_its_position_and_wakes_nobody() -> None:
    woken: list[None] = []
    store = CountingStore()
    receiving, _ = made("a", wake=lambda: woken.append(None), store=store)
    receiving.frames(0.0, False)
    receiving.page(Page("a", 7, 500, 500, True, texts(1, 500)))
    receiving.note_moved()
    store.stored.clear()
    woken.clear()
    for seq in range(1, 501):
        message = await receiving.next_message()
        assert message is not None
        assert message.seq == seq
        assert store.stored == [[("a", Position(shown, 7))] for shown in range(1, seq)]
    receiving.settle_shown()
    assert len(store.stored) == 500
    assert woken == []


async def test_what_was_shown_is_kept_in_the_step_that_stores_its_position() -> None:
    class Watched(MemoryStore):
        def set_positions(self, positions: Iterable[tuple[str, Position]], passed: Sequence[Keep] = ()) -> None:
            written.append((dict(positions), [keep.entry.seq for keep in passed if isinstance(keep, Passed)]))

    written: list[tuple[dict[str, Position], list[int]]] = []
    receiving, _ = made("a", store=Watched(keeps=True))
    receiving.frames(0.0, False)
    receiving.page(Page("a", 7, 2, 2, True, texts(1, 2)))
    receiving.note_moved()
    written.clear()
    for _ in range(2):
        await receiving.next_message()
    receiving.settle_shown()
    assert written == [({"a": Position(1, 7)}, [1]), ({"a": Position(2, 7)}, [2])]


async def test_history_of_another_log_than_ours_is_not_kept() -> None:
    store = MemoryStore(keeps=True)
    receiving, _ = made("a", store=store)
    changes = (Entry(3, 2, "bob", "d2", 3, 0, "new name", Kind.RENAMED),)
    receiving.read_back(Page("a", 7, 1, 9, False, (*texts(1, 2), *changes)))
    receiving.read_back(Page("a", 8, 1, 9, False, texts(4, 5)))
    receiving.read_back(Page("unheard of", 7, 1, 9, False, texts(4, 5)))
    assert [message.seq for message in store.messages.messages("a", 10)] == [2, 1]
    assert store.messages.messages("unheard of", 10) == []


async def test_history_that_a_change_has_overtaken_is_not_kept() -> None:
    store = MemoryStore(keeps=True)
    receiving, _ = made("a", "b", store=store)
    receiving.frames(0.0, False)
    for name in "ab":
        receiving.page(Page(name, 7, 9, 9, True, ()))
    receiving.pushed(Push("a", (Entry(10, 2, "bob", "d2", 10, 0, "", Kind.RECALLED, ref=2),)))
    receiving.note_moved()
    for name in "ab":
        receiving.read_back(Page(name, 7, 1, 9, False, texts(1, 2)))
    assert store.messages.messages("a", 10) == []
    assert len(store.messages.messages("b", 10)) == 2
    receiving.read_back(Page("a", 7, 1, 10, False, texts(1, 1)))
    assert len(store.messages.messages("a", 10)) == 1


async def test_a_write_that_fails_loses_neither_the_next_message_nor_what_it_should_have_kept() -> None:
    class FailingOnce(MemoryStore):
        fails = False

        def set_positions(self, positions: Iterable[tuple[str, Position]], passed: Sequence[Keep] = ()) -> None:
            if self.fails:
                self.fails = False
                raise sqlite3.OperationalError("database or disk is full")
            super().set_positions(positions, passed)

    store = FailingOnce(keeps=True)
    receiving, _ = made("a", store=store)
    receiving.frames(0.0, False)
    receiving.page(Page("a", 7, 3, 3, True, texts(1, 3)))
    receiving.note_moved()
    assert await receiving.next_message() is not None
    store.fails = True
    with pytest.raises(sqlite3.OperationalError):
        await receiving.next_message()
    message = await receiving.next_message()
    assert message is not None
    assert message.seq == 2
    assert store.position("a") == Position(1, 7)
    assert [message.seq for message in store.messages.messages("a", 10)] == [1]
    store.fails = True
    with pytest.raises(sqlite3.OperationalError):
        receiving.settle_shown()
    receiving.settle_shown()
    assert store.position("a") == Position(2, 7)
    assert [message.seq for message in store.messages.messages("a", 10)] == [2, 1]


async def test_while_pages_are_to_come_the_link_is_woken_as_messages_are_taken() -> None:
    woken: list[None] = []
    receiving, _ = made("a", wake=lambda: woken.append(None))
    receiving.frames(0.0, False)
    receiving.page(Page("a", 7, 1000, 2000, False, texts(1, 1000)))
    assert receiving.frames(0.0, False) == []
    assert await receiving.next_message() is not None
    assert woken == [None]
    assert receiving.frames(0.0, False) == [Sync("a", 1000, 7)]


async def test_whoever_takes_message_after_message_lets_others_run_and_can_be_cancelled(
    mock_clock: trio.testing.MockClock,
) -> None:
    receiving, _ = made("a")
    receiving.frames(0.0, False)
    receiving.page(Page("a", 7, 500, 500, True, texts(1, 500)))
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        mock_clock.jump(IN_A_ROW_S * 1.5)
        assert await receiving.next_message() is not None
        nursery.start_soon(other)
        for _ in range(100):
            assert await receiving.next_message() is not None
        assert turns == 0
        for _ in range(100):
            mock_clock.jump(IN_A_ROW_S * 1.5)
            assert await receiving.next_message() is not None
        assert turns >= 99
        nursery.cancel_scope.cancel()
        with pytest.raises(trio.Cancelled):
            await receiving.next_message()
