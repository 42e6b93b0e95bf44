"""The thread behind the blocking SDK: what happens to calls when it ends."""

import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest
import trio

from cim_client import Client, Closed, streams
from cim_client.background import Calls, Stream, in_background


class DeafToken:
    """A run of trio that takes what it is handed and ends before it does any of it."""

    def __init__(self) -> None:
        self.handed = threading.Event()

    def run_sync_soon(self, do: Callable[..., object], *arguments: Any) -> None:
        self.handed.set()


def test_a_call_that_was_handed_over_too_late_does_not_wait_for_ever() -> None:
    token = DeafToken()
    calls = Calls(cast("trio.lowlevel.TrioToken", token), cast("trio.Nursery", None))
    told: list[BaseException] = []

    def call() -> None:
        try:
            calls.wait(trio.sleep_forever)
        except Closed as error:
            told.append(error)

    caller = threading.Thread(target=call, daemon=True)
    caller.start()
    token.handed.wait()
    calls.end()
    caller.join(10)
    assert len(told) == 1
    with pytest.raises(Closed):
        calls.wait(trio.sleep_forever)


def test_what_breaks_the_client_is_raised_and_ends_calls_under_way() -> None:
    @contextlib.asynccontextmanager
    async def breaking() -> AsyncIterator[Client]:
        async def fail() -> None:
            await broken.wait()
            raise ZeroDivisionError

        broken = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            yield cast("Client", broken)

    async def break_and_wait() -> None:
        cast("trio.Event", client).set()
        await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as raised, in_background(breaking) as (client, calls):
        with pytest.raises(Closed):
            calls.wait(break_and_wait)
        with pytest.raises(Closed):
            calls.wait(break_and_wait)
    assert raised.group_contains(ZeroDivisionError)


def test_what_connecting_raises_is_raised() -> None:
    @contextlib.asynccontextmanager
    async def refusing() -> AsyncIterator[Client]:
        raise ZeroDivisionError
        yield

    with pytest.raises(ZeroDivisionError), in_background(refusing):
        pytest.fail("there is no client")


class LateCalls:
    """Each call is done just as its time is over."""

    def run(self, call: Callable[[], Awaitable[object]], timeout_s: float | None = None) -> None:
        trio.run(call)


def test_what_arrives_as_its_reader_gives_up_is_there_the_next_time() -> None:
    numbers = iter(range(3))

    async def following() -> int:
        return next(numbers)

    stream = Stream(cast("Calls", LateCalls()), streams.Stream(following), 0.1)
    assert [list(stream), list(stream), list(stream)] == [[], [0], [1]]
