"""A client in a thread of its own, for ordinary blocking code: `cim_client/blocking.py` rests on it.

The thread runs trio and the client; callers hand it one call at a time each and wait. A call that is given up, by its
timeout or by Ctrl-C, is cancelled there as it would be in trio.
"""

import contextlib
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractAsyncContextManager
from itertools import islice
from typing import Any, Generic, TypeVar

import trio

from cim_client.client import Client
from cim_client.errors import Closed
from cim_common.wire.codes import Code

T = TypeVar("T")
PIECE = 200


class Calls:
    """Runs calls in the client's thread. May be used by several threads at once."""

    def __init__(self, token: trio.lowlevel.TrioToken, nursery: trio.Nursery) -> None:
        self._token = token
        self._nursery = nursery
        self._lock = threading.Lock()
        self._waiting: set[Future[Any]] = set()
        self._ended = False

    def run(self, call: Callable[[], Awaitable[T]], timeout_s: float | None = None) -> T | None:
        """What the call returns; None when it was cancelled because its time was over."""
        future: Future[T | None] = Future()
        scope = trio.CancelScope()

        async def one() -> None:
            try:
                result: T | None = None
                with scope:
                    result = await call()
                future.set_result(result)
            except trio.Cancelled:
                future.set_exception(_closed())
                raise
            except BaseException as error:
                future.set_exception(error)

        with self._lock:
            if self._ended:
                raise _closed()
            self._waiting.add(future)
        try:
            self._soon(self._start, one, future)
            try:
                if not wait([future], timeout_s).done:
                    self._soon(scope.cancel)
            except BaseException:  # Ctrl-C: nobody waits for it any more
                self._soon(scope.cancel)
                raise
            return future.result()
        finally:
            with self._lock:
                self._waiting.discard(future)

    def end(self) -> None:
        """The thread has ended: what was still handed to it will not be run."""
        with self._lock:
            self._ended = True
            left = [future for future in self._waiting if not future.done()]
        for future in left:
            future.set_exception(_closed())

    def now(self, look: Callable[[], T]) -> T:
        """What a function that does not wait returns, called in the client's thread."""

        async def call() -> tuple[T]:
            return (look(),)

        return self.wait(call)[0]

    def wait(self, call: Callable[[], Awaitable[T]]) -> T:
        """What a call returns, however long it takes."""

        async def boxed() -> tuple[T]:
            return (await call(),)

        found = self.run(boxed)
        assert found is not None
        return found[0]

    def _start(self, one: Callable[[], Awaitable[None]], future: "Future[Any]") -> None:
        try:
            self._nursery.start_soon(one)
        except RuntimeError:  # the nursery is closed
            future.set_exception(_closed())

    def _soon(self, do: Callable[..., object], *arguments: Any) -> None:
        with contextlib.suppress(trio.RunFinishedError):  # `end` tells whoever waits
            self._token.run_sync_soon(do, *arguments)


class Stream(Generic[T]):
    """An iterator over an async one. With `timeout_s` it ends when nothing has come for so long; it can be asked again.

    What arrives just as its reader gives up is kept for the next time it asks.
    """

    def __init__(self, calls: Calls, stream: AsyncIterator[T], timeout_s: float | None = None) -> None:
        self._calls = calls
        self._stream = stream
        self._timeout_s = timeout_s
        self._kept: deque[T] = deque()
        self._reading = threading.Lock()

    def __iter__(self) -> "Stream[T]":
        return self

    def __next__(self) -> T:
        with self._reading:
            if not self._kept and not self._calls.run(self._take, self._timeout_s):
                raise StopIteration
            return self._kept.popleft()

    async def _take(self) -> bool:
        async for item in self._stream:
            self._kept.append(item)
            return True
        return False


def in_pieces(calls: Calls, make: Callable[[], Iterator[T]]) -> Iterator[T]:
    """What an iterator gives that may only be used in the client's thread; some are fetched at a time."""
    items = calls.now(make)
    while piece := calls.now(lambda: list(islice(items, PIECE))):
        yield from piece


def _closed() -> Closed:
    return Closed(Code.NORMAL, "The client was closed.")


@contextlib.contextmanager
def in_background(connect: Callable[[], AbstractAsyncContextManager[Client]]) -> Iterator[tuple[Client, Calls]]:
    """Run a client in a thread of its own until the block ends; what `connect` raises is raised here.

    So is, at the end of the block, what has ended the client meanwhile; calls raise `Closed` from then on.
    """
    started: Future[tuple[Client, Calls]] = Future()
    ended: Future[None] = Future()
    running: Future[trio.lowlevel.TrioToken] = Future()
    ending = trio.CancelScope()

    async def main() -> None:
        token = trio.lowlevel.current_trio_token()
        running.set_result(token)
        with ending:
            async with connect() as client, trio.open_nursery() as nursery:
                started.set_result((client, Calls(token, nursery)))
                await trio.sleep_forever()

    def run() -> None:
        try:
            trio.run(main)
        except BaseException as error:
            ended.set_exception(error)
        else:
            ended.set_result(None)
        if started.done():
            started.result()[1].end()

    thread = threading.Thread(target=run, name="cim-client", daemon=True)
    thread.start()
    try:
        either: list[Future[Any]] = [started, ended]
        wait(either, return_when=FIRST_COMPLETED)
        if not started.done():
            ended.result()
        yield started.result()
    finally:
        with contextlib.suppress(trio.RunFinishedError):
            running.result().run_sync_soon(ending.cancel)
        thread.join()
    ended.result()
