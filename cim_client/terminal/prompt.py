"""The console of a real terminal: a prompt that stays at the bottom while messages scroll above it.

prompt_toolkit is asyncio's; trio owns our main thread (signals need it). So the prompt is one Application for the whole
session, with an event loop of its own in a thread, and both sides talk through `call_soon_threadsafe` and
`trio.from_thread`. What is drawn is handed over as immutable values: the thread never looks into trio's objects.

Why not `patch_stdout`: it prints through `run_in_terminal`, which puts the terminal into cooked mode for that moment.
What is typed just then is echoed into the scrollback, and a Ctrl-C just then is a signal. Here the prompt is erased,
lines are written and the prompt is drawn again, all in raw mode; whatever else the process prints takes the same way
(`_Stray`). No cursor position is requested either, so that the terminal never answers into our input or, later, the
shell's.

Leaving means `Application.exit`, else the terminal stays raw; the settings found at the start are restored besides.
"""

import asyncio
import contextlib
import io
import os
import signal
import sys
import termios
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import trio
from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Size
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.input import create_input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import BufferControl, Dimension, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.layout.processors import BeforeInput
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.styles import Style

from cim_client.terminal.lines import Line, note

MAX_UNPRINTED_LINES = 1_000
"""Lines handed over and not yet on the screen; `show` waits above that, and with it whoever reads messages."""

MAX_TYPED_LINES = 100
"""Lines typed (or pasted) that are not yet taken; above that Enter rings the bell and the text stays."""

_CLOSE_TIMEOUT_S = 2.0
_RESIZE_POLL_S = 0.25
_INPUT_ROWS = Dimension(min=1, max=6)

_STYLE = Style.from_dict(
    {
        "time": "ansibrightblack",
        "name": "bold ansicyan",
        "me": "bold ansigreen",
        "private": "ansimagenta",
        "mark": "ansibrightblack",
        "mark.ok": "ansigreen",
        "mark.pending": "ansiyellow",
        "mark.failed": "bold ansired",
        "note": "ansibrightblack",
        "note.failed": "ansired",
        "toolbar": "reverse",
    }
)


class _Around(NamedTuple):
    """What stands around the input line."""

    pending: tuple[Line, ...] = ()
    toolbar: str = ""


