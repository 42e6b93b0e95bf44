"""Receiving: pages that the server does not give now, and what is known of conversations."""

import trio
import trio.testing

from cim_client.events import Events
from cim_client.inbox import Inbox
from cim_client.names import Names
from cim_client.parts import Parts, Tasks
from cim_client.receiving import Receiving
from cim_client.requests import Requests
from cim_client.store import MemoryStore
from cim_common import ids
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Conversation, Conversations, Entry, Failed, Page, Sync


def nothing() -> None:
    """Nobody writes."""


def made(*names: str) -> tuple[Receiving, Events]:
    """A client's receiving side with conversations listed and nothing asked for yet."""
    requests, events = Requests(nothing), Events()
    inbox = Inbox("d")
    receiving = Receiving(Parts(MemoryStore(), requests, Names(requests), events, Tasks(), nothing), inbox)
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
