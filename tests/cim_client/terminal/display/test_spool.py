"""Lines are printed in the order they were added, many at a time."""

from collections.abc import AsyncIterator

import trio
import trio.testing

from cim_client.terminal.display.lines import Line, plain
from cim_client.terminal.display.spool import MAX_WAITING, Spool


class Slow:
    """A console that prints when it is let."""

    width = None

    def __init__(self) -> None:
        self.printed: list[list[str]] = []
        self.let = trio.Event()

    async def show(self, lines: list[Line]) -> None:
        await self.let.wait()
        self.printed.append([plain(line) for line in lines])

    async def lines(self) -> AsyncIterator[str]:
        return
        yield

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"a spool does not use {name}")


def lines(*texts: str) -> list[Line]:
    return [[("", text)] for text in texts]


async def test_what_waits_is_handed_over_together(autojump_clock: trio.testing.MockClock) -> None:
    console = Slow()
    spool = Spool(console)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(spool.run)
        spool.add(lines("1"))
        await trio.testing.wait_all_tasks_blocked()
        spool.add([])
        spool.add(lines("2", "3"))
        spool.add(lines("4"))
        console.let.set()
        await spool.flush()
        assert console.printed == [["1"], ["2", "3", "4"]]
        spool.add(lines("5"))
        await spool.flush()
        assert console.printed[-1] == ["5"]
        nursery.cancel_scope.cancel()


async def test_what_stands_around_them_is_told_before() -> None:
    console = Slow()
    console.let.set()
    told: list[int] = []
    spool = Spool(console, lambda: told.append(len(console.printed)))  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(spool.run)
        for text in ("1", "2"):
            spool.add(lines(text))
            await spool.flush()
        nursery.cancel_scope.cancel()
    assert told == [0, 1]


async def test_who_brings_more_waits_while_much_is_unprinted(autojump_clock: trio.testing.MockClock) -> None:
    console = Slow()
    spool = Spool(console)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(spool.run)
        spool.add(lines(*map(str, range(MAX_WAITING))))
        with trio.fail_after(1):
            await spool.room()
        spool.add(lines("one more"))
        with trio.move_on_after(1) as waited:
            await spool.room()
        assert waited.cancelled_caught
        console.let.set()
        await spool.room()
        nursery.cancel_scope.cancel()
