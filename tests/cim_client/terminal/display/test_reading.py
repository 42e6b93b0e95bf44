"""What has been shown is marked as read."""

from typing import Any

import trio
import trio.testing

from cim_client.errors import Refused, Unavailable
from cim_client.terminal.display.reading import MARK_EVERY_S, ReadMarks
from cim_client.types import Message
from cim_common.wire.codes import Code


class Me:
    def __init__(self) -> None:
        self.marks: list[tuple[str, int]] = []
        self.raises: Exception | None = None
        self.answers = trio.Event()
        self.answers.set()

    async def mark_read(self, conversation: str, seq: int) -> None:
        await self.answers.wait()
        if self.raises is not None:
            raise self.raises
        self.marks.append((conversation, seq))


def said(seq: int, conversation: str = "lobby") -> Message:
    return Message(conversation, seq, "bob", 7, "hi", "", 0, False)


def reading() -> tuple[Any, ReadMarks]:
    me: Any = Me()
    return me, ReadMarks(me)


async def test_once_a_second_and_forward_only(autojump_clock: trio.testing.MockClock) -> None:
    me, marks = reading()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(marks.run)
        for seq in (5, 6, 4):
            marks.shown(said(seq))
        await trio.sleep(1.5 * MARK_EVERY_S)
        assert me.marks == [("lobby", 6)]
        await trio.sleep(5 * MARK_EVERY_S)
        assert me.marks == [("lobby", 6)]
        nursery.cancel_scope.cancel()


async def test_what_could_not_be_marked_is_tried_again_by_itself(autojump_clock: trio.testing.MockClock) -> None:
    me, marks = reading()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(marks.run)
        me.raises = Unavailable(Code.NO_SERVER)
        marks.shown(said(5))
        await trio.sleep(3.5 * MARK_EVERY_S)
        me.raises = None
        await trio.sleep(1.5 * MARK_EVERY_S)
        assert me.marks == [("lobby", 5)]
        marks.shown(said(6))
        await trio.sleep(1.5 * MARK_EVERY_S)
        assert me.marks == [("lobby", 5), ("lobby", 6)]
        nursery.cancel_scope.cancel()


async def test_without_a_connection_it_is_made_up_for_later() -> None:
    me, marks = reading()
    marks.shown(said(5))
    me.raises = Unavailable(Code.NO_SERVER)
    await marks.write()
    marks.shown(said(3, "g"))
    me.raises = None
    await marks.write()
    assert sorted(me.marks) == [("g", 3), ("lobby", 5)]


async def test_a_mark_written_meanwhile_is_not_set_back() -> None:
    me, marks = reading()
    marks.shown(said(5))
    me.raises = Unavailable(Code.NO_SERVER)
    async with trio.open_nursery() as nursery:
        me.answers = trio.Event()
        nursery.start_soon(marks.write)
        await trio.testing.wait_all_tasks_blocked()
        marks.shown(said(9))
        me.answers.set()
    me.raises = None
    await marks.write()
    assert me.marks == [("lobby", 9)]


async def test_where_one_takes_no_part_any_more_nothing_is_marked() -> None:
    me, marks = reading()
    marks.shown(said(5))
    me.raises = Refused(Code.NO_SUCH_CONVERSATION)
    await marks.write()
    me.raises = None
    await marks.write()
    assert me.marks == []
