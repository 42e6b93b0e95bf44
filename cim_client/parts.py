"""What the parts of a client share."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import trio

from cim_client.events import Events
from cim_client.names import Names
from cim_client.requests import Requests
from cim_client.store.contract import LocalStore

MIN_PAUSE_S = 0.05


class Tasks:
    """Work in the background of a client. Nothing is started before it runs, nor after it has ended."""

    def __init__(self) -> None:
        self.nursery: trio.Nursery | None = None

    def start_soon(self, job: Callable[..., Awaitable[None]], *args: Any) -> None:
        if self.nursery is not None:
            self.nursery.start_soon(job, *args)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        async def wait() -> None:
            await trio.sleep(max(seconds, MIN_PAUSE_S))
            action()

        self.start_soon(wait)

    def end(self) -> None:
        """Cancel what runs."""
        if self.nursery is not None:
            self.nursery.cancel_scope.cancel()
            self.nursery = None


class Parts(NamedTuple):
    """`wake` says that there is something to write."""

    store: LocalStore
    requests: Requests
    names: Names
    events: Events
    tasks: Tasks
    wake: Callable[[], None]
