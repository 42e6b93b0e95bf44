"""The external editor: another program has the terminal for a while.

It runs in our process group, so that a Ctrl-Z in it suspends all of us and `fg` brings all of us back. A Ctrl-C in it
reaches us too; while it runs, that means nothing to us, as POSIX has it for `system()`.
"""

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any

import trio
from prompt_toolkit.application.run_in_terminal import in_terminal

from cim_client.terminal.display.lines import note
from cim_client.terminal.editor.entry import Entry
from cim_client.terminal.editor.printing import Printer, Surface

MAX_EDITED_BYTES = 1 << 20
"""Read back from the editor's file; no message is so long."""

_END_TIMEOUT_S = 1.0
_FALLBACK = ("editor", "nano", "vi")
_FOR_THE_EDITOR = (signal.SIGINT, signal.SIGQUIT)


class NotEdited(Exception):
    """There is no new text; the message says why."""


class Editor:
    """One editor at a time. `run` blocks its thread; `end` may be called by another one."""

    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        self._token = token
        self._process: subprocess.Popen[bytes] | None = None

    async def edit(self, entry: Entry, printer: Printer, surface: Surface) -> None:
        """Edit the text of the input line, in the prompt's thread. What comes meanwhile waits; what is typed meanwhile
        is the editor's."""
        text = entry.text
        printer.pause()
        try:
            async with in_terminal():
                surface.release()  # what is still to be drawn belongs before the editor's screen
                edited = await asyncio.get_running_loop().run_in_executor(None, self.run, text)
            draft = entry.text.removesuffix(text)  # a `/to` typed before led elsewhere only now
            entry.put(draft + edited)
        except NotEdited as reason:
            printer.queue([note(str(reason), "note.failed")])
        finally:
            printer.resume()

    def run(self, text: str) -> str:
        """The text as it was saved in the user's editor, without the line end that editors add.

        Raises:
            NotEdited: there is no editor, or it failed.
        """
        with tempfile.NamedTemporaryFile("w+b", prefix="cim-", suffix=".txt") as file:
            file.write(text.encode(errors="replace"))
            file.flush()
            with self._signals_for_it():
                self._wait_for([*command(), file.name])
            with open(file.name, "rb") as saved:  # many editors write a new file of that name
                return saved.read(MAX_EDITED_BYTES).decode(errors="replace").removesuffix("\n").replace("\r\n", "\n")

    def end(self) -> None:
        """Have the editor leave: we are leaving, and the terminal is to be somebody else's."""
        process = self._process
        if process is None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_TIMEOUT_S)
            return
        process.kill()

    def _wait_for(self, argv: list[str]) -> None:
        try:
            self._process = subprocess.Popen(argv)
        except OSError as error:
            raise NotEdited(f"{argv[0]}: {error.strerror}") from None
        try:
            code = self._process.wait()
        finally:
            self._process = None
        if code != 0:
            raise NotEdited(f"{argv[0]} failed: the line is as it was")

    @contextlib.contextmanager
    def _signals_for_it(self) -> Iterator[None]:
        """Handlers are the main thread's business, and trio has that one."""

        def set_handler(number: int, handler: Any) -> Any:
            return trio.from_thread.run_sync(signal.signal, number, handler, trio_token=self._token)

        before = {number: set_handler(number, lambda *_: None) for number in _FOR_THE_EDITOR}
        try:
            yield
        finally:
            with contextlib.suppress(trio.RunFinishedError):
                for number, handler in before.items():
                    set_handler(number, handler)


def command() -> list[str]:
    """The user's editor as the start of a command line.

    Raises:
        NotEdited: there is none.
    """
    for name in ("VISUAL", "EDITOR"):
        chosen = os.environ.get(name, "")
        with contextlib.suppress(ValueError):  # quotes that do not end
            if words := shlex.split(chosen):
                return words
    for editor in _FALLBACK:
        if found := shutil.which(editor):
            return [found]
    raise NotEdited("no editor: set EDITOR")
