"""One's own messages on their way to the SDK, and whoever waits for what becomes of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import trio
import trio.testing

from cim_client.client import Client
from cim_client.errors import CimError, Refused
from cim_client.terminal.commands.context import THE_LOBBY, Address
from cim_client.terminal.commands.settings import Settings
from cim_client.terminal.display.lines import Line, plain
from cim_client.terminal.display.outgoing import MAX_PENDING
from cim_client.terminal.display.screen import Screen
from cim_client.terminal.posting import Posting
from cim_client.types import Event, Message
from cim_common.wire.codes import Code


class Me:
    def __init__(self) -> None:
        self.posted: list[tuple[str, str, int | None]] = []
        self.begun = 0
        self.raises: CimError | None = None
        self.slow = trio.Event()
        self.slow.set()

    async def post(self, to: str, text: str, *, reply_to: int | None) -> str:
        self.begun += 1
        await self.slow.wait()
        if self.raises is not None:
            raise self.raises
        self.posted.append((to, text, reply_to))
        return f"1:d:{len(self.posted)}"


class Chat:
    def __init__(self) -> None:
        self.me = Me()
        settings = Settings()
        settings.set("time", "off")
        self.screen = Screen("alice", 2**32, settings=settings)
        self.shown: list[str] = []
        self.changes = 0
        self.posting = Posting(cast(Client, self.me), self.screen, self.show, self.changed)

    def show(self, lines: list[Line]) -> None:
        self.shown += [plain(line) for line in lines]

    def changed(self) -> None:
        self.changes += 1

    async def stored(self, number: int, seq: int) -> None:
        await trio.testing.wait_all_tasks_blocked()
        self.posting.happened(Event("stored", client_msg_id=f"1:d:{number}", conversation="lobby", seq=seq))


@asynccontextmanager
async def running() -> AsyncIterator[Chat]:
    chat = Chat()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(chat.posting.run)
        yield chat
        nursery.cancel_scope.cancel()


async def test_one_after_the_other(autojump_clock: trio.testing.MockClock) -> None:
    async with running() as chat:
        chat.me.slow = trio.Event()
        chat.posting.say(THE_LOBBY, "one", 0)
        chat.posting.say(Address("bob", "bob"), "two", 7)
        await trio.testing.wait_all_tasks_blocked()
        assert (chat.me.begun, chat.me.posted) == (1, [])
        chat.me.slow.set()
        await trio.testing.wait_all_tasks_blocked()
    assert chat.me.posted == [("lobby", "one", None), ("bob", "two", 7)]
    assert chat.changes == 2


async def test_what_was_refused_at_once_says_why(autojump_clock: trio.testing.MockClock) -> None:
    async with running() as chat:
        chat.me.raises = Refused(Code.TEXT_TOO_LONG)
        chat.posting.say(THE_LOBBY, "much", 0)
        await chat.posting.settled()
    assert chat.shown == ["me: much  ✗ not sent", f"* {Code.TEXT_TOO_LONG.sentence}"]


async def test_what_becomes_of_one_is_told_by_events(autojump_clock: trio.testing.MockClock) -> None:
    async with running() as chat:
        for text in ("one", "two", "three"):
            chat.posting.say(THE_LOBBY, text, 0)
        await chat.stored(1, 1)
        chat.posting.happened(Event("failed", client_msg_id="1:d:2", code=Code.OUTCOME_UNKNOWN))
        chat.posting.happened(Event("failed", "kept", client_msg_id="1:d:3"))
    assert chat.shown == ["#1 me: one  ✓", "me: two  ? may not be sent", f"* {Code.OUTCOME_UNKNOWN.sentence}"]
    assert [message.text for message in chat.screen.outgoing.pending.values()] == ["three"]


async def test_whoever_waits_for_those_under_way_waits_for_no_later_one(autojump_clock: trio.testing.MockClock) -> None:
    async with running() as chat:
        chat.posting.say(THE_LOBBY, "one", 0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(chat.posting.settled)
            await trio.testing.wait_all_tasks_blocked()
            chat.posting.say(THE_LOBBY, "two", 0)
            await chat.stored(1, 1)
    assert chat.screen.pending == 1


async def test_one_that_is_shown_with_the_message_before_it_is_waited_for_no_longer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running() as chat:
        chat.posting.say(THE_LOBBY, "mine", 0)
        await chat.stored(1, 2)
        assert chat.shown == [], "it is held for #1"
        with trio.fail_after(1):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(chat.posting.settled)
                await trio.testing.wait_all_tasks_blocked()
                chat.show(chat.screen.received(Message("lobby", 1, "bob", 7, "hi", "", 0, False)))
    assert chat.shown[-1] == "#2 me: mine  ✓"


async def test_more_than_may_be_under_way_wait_for_room(autojump_clock: trio.testing.MockClock) -> None:
    async with running() as chat:
        for number in range(MAX_PENDING):
            assert not chat.posting.full
            chat.posting.say(THE_LOBBY, str(number), 0)
        assert chat.posting.full
        with trio.move_on_after(1) as waited:
            await chat.posting.room()
        assert waited.cancelled_caught
        await chat.stored(1, 1)
        with trio.fail_after(1):
            await chat.posting.room()
