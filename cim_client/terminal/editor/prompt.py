"""The console of a real terminal: a prompt that stays at the bottom while messages scroll above it.

prompt_toolkit is asyncio's; trio owns our main thread (signals need it). So the prompt is one Application for the whole
session, with an event loop of its own in a thread, and both sides talk through `call_soon_threadsafe` and
`trio.from_thread`. What is drawn is handed over as immutable values: the thread never looks into trio's objects. Trio's
thread never waits for the prompt's; the prompt's may wait for a turn of trio's, which keeps what is typed in order.

Why not `patch_stdout`: it prints through `run_in_terminal`, which puts the terminal into cooked mode for that moment.
What is typed just then is echoed into the scrollback, and a Ctrl-C just then is a signal. Here the prompt is erased,
lines are written and the prompt is drawn again, all in raw mode and in one write (printing.py); whatever else the
process prints takes the same way (`Stray`). No cursor position is requested either, so that the terminal never answers
into our input or, later, the shell's.

Leaving means `Application.exit`, else the terminal stays raw; the settings found at the start are restored besides.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple, TypeVar

import trio
from prompt_toolkit.filters import Condition, Filter, has_focus
from prompt_toolkit.key_binding import KeyPressEvent
from prompt_toolkit.output import ColorDepth

from cim_client.terminal.console import NEXT_UNREAD, NoTypedLines, TypedLines
from cim_client.terminal.display.lines import Line, note
from cim_client.terminal.editor import keys
from cim_client.terminal.editor.completion import Offers
from cim_client.terminal.editor.drafts import Drafts
from cim_client.terminal.editor.drawing import drawn
from cim_client.terminal.editor.entry import MAX_REMEMBERED, Entry
from cim_client.terminal.editor.external import Editor
from cim_client.terminal.editor.keyboard import Keyboard
from cim_client.terminal.editor.modes import Settings, resizes_told, set_to, settings_kept, throw_away
from cim_client.terminal.editor.picker import Picker
from cim_client.terminal.editor.printing import Around, Printer, Stray, Surface, size

_T = TypeVar("_T")

MAX_TYPED_LINES = 100
"""Lines typed that are not yet taken; above that the keyboard is not read, what is typed waits in the terminal."""

_CLOSE_TIMEOUT_S = 2.0
_THROW_AWAY_EVERY_S = 0.02


class _Typed(NamedTuple):
    """A line, or the command a key stands for: then with what was half typed as it was pressed."""

    line: str
    left: str | None = None


class PromptConsole:
    """A `Console` on the controlling terminal. Made and closed by `open_prompt`."""

    def __init__(self, token: trio.lowlevel.TrioToken, typed: TypedLines, before: Settings) -> None:
        self._token = token
        self._before = before
        self._typed_in, self._typed_out = trio.open_memory_channel[_Typed](MAX_TYPED_LINES)
        self._wanted_in, self._wanted_out = trio.open_memory_channel[str](1)
        self._full = False
        self._kept = typed
        self._drafts = Drafts()
        self._ready = trio.Event()
        self._finished = trio.Event()
        self._crash: BaseException | None = None
        self._printer = Printer(token)
        self._editor = Editor(token)
        self._keyboard = Keyboard(sys.stdin)
        self._entry = Entry(typed.typed(MAX_REMEMBERED), self._want, lambda: self._printer.around.label)
        self._picker = Picker()
        self._surface = Surface(
            sys.stdout,
            size,
            term=os.environ.get("TERM"),
            default_color_depth=ColorDepth.from_env(),
            enable_bell=True,
            enable_cpr=False,
        )
        bindings = keys.bindings(self._actions(), self._places())
        self._app = drawn(self._printer, self._entry, self._picker, bindings, self._keyboard, self._surface)
        self._thread = threading.Thread(target=self._run, name="cim-prompt", daemon=True)

    # trio's side

    @property
    def width(self) -> int | None:
        return size().columns

    @property
    def text(self) -> str:
        return self._drafts.half_typed(self._entry.text)

    async def lines(self) -> AsyncIterator[str]:
        async for line, left in self._typed_out:
            if self._full:
                self._full = False
                self._printer.in_loop(self._enter)
            if left is None:
                self._kept.add_typed(line)
            self._drafts.begin(by_key=left is not None)
            yield line
            if self._drafts.end():
                self._printer.in_loop(self._fetch_draft)
        if self._crash is not None:
            raise self._crash

    def switched(self, draft: str) -> str:
        left = self._drafts.switched(draft)
        self._printer.in_loop(self._fetch_draft)
        return left

    async def show(self, lines: list[Line]) -> None:
        await self._printer.show(lines)

    def status(self, pending: list[Line], toolbar: str, label: str = "") -> None:
        self._printer.surround(Around(tuple(pending), toolbar, label))

    def offer(self, offers: Offers) -> None:
        self._printer.in_loop(self._offered, offers)

    async def wanted(self) -> AsyncIterator[str]:
        async for prefix in self._wanted_out:
            yield prefix

    def bell(self) -> None:
        self._printer.in_loop(self._ring)

    def resized(self) -> None:
        self._printer.in_loop(self._resized)

    async def start(self) -> None:
        self._thread.start()
        await self._ready.wait()

    async def aclose(self) -> None:
        """Leave the Application and wait until the terminal is as it was.

        One that hangs and takes nothing is not waited for: what it should still have shown is lost.
        """
        self._printer.in_loop(self._exit)
        with trio.move_on_after(_CLOSE_TIMEOUT_S, shield=True):
            await self._finished.wait()
            return
        with trio.move_on_after(_CLOSE_TIMEOUT_S, shield=True):
            while not self._finished.is_set():
                throw_away()
                await trio.sleep(_THROW_AWAY_EVERY_S)
        throw_away()

    # the prompt's thread

    def _run(self) -> None:
        try:
            with contextlib.redirect_stdout(Stray(self._printer)), contextlib.redirect_stderr(Stray(self._printer)):
                self._app.run(pre_run=self._begin, set_exception_handler=False, handle_sigint=False)
        except (EOFError, OSError):
            pass  # the terminal has gone away, which ends the input like Ctrl-D
        except BaseException as error:
            self._crash = error
        finally:
            self._printer.stop()
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._end)

    def _begin(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._failed)
        self._printer.start(self._app)
        self._token.run_sync_soon(self._ready.set)

    def _end(self) -> None:
        """In trio's thread."""
        self._ready.set()
        self._finished.set()
        self._printer.close()
        self._typed_in.close()
        self._wanted_in.close()

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An error in a callback would otherwise be logged and the prompt hang."""
        self._crash = context.get("exception") or RuntimeError(context["message"])
        self._exit()

    def _exit(self) -> None:
        self._editor.end()
        self._keyboard.release()
        try:
            self._printer.drain()
        finally:  # also when printing is what fails
            if self._app.is_running and not self._app.is_done:
                self._app.exit()

    def _in_trio(self, do: Callable[..., _T], *arguments: Any) -> _T | None:
        """What it answers; None as well if trio's thread is leaving."""
        try:
            return trio.from_thread.run_sync(do, *arguments, trio_token=self._token)
        except trio.RunFinishedError:
            return None

    def _take(self, typed: _Typed) -> bool | None:
        """In trio's thread: whether there was room for the line; None: nobody takes lines any more."""
        try:
            self._typed_in.send_nowait(typed)
        except trio.WouldBlock:
            self._full = typed.left is None
            return False
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            return None
        if typed.left is not None:
            self._drafts.leave(typed.left)
        self._entry.text = ""  # the prompt's thread waits for us: nobody is to see a line both typed and half typed
        return True

    def _enter(self) -> None:
        """A line that is not taken stays, and nothing is read behind it, until there is room."""
        taken = self._in_trio(self._take, _Typed(self._entry.text))
        if taken:
            self._entry.take(remember=True)
            self._keyboard.release()
        elif taken is False:
            self._keyboard.hold()

    def _go(self, command: str) -> None:
        """To another conversation, in its turn; what is half typed stays behind there."""
        text = self._entry.take()
        if not self._in_trio(self._take, _Typed(command, text)):
            self._entry.put(text)
            self._ring()

    def _fetch_draft(self) -> None:
        self._entry.prepend(self._drafts.fetch())

    def _offered(self, offers: Offers) -> None:
        self._entry.offers = offers
        self._picker.offered(offers.places)
        self._app.invalidate()

    def _want(self, prefix: str) -> None:
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._ask_for, prefix)

    def _ask_for(self, prefix: str) -> None:
        """In trio's thread; while an earlier question waits this one is left out, the next key asks again."""
        with contextlib.suppress(trio.WouldBlock, trio.ClosedResourceError, trio.BrokenResourceError):
            self._wanted_in.send_nowait(prefix)

    def _resized(self) -> None:
        if self._printer.away:
            return
        self._surface.hold()
        self._app.renderer.erase(leave_alternate_screen=False)
        self._app.invalidate()

    def _ring(self) -> None:
        self._surface.bell()
        self._surface.flush()

    def _edit(self) -> None:
        self._app.create_background_task(self._editor.edit(self._entry, self._printer, self._surface))

    # keys

    def _places(self) -> dict[str, Filter]:
        line = has_focus(self._entry.focus)
        return {
            keys.LINE: line,
            keys.EMPTY: line & Condition(lambda: not self._entry.text),
            keys.PICKER: self._picker.has_focus,
        }

    def _actions(self) -> dict[str, Callable[[KeyPressEvent], None]]:
        """What each action of the table does."""
        entry, picker = self._entry, self._picker
        return {
            "enter": lambda event: self._enter(),
            "line_break": lambda event: entry.insert("\n"),
            "complete": lambda event: entry.complete(1),
            "complete_back": lambda event: entry.complete(-1),
            "restore": lambda event: entry.restore(),
            "edit": lambda event: self._edit(),
            "pick": lambda event: picker.open(),
            "pick_up": lambda event: picker.move(-1),
            "pick_down": lambda event: picker.move(1),
            "picked": lambda event: self._picked(),
            "unpick": lambda event: picker.close(),
            "next_unread": lambda event: self._go(NEXT_UNREAD),
            "go": lambda event: self._go_to_number(int(event.key_sequence[-1].key)),
            "clear": lambda event: self._clear(),
            "finish": lambda event: self._finish(),
            "suspend": lambda event: self._suspend(),
        }

    def _picked(self) -> None:
        place = self._picker.chosen
        self._picker.close()
        if place is not None:
            self._go(f"/to {place.address}")

    def _go_to_number(self, number: int) -> None:
        address = self._picker.number(number)
        if address:
            self._go(f"/to {address}")
        else:
            self._ring()

    def _clear(self) -> None:
        if not self._entry.text:
            self._printer.queue([note("Ctrl-D or :q! quits")])
        self._entry.put("")

    def _finish(self) -> None:
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._typed_in.close)

    def _suspend(self) -> None:
        """To the shell and back. Sent by the main thread, which takes it: so we stop before `kill` returns."""
        self._app.renderer.erase()
        self._surface.release()
        with self._app.input.cooked_mode():
            set_to(self._before)  # cooked mode leaves XON/XOFF off, and not every shell puts the terminal right
            self._in_trio(os.kill, 0, signal.SIGTSTP)
        self._app.invalidate()


@contextlib.asynccontextmanager
async def open_prompt(typed: TypedLines | None = None) -> AsyncIterator[PromptConsole]:
    """`typed` keeps the lines that are typed; None: those of this run only."""
    with settings_kept() as before:
        console = PromptConsole(trio.lowlevel.current_trio_token(), typed or NoTypedLines(), before)
        await console.start()
        with resizes_told(console.resized):
            try:
                yield console
            finally:
                await console.aclose()