class PromptConsole:
    """A `Console` on the controlling terminal. Made and closed by `open_prompt`."""

    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        self._token = token
        self._typed_in, self._typed_out = trio.open_memory_channel[str](MAX_TYPED_LINES)
        self._around = _Around()
        self._unprinted: list[Line] = []
        self._lock = threading.Lock()
        self._printed = trio.Event()
        self._ready = trio.Event()
        self._finished = trio.Event()
        self._crash: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._app: Application[None] = self._application()
        self._thread = threading.Thread(target=self._run, name="cim-prompt", daemon=True)

    # trio's side

    @property
    def width(self) -> int | None:
        return self._app.output.get_size().columns

    async def lines(self) -> AsyncIterator[str]:
        async for line in self._typed_out:
            yield line
        if self._crash is not None:
            raise self._crash

    async def show(self, lines: list[Line]) -> None:
        while len(self._unprinted) >= MAX_UNPRINTED_LINES and not self._finished.is_set():
            self._printed = trio.Event()
            if len(self._unprinted) >= MAX_UNPRINTED_LINES:
                await self._printed.wait()
        self._queue(lines)

    def status(self, pending: list[Line], toolbar: str) -> None:
        around = _Around(tuple(pending), toolbar)
        if around != self._around:
            self._around = around
            self._app.invalidate()

    async def start(self) -> None:
        self._thread.start()
        await self._ready.wait()

    async def aclose(self) -> None:
        """Leave the Application and wait until the terminal is as it was."""
        self._in_loop(self._exit)
        with trio.move_on_after(_CLOSE_TIMEOUT_S, shield=True):
            await self._finished.wait()

    # either side

    def _queue(self, lines: list[Line]) -> None:
        with self._lock:
            first = not self._unprinted
            self._unprinted += lines
        if first and lines:
            self._in_loop(self._print)

    def _in_loop(self, do: Any) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nothing is drawn any more
                loop.call_soon_threadsafe(do)

    # the prompt's thread

    def _run(self) -> None:
        try:
            with contextlib.redirect_stdout(_Stray(self)), contextlib.redirect_stderr(_Stray(self)):
                self._app.run(pre_run=self._begin, set_exception_handler=False, handle_sigint=False)
        except (EOFError, OSError):
            pass  # the terminal has gone away, which ends the input like Ctrl-D
        except BaseException as error:
            self._crash = error
        finally:
            self._loop = None
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._end)

    def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._failed)
        self._token.run_sync_soon(self._ready.set)
        self._loop.call_soon(self._print)

    def _end(self) -> None:
        self._ready.set()
        self._finished.set()
        self._printed.set()
        self._typed_in.close()

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An error in a callback would otherwise be logged and the prompt hang."""
        self._crash = context.get("exception") or RuntimeError(context["message"])
        self._exit()

    def _exit(self) -> None:
        if self._app.is_running and not self._app.is_done:
            self._app.exit()

    def _print(self) -> None:
        with self._lock:
            lines, self._unprinted = self._unprinted, []
        if not lines:
            return
        self._app.renderer.erase()
        fragments = [(f"class:{style}" if style else "", text) for line in lines for style, text in [*line, ("", "\n")]]
        print_formatted_text(self._app.output, FormattedText(fragments), _STYLE)
        self._app.invalidate()
        self._token.run_sync_soon(lambda: self._printed.set())

    def _accept(self, buffer: Buffer) -> bool:
        """Enter: True keeps the text in the input line."""
        try:
            trio.from_thread.run_sync(self._typed_in.send_nowait, buffer.text, trio_token=self._token)
        except trio.WouldBlock:
            self._app.output.bell()
            return True
        except (trio.ClosedResourceError, trio.BrokenResourceError, trio.RunFinishedError):
            return True
        return False

    def _application(self) -> Application[None]:
        buffer = Buffer(multiline=False, accept_handler=self._accept)
        pending = Window(
            FormattedTextControl(self._pending_text), height=lambda: Dimension.exact(len(self._around.pending))
        )
        entry = Window(
            BufferControl(buffer, input_processors=[BeforeInput("> ")]),
            height=_INPUT_ROWS,
            wrap_lines=True,
            dont_extend_height=True,
        )
        toolbar = Window(FormattedTextControl(lambda: self._around.toolbar), height=1, style="class:toolbar")
        return Application(
            layout=Layout(HSplit([pending, entry, toolbar]), focused_element=entry),
            key_bindings=self._keys(buffer),
            style=_STYLE,
            erase_when_done=True,
            input=create_input(sys.stdin),
            output=Vt100_Output(
                sys.stdout, _terminal_size, term=os.environ.get("TERM"), enable_bell=True, enable_cpr=False
            ),
            terminal_size_polling_interval=_RESIZE_POLL_S,
        )

    def _pending_text(self) -> FormattedText:
        rows = self._around.pending
        return FormattedText([(f"class:{s}" if s else "", text) for row in rows for s, text in [*row, ("", "\n")]][:-1])

    def _keys(self, buffer: Buffer) -> KeyBindings:
        keys = KeyBindings()
        empty = Condition(lambda: not buffer.text)

        @keys.add("c-c")
        def _clear(event: KeyPressEvent) -> None:
            if not buffer.text:
                self._queue([note("Ctrl-D or :q! quits")])
            buffer.reset()

        @keys.add("c-d", filter=empty)
        def _finish(event: KeyPressEvent) -> None:
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._typed_in.close)

        @keys.add("c-z")
        def _suspend(event: KeyPressEvent) -> None:
            """To the shell and back. Sent by the main thread, which takes it: so we stop before `kill` returns."""
            self._app.renderer.erase()
            with self._app.input.cooked_mode(), contextlib.suppress(trio.RunFinishedError):
                trio.from_thread.run_sync(os.kill, 0, signal.SIGTSTP, trio_token=self._token)
            self._app.invalidate()

        return keys


class _Stray(io.TextIOBase):
    """Takes what anything else in the process prints, a warning say, and shows it as notes above the prompt."""

    def __init__(self, console: PromptConsole) -> None:
        self._console = console

    def write(self, text: str) -> int:
        self._console._queue([note(line) for line in text.splitlines() if line.strip()])
        return len(text)


@contextlib.asynccontextmanager
async def open_prompt() -> AsyncIterator[PromptConsole]:
    with _settings_kept():
        console = PromptConsole(trio.lowlevel.current_trio_token())
        await console.start()
        try:
            yield console
        finally:
            await console.aclose()


@contextlib.contextmanager
def _settings_kept() -> Iterator[None]:
    before = termios.tcgetattr(0)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):  # the terminal may be gone
            termios.tcsetattr(0, termios.TCSADRAIN, before)


def _terminal_size() -> Size:
    try:
        columns, rows = os.get_terminal_size(1)
    except OSError:
        columns, rows = 0, 0
    return Size(rows=rows or 24, columns=columns or 80)
