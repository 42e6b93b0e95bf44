"""Where lines come from and go to: the interface of the two consoles, and the plain one for pipes and files.

`terminal.py` draws a prompt; `PlainConsole` is used when stdin or stdout is no terminal: lines in, lines out.
"""

import os
import sys
from collections.abc import AsyncIterator
from typing import Protocol

import trio

from cim_client.terminal.lines import Line, plain

MAX_LINE_BYTES = 65_536
"""Longest line read from a pipe: room for the longest message in any form; more is left out and said so."""

_CHUNK_BYTES = 65_536


class Console(Protocol):
    """One source of typed lines and one place to print. Used by trio's thread only."""

    @property
    def width(self) -> int | None:
        """Columns to fold at; None where nobody counts them."""

    def lines(self) -> AsyncIterator[str]:
        """Typed lines without their line end, until the user has finished (end of input, Ctrl-D)."""

    async def show(self, lines: list[Line]) -> None:
        """Print above the prompt, in order. Waits only while much is still to be printed."""

    def status(self, pending: list[Line], toolbar: str) -> None:
        """Replace what stands around the prompt: messages under way above it, one line below it."""


class PlainConsole:
    """stdin and stdout as they are; the state is not shown, `show` gets what is settled."""

    width = None

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
        await trio.to_thread.run_sync(_write_stdout, text)

    def status(self, pending: list[Line], toolbar: str) -> None:
        """Nothing: a pipe has no place that can be overwritten."""

    def _too_long(self) -> None:
        print(f"cim chat: a line of more than {MAX_LINE_BYTES} bytes was left out", file=sys.stderr)


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
    sys.stdout.write(text)
    sys.stdout.flush()
