"""Async iterators that may be left at any time, as `async for` with a break does."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from cim_client.types import Message, message_of
from cim_common.wire.messages import Page

T = TypeVar("T")


class Stream(Generic[T]):
    """An async iterator over what a function returns, until it returns None; may be left at any time."""

    def __init__(self, following: Callable[[], Awaitable[T | None]]) -> None:
        self._following = following

    def __aiter__(self) -> "Stream[T]":
        return self

    async def __anext__(self) -> T:
        item = await self._following()
        if item is None:
            raise StopAsyncIteration
        return item


class History:
    """Reads a log page by page, newest first."""

    def __init__(self, pull: Callable[[int, int], Awaitable[Page]], limit: int, before: int) -> None:
        self._pull = pull
        self._left = limit
        self._before = before
        self._page: deque[Message] = deque()
        self._ended = False

    async def next(self) -> Message | None:
        while not self._page and self._left > 0 and not self._ended:
            page = await self._pull(self._before, self._left)
            self._page.extend(message_of(page.conversation, entry) for entry in page.entries if entry.kind == 0)
            self._before = page.end
            self._ended = not page.entries or page.end <= 1
        if not self._page or self._left <= 0:
            return None
        self._left -= 1
        return self._page.popleft()
