"""What goes between the input line and the rest while one types."""

from collections.abc import AsyncIterator
from typing import Any

import trio
import trio.lowlevel
from trio.testing import MockClock

from cim_client.errors import Unavailable
from cim_client.local import Local
from cim_client.store.opening import open_store
from cim_client.terminal.display.screen import Screen
from cim_client.terminal.editor.assist import ASK_TIMEOUT_S, SOON_S, TYPING_EVERY_S, Assist
from cim_client.terminal.editor.completion import Offers
from cim_common import ids
from cim_common.wire.codes import Code

DIRECT = ids.direct(2**32, 2**32 + 7)


class Console:
    def __init__(self) -> None:
        self.text = ""
        self.offered: list[Offers] = []
        self.ask, self.asked = trio.open_memory_channel[str](10)

    def offer(self, offers: Offers) -> None:
        self.offered.append(offers)

    async def wanted(self) -> AsyncIterator[str]:
        async for prefix in self.asked:
            yield prefix

    def users(self) -> list[str]:
        return [word.text for word in self.offered[-1].words["user"]]


class Me:
    def __init__(self) -> None:
        self.local = Local(open_store(None, "", "alice"))
        self.told: list[str] = []
        self.slow = False
        self.raises: Exception | None = None

    async def typing(self, conversation: str) -> None:
        await trio.lowlevel.checkpoint()
        if self.raises is not None:
            raise self.raises
        self.told.append(conversation)

    async def users(self, prefix: str, limit: int) -> list[str]:
        await trio.sleep(60 if self.slow else 0)
        if self.raises is not None:
            raise self.raises
        return [prefix + "bert", "ev\x1bil"]


class Parts:
    def __init__(self) -> None:
        self.me = Me()
        self.console = Console()
        self.screen = Screen("alice", 2**32)
        me: Any = self.me
        console: Any = self.console
        self.assist = Assist(me, console, self.screen)


async def test_names_the_cluster_knows_are_offered(autojump_clock: MockClock) -> None:
    parts = Parts()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parts.assist.run)
        parts.console.ask.send_nowait("al")
        await trio.sleep(0.1)
        assert parts.console.users() == ["albert"]
        nursery.cancel_scope.cancel()


async def test_an_answer_that_fails_or_takes_long_is_none(autojump_clock: MockClock) -> None:
    parts = Parts()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parts.assist.run)
        parts.me.raises = Unavailable(Code.NO_SERVER)
        parts.console.ask.send_nowait("al")
        await trio.sleep(0.1)
        parts.me.raises, parts.me.slow = None, True
        parts.console.ask.send_nowait("al")
        await trio.sleep(2 * ASK_TIMEOUT_S)
        parts.me.slow = False
        parts.console.ask.send_nowait("gil")
        await trio.sleep(0.1)
        assert parts.console.users() == ["gilbert"]
        nursery.cancel_scope.cancel()


async def test_only_what_has_changed_is_offered(autojump_clock: MockClock) -> None:
    parts = Parts()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parts.assist.run)
        await trio.sleep(10)
        assert len(parts.console.offered) == 1
        parts.assist.met("bob")
        await trio.sleep(SOON_S)
        assert len(parts.console.offered) == 2
        assert parts.console.users() == ["bob"]
        nursery.cancel_scope.cancel()


async def test_typing_is_told_while_the_text_changes(autojump_clock: MockClock) -> None:
    parts = Parts()
    parts.screen.switch(DIRECT, [])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parts.assist.run)
        await trio.sleep(0.5)
        for text in ("h", "he", "he", "he"):
            parts.console.text = text
            await trio.sleep(TYPING_EVERY_S)
        assert parts.me.told == [DIRECT] * 2
        nursery.cancel_scope.cancel()


async def test_typing_is_not_told_of_commands_to_the_lobby_or_where_nothing_is_sent(autojump_clock: MockClock) -> None:
    parts = Parts()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parts.assist.run)
        parts.console.text = "to the lobby"
        await trio.sleep(2)
        parts.screen.switch(DIRECT, [])
        for text in ("/to b", ":olu"):
            parts.console.text = text
            await trio.sleep(2)
        parts.screen.answering = True
        parts.console.text = "to the AI"
        await trio.sleep(2)
        assert parts.me.told == []
        nursery.cancel_scope.cancel()


async def test_without_a_connection_nobody_is_told(autojump_clock: MockClock) -> None:
    parts = Parts()
    parts.screen.switch(DIRECT, [])
    parts.me.raises = Unavailable(Code.NO_SERVER)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parts.assist.run)
        parts.console.text = "h"
        await trio.sleep(2)
        parts.me.raises = None
        parts.console.text = "he"
        await trio.sleep(2)
        assert parts.me.told == [DIRECT]
        nursery.cancel_scope.cancel()


async def test_what_is_half_typed_is_kept_over_a_crash_and_an_end(autojump_clock: MockClock) -> None:
    parts = Parts()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parts.assist.run)
        parts.console.text = "half a"
        await trio.sleep(2)
        assert parts.me.local.draft("lobby") == "half a"
        parts.console.text = "half a line"
        await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert parts.me.local.draft("lobby") == "half a line"


def test_what_was_sent_is_no_draft_any_more() -> None:
    parts = Parts()
    parts.console.text = "hello"
    parts.assist.keep_draft()
    parts.console.text = ""
    parts.assist.keep_draft()
    assert parts.me.local.draft("lobby") == ""
