"""What is printed, in one order: whoever has lines adds them at once, one task hands them to the console.

Adding does not wait, so nobody prints between a decision (what is shown, what counts as shown) and the lines that
follow from it. What waits is handed over together: at 500 messages a second that is what keeps the prompt alive.
"""

from collections.abc import Callable

import trio

from cim_client.terminal.console import Console
from cim_client.terminal.display.lines import Line

MAX_WAITING = 500
"""Lines above which `room` waits, and with it whoever takes messages from the SDK."""


class Spool:
    """`before` is called before lines are handed over, so that what stands around them is as new as they are."""

    def __init__(self, console: Console, before: Callable[[], None] = lambda: None) -> None:
        self._console = console
        self._before = before
        self._lines: list[Line] = []
        self._added = trio.Event()
        self._done = trio.Event()

    def add(self, lines: list[Line]) -> None:
        if lines:
            self._lines += lines
            self._added.set()

    async def room(self) -> None:
        """Wait while much is still to be handed over."""
        while len(self._lines) > MAX_WAITING:
            await self._done.wait()

    async def flush(self) -> None:
        """Wait until everything is handed over."""
        while self._lines:
            await self._done.wait()

    async def run(self) -> None:
        while True:
            await self._added.wait()
            self._added = trio.Event()
            handed = self._lines.copy()
            self._before()
            await self._console.show(handed)
            del self._lines[: len(handed)]
            self._done.set()
            self._done = trio.Event()
            if self._lines:
                self._added.set()
