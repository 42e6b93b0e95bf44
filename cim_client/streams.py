"""Async iterators that may be left at any time, as `async for` with a break does."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from cim_client.types import Gap, Message, message_of
from cim_common.wire.messages import Page

T = TypeVar("T")
HISTORY_PAGE = 100


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


class Wanted:
    """What part of a log is read: below `before` (0: from the head), or above `after` and from a time on."""

    __slots__ = ("after", "before", "forward", "time_ms")

    def __init__(self, before: int, after: int, time_ms: int, forward: bool) -> None:
        self.before = before
        self.after = after
        self.time_ms = time_ms
        self.forward = forward


class History(Stream[Message]):
    """The texts of a part of a log, read page by page. `gaps` grows by what one asked for and cannot have."""

    def __init__(self, pull: Callable[[Wanted, int], Awaitable[Page]], wanted: Wanted, limit: int) -> None:
        super().__init__(self._next)
        self._pull = pull
        self._wanted = wanted
        self._left = limit
        self._page: deque[Message] = deque()
        self._ended = False
        self.gaps: list[Gap] = []

    async def _next(self) -> Message | None:
        while not self._page and self._left > 0 and not self._ended:
            page = await self._pull(self._wanted, min(self._left, HISTORY_PAGE))
            self._page.extend(message_of(page.conversation, entry) for entry in page.entries if entry.kind == 0)
            self.gaps += [Gap(*gap) for gap in page.gaps]
            self._ended = not self._moved(page)
        if not self._page or self._left <= 0:
            return None
        self._left -= 1
        return self._page.popleft()

    def _moved(self, page: Page) -> bool:
        """Go on behind a page; False if there is nothing there."""
        wanted = self._wanted
        if wanted.forward:
            more = wanted.after < page.end < page.head
            wanted.after, wanted.time_ms = page.end, 0
        else:
            more = page.end > 1 and (not wanted.before or page.end < wanted.before)
            wanted.before = page.end
        return more
