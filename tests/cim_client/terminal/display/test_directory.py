"""The conversation list, read when it may have changed."""

from typing import Any

import trio
import trio.testing

from cim_client.errors import Refused, Unavailable
from cim_client.terminal.commands.settings import Settings
from cim_client.terminal.display.conversations import Conversations
from cim_client.terminal.display.directory import READ_EVERY_S, Directory
from cim_client.types import Conversation
from cim_common import ids
from cim_common.wire.codes import Code

ME = 2**32
DIRECT = ids.direct(ME, ME + 7)
OPS = ids.new_group()


class Me:
    def __init__(self) -> None:
        self.asked = 0
        self.raises: Exception | None = None
        self.muted = False

    async def conversations(self) -> list[Conversation]:
        await trio.lowlevel.checkpoint()
        self.asked += 1
        if self.raises is not None:
            raise self.raises
        return [Conversation(OPS, "ops", "member", 2, 3, 5, False, self.muted, 2, "", False, 0, 0)]

    async def conversation_id(self, to: str) -> str:
        await trio.lowlevel.checkpoint()
        if to == "nobody":
            raise Refused(Code.NO_SUCH_USER)
        return DIRECT


def directory() -> tuple[Any, Conversations, Directory]:
    me: Any = Me()
    known = Conversations(Settings())
    return me, known, Directory(me, known)


async def test_titles_and_what_is_unread() -> None:
    _, known, listed = directory()
    await listed.read()
    assert [(unread.label, unread.messages) for unread in known.unread()] == [("#ops", 2)]


async def test_it_is_read_after_changes_not_more_often_than_is_of_use(autojump_clock: trio.testing.MockClock) -> None:
    me, known, listed = directory()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listed.run)
        await trio.sleep(10 * READ_EVERY_S)
        assert me.asked == 0
        for _ in range(20):
            listed.changed()
            await trio.sleep(READ_EVERY_S / 20)
        me.muted = True
        listed.changed()
        await trio.sleep(2 * READ_EVERY_S)
        assert me.asked <= 3
        assert known.chat(OPS).muted
        nursery.cancel_scope.cancel()


async def test_without_an_answer_the_next_connection_asks_again() -> None:
    me, known, listed = directory()
    me.raises = Unavailable(Code.NO_SERVER)
    await listed.read()
    me.raises = None
    await listed.read()
    assert known.title(OPS) == "ops"


async def test_a_user_one_went_to_without_a_connection_is_found_then() -> None:
    _, known, listed = directory()
    known.switch("bob")
    await listed.read()
    assert (known.current, known.title(DIRECT)) == (DIRECT, "bob")


async def test_one_there_is_not_stays_what_was_typed() -> None:
    _, known, listed = directory()
    known.switch("nobody")
    await listed.read()
    assert known.current == "nobody"
