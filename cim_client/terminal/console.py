"""Where lines come from and go to: the interface of the two consoles, and the plain one for pipes and files.

`prompt.py` draws a prompt; `PlainConsole` is used when stdin or stdout is no terminal, or on request: lines in, lines
out.
"""

import os
import sys
from collections.abc import AsyncIterator
from typing import Protocol

import trio

from cim_client.terminal.display.lines import Line, plain
from cim_client.terminal.editor.completion import Offers

MAX_LINE_BYTES = 65_536
"""Longest line read from a pipe: room for the longest message in any form; more is left out and said so."""

NEXT_UNREAD = "/next"
"""The command that Alt-N types."""

_CHUNK_BYTES = 65_536


class TypedLines(Protocol):
    """Where the lines that were typed are kept; `me.local` of the SDK."""

    def typed(self, limit: int) -> list[str]:
        """The newest, oldest first."""

    def add_typed(self, line: str) -> None:
        """Keep one more. Quick: it is called on the event loop."""


class NoTypedLines:
    """Nothing is kept."""

    def typed(self, limit: int) -> list[str]:
        return []

    def add_typed(self, line: str) -> None:
        """Nothing."""


class Console(Protocol):
    """One source of typed lines and one place to print. Used by trio's thread only."""

    @property
    def width(self) -> int | None:
        """Columns to fold at; None where nobody counts them."""

    @property
    def text(self) -> str:
        """What is half typed now and belongs to the current conversation."""

    def lines(self) -> AsyncIterator[str]:
        """Typed lines without their line end, until the user has finished (end of input, Ctrl-D).

        A key that goes to another conversation comes as the command that does it (`NEXT_UNREAD`, `/to ADDRESS`), in its
        turn among the lines. So what is typed behind it, or behind a typed `/to`, is for the conversation it leads to,
        if a line has been done when the next is asked for.
        """

    def switched(self, draft: str) -> str:
        """While a line is done: the current conversation is another one now, in which `draft` was half typed.

        The draft goes into the input line, before what has been typed since. The answer is what was half typed in the
        conversation one has left. A line that does not call this leaves the input line as it was.
        """

    async def show(self, lines: list[Line]) -> None:
        """Print above the prompt, in order. Waits only while much is still to be printed."""

    def status(self, pending: list[Line], toolbar: str, label: str = "") -> None:
        """Replace what stands around the prompt: messages under way above it, one line below it, `label` before it."""

    def offer(self, offers: Offers) -> None:
        """What can be completed, and gone to by keys, from now on."""

    def wanted(self) -> AsyncIterator[str]:
        """The beginnings of users' names that are being typed and that no offer has; nothing waits for the answer."""

    def bell(self) -> None:
        """Ring."""


class PlainConsole:
    """stdin and stdout as they are; the state is not shown, `show` gets what is settled.

    On a terminal (`--plain`) the line being typed is the terminal's own: it takes up to 4,095 bytes, and is not drawn
    anew when something is printed. Rows are folded even there, so that no text looks like a line of somebody else.
    """

    text = ""

    @property
    def width(self) -> int | None:
        return terminal_size().columns if os.isatty(1) else None

    async def lines(self) -> AsyncIterator[str]:
        buffer = bytearray()
        skipping = False
        while chunk := await _read_stdin():
            buffer += chunk
            *complete, rest = buffer.split(b"\n")
            for line in complete:
                if skipping or len(line) > MAX_LINE_BYTES:
                    self._too_long()
                    skipping = False
                else:
                    yield _text(line)
            skipping = skipping or len(rest) > MAX_LINE_BYTES
            buffer = bytearray() if skipping else rest
        if buffer:
            yield _text(buffer)

    async def show(self, lines: list[Line]) -> None:
        text = "".join(plain(line) + "\n" for line in lines)
        await trio.to_thread.run_sync(_write_stdout, text, abandon_on_cancel=True)

    def status(self, pending: list[Line], toolbar: str, label: str = "") -> None:
        """Nothing: a pipe has no place that can be overwritten."""

    def switched(self, draft: str) -> str:
        """There are no drafts: what is half typed is not known here."""
        return ""

    def offer(self, offers: Offers) -> None:
        """Nothing: nobody completes here."""

    async def wanted(self) -> AsyncIterator[str]:
        return
        yield  # an iterator without elements

    def bell(self) -> None:
        """Only to a terminal: what goes into a file is text."""
        if os.isatty(1):
            _write_stdout("\a")

    def _too_long(self) -> None:
        print(f"cim chat: a line of more than {MAX_LINE_BYTES} bytes was left out", file=sys.stderr)


def terminal_size() -> os.terminal_size:
    try:
        columns, rows = os.get_terminal_size(1)
    except OSError:
        columns, rows = 0, 0
    return os.terminal_size((columns or 80, rows or 24))


def _text(line: bytes | bytearray) -> str:
    return line.decode(errors="replace").rstrip("\r")


async def _read_stdin() -> bytes:
    """Some bytes, b"" at the end. No thread: one that blocks in a read could not be cancelled when we leave."""
    try:
        await trio.lowlevel.wait_readable(0)
    except PermissionError:  # a file or /dev/null, which epoll does not take: reading those does not block
        await trio.lowlevel.checkpoint()
    return os.read(0, _CHUNK_BYTES)


def _write_stdout(text: str) -> None:
    """Past `sys.stdout`: a reader that takes nothing holds us here, and nobody who leaves is to wait for its lock."""
    left = text.encode(sys.stdout.encoding, "replace")
    while left:
        left = left[os.write(1, left) :]
