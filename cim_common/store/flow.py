"""Store operations without I/O.

A flow is a generator that yields a pipeline (a list of commands) and is sent the list of replies; what it
returns is the result. An IM server drives flows on its epoll (`cim_server/redis_link.py`), route with a
blocking client (`run`); the operations themselves exist once.

A driver throws `StoreUnavailable` into the flow when the replies cannot be had (nothing is known of what
was executed) and `StoreError` when Redis answered one command with an error.
"""

from collections.abc import Callable, Generator
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

Command: TypeAlias = tuple[bytes | str | int | float, ...]
Flow: TypeAlias = Generator[list[Command], list[Any], T]


class StoreError(Exception):
    """Redis refused a command: a bug here, or an operator's hand in the data."""


class StoreUnavailable(Exception):
    """No reply: Redis is away, loading, out of memory or too slow. What was executed is unknown."""


def drive(flow: Flow[T], execute: Callable[[list[Command]], list[Any]]) -> T:
    """Run a flow to its end with a function that executes one pipeline and returns its replies.

    `execute` raises StoreError or StoreUnavailable; both are thrown into the flow first, so that it can
    give back what it holds.
    """
    try:
        commands = next(flow)
        while True:
            try:
                replies = execute(commands)
            except (StoreError, StoreUnavailable) as error:
                commands = flow.throw(error)
            else:
                commands = flow.send(replies)
    except StopIteration as stop:
        result: T = stop.value
        return result
