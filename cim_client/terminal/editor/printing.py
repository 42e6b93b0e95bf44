"""Lines on their way from trio's thread to the terminal, and what stands around the prompt.

What comes within `DRAW_EVERY_S` is printed together: the prompt is erased, lines are written and the prompt is drawn
again in one write. Each such write costs milliseconds, which a fast conversation would take from whoever types. One
write also leaves no moment in which the prompt is away: nothing flickers, and a paste finds bracketed paste on (erasing
turns it off, and a paste taken without would be sent line by line).
"""

import asyncio
import contextlib
import io
import threading
from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple

import trio
from prompt_toolkit.application import Application
from prompt_toolkit.data_structures import Size
from prompt_toolkit.formatted_text import FormattedText, StyleAndTextTuples
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.renderer import print_formatted_text

from cim_client.terminal.console import terminal_size
from cim_client.terminal.display.lines import Line, note

MAX_UNPRINTED_LINES = 1_000
"""Lines handed over and not yet on the screen; `show` waits above that, and with it whoever reads messages."""

DRAW_EVERY_S = 0.03
"""Shorter than anybody sees; a first line is printed at once."""

MAX_LINES_AT_ONCE = 200
"""Lines of one write; then keys that were typed meanwhile have their turn."""


class Around(NamedTuple):
    """What stands around the input line: rows above it, the bar below it, the label before it."""

    pending: tuple[Line, ...] = ()
    toolbar: str = ""
    label: str = ""


class Printer:
    """`around` is what is drawn, `away` whether the terminal is somebody else's: for the prompt's thread. The rest says
    which side it is for."""

    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        self.around = Around()
        self._token = token
        self._lock = threading.Lock()
        self._unprinted: list[Line] = []
        self._next = Around()
        self._due = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._app: Application[None] | None = None
        self.away = False
        self._free_at = 0.0
        self._printed = trio.Event()
        self._closed = False

    # trio's side

    async def show(self, lines: list[Line]) -> None:
        while len(self._unprinted) >= MAX_UNPRINTED_LINES and not self._closed:
            self._printed = trio.Event()
            if len(self._unprinted) >= MAX_UNPRINTED_LINES:
                await self._printed.wait()
        self.queue(lines)

    def surround(self, around: Around) -> None:
        if around != self._next:
            self._next = around
            self._wake()

    def close(self) -> None:
        """Nothing is printed any more, and nobody waits for it."""
        self._closed = True
        self._printed.set()

    # either side

    def queue(self, lines: Iterable[Line]) -> None:
        with self._lock:
            self._unprinted += lines
        self._wake()

    def in_loop(self, do: Any, *arguments: object) -> None:
        """Have the prompt's thread do it, if that is still there."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nothing is drawn any more
                loop.call_soon_threadsafe(do, *arguments)

    def _wake(self) -> None:
        with self._lock:
            first, self._due = not self._due, True
        if first:
            self.in_loop(self._schedule)

    # the prompt's thread

    def start(self, app: Application[None]) -> None:
        self._app = app
        self._loop = asyncio.get_running_loop()
        app.output.write_raw("\r")  # what is drawn counts from the left edge, and the shell may have left us elsewhere
        self._schedule()

    def stop(self) -> None:
        self._loop = None

    def pause(self) -> None:
        """The terminal is somebody else's; what comes waits."""
        self.away = True

    def resume(self) -> None:
        self.away = False
        self._schedule()

    def drain(self) -> None:
        """What has been handed over is printed, whatever it takes: we are leaving."""
        if self._app is not None:
            with self._lock:
                lines, self._unprinted = self._unprinted, []
            try:
                self._print(self._app, lines)
            finally:
                self._surface(self._app).release()

    def _schedule(self) -> None:
        assert self._loop is not None
        self._loop.call_later(max(self._free_at - self._loop.time(), 0), self._draw)

    def _draw(self) -> None:
        if self.away or self._app is None or self._loop is None:
            return
        began = self._loop.time()
        with self._lock:
            lines = list(islice(self._unprinted, MAX_LINES_AT_ONCE))
            del self._unprinted[: len(lines)]
            self._due = bool(self._unprinted)
            self.around = self._next
        if lines:
            self._print(self._app, lines)
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(lambda: self._printed.set())
        self._app.invalidate()
        now = self._loop.time()
        self._free_at = now + max(DRAW_EVERY_S, now - began)
        if self._due:
            self._schedule()

    def _surface(self, app: Application[None]) -> "Surface":
        assert isinstance(app.output, Surface)
        return app.output

    def _print(self, app: Application[None], lines: list[Line]) -> None:
        """The surface is held then."""
        self._surface(app).hold()
        app.renderer.erase()
        fragments = FormattedText(styled([*line, ("", "\n")] for line in lines))
        print_formatted_text(app.output, fragments, app.renderer.style, color_depth=app.color_depth)


class Stray(io.TextIOBase):
    """Takes what anything else in the process prints, a warning say, and shows it as notes above the prompt."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer

    def write(self, text: str) -> int:
        self._printer.queue([note(line) for line in text.splitlines() if line.strip()])
        return len(text)


class Surface(Vt100_Output):
    """The terminal; what is written while it is held goes out with the next drawing of the prompt."""

    _held = False

    def hold(self) -> None:
        self._held = True

    def release(self) -> None:
        self._held = False
        self.flush()

    def flush(self) -> None:
        if not self._held:
            super().flush()


def styled(rows: Iterable[Line]) -> StyleAndTextTuples:
    return [(f"class:{style}" if style else "", text) for row in rows for style, text in row]


def size() -> Size:
    columns, rows = terminal_size()
    return Size(rows=rows, columns=columns)
