"""What the terminal has to be given back, and told by."""

import contextlib
import signal
import termios
from collections.abc import Callable, Iterator
from typing import Any

Settings = list[Any]
"""Of a terminal, as termios has them."""


@contextlib.contextmanager
def settings_kept() -> Iterator[Settings]:
    """Whatever happens, the terminal's settings are afterwards what they were; they are what one gets.

    At once, for a terminal that takes nothing any more would let us wait for ever (TCSADRAIN).
    """
    before = termios.tcgetattr(0)
    try:
        yield before
    finally:
        set_to(before)


def set_to(settings: Settings) -> None:
    with contextlib.suppress(termios.error):  # the terminal may be gone
        termios.tcsetattr(0, termios.TCSANOW, settings)


def throw_away() -> None:
    """What the terminal has not taken is lost, and whoever waits to write can go on."""
    with contextlib.suppress(termios.error):
        termios.tcflow(1, termios.TCOON)
        termios.tcflush(1, termios.TCOFLUSH)


@contextlib.contextmanager
def resizes_told(tell: Callable[[], None]) -> Iterator[None]:
    """In the main thread only. prompt_toolkit has no such signal elsewhere, and its polling misses what happens before
    it has looked for the first time."""
    before = signal.signal(signal.SIGWINCH, lambda *_: tell())
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
