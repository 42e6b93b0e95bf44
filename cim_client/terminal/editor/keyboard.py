"""The keyboard, one line at a time: what was typed behind an Enter waits until that Enter has been dealt with.

prompt_toolkit reads up to 1,024 bytes and runs all their keys at once. Typed or pasted fast (without bracketed paste)
that is many lines, and an Enter that cannot be taken just then has the next line's keys behind it, which would run into
the text that is still there. So keys are handed over up to an Enter, the rest in the next turn of the loop; and while
the keyboard is *held* nothing is read: what is typed waits in the terminal, as a pipe's lines wait.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import TextIO

from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys


class Keyboard(Vt100Input):
    """Used by the prompt's thread only."""

    def __init__(self, stdin: TextIO) -> None:
        super().__init__(stdin)
        self._rest: list[KeyPress] = []
        self._ready: Callable[[], None] | None = None
        self._unread: contextlib.ExitStack | None = None

    @contextlib.contextmanager
    def attach(self, input_ready_callback: Callable[[], None]) -> Iterator[None]:
        with super().attach(input_ready_callback):
            self._ready = input_ready_callback
            try:
                yield
            finally:
                self._ready = None

    @contextlib.contextmanager
    def detach(self) -> Iterator[None]:
        """While someone else has the terminal, nothing that was typed before comes out of here either."""
        ready, self._ready = self._ready, None
        try:
            with super().detach():
                yield
        finally:
            self._ready = ready
            self._go_on()

    def read_keys(self) -> list[KeyPress]:
        if not self._rest:
            self._rest = super().read_keys()
        end = next((n for n, key in enumerate(self._rest, 1) if key.key in (Keys.ControlM, Keys.ControlJ)), None)
        keys, self._rest = self._rest[:end], self._rest[end:] if end else []
        self._go_on()
        return keys

    def flush_keys(self) -> list[KeyPress]:
        """A lone Escape that turned out to be one; behind keys that wait it waits too."""
        flushed = super().flush_keys()
        if self._rest:
            self._rest += flushed
            return []
        return flushed

    def hold(self) -> None:
        """Read nothing until `release`."""
        if self._unread is None:
            self._unread = contextlib.ExitStack()
            self._unread.enter_context(self.detach())

    def release(self) -> None:
        if self._unread is not None:
            unread, self._unread = self._unread, None
            unread.close()

    def _go_on(self) -> None:
        """In the turn after next: in the next one the line just sent gets into the history, where Up looks for it."""
        if self._rest:
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self._again)

    def _again(self) -> None:
        if self._rest and self._ready is not None:
            self._ready()
