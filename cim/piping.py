"""Lines of stdin as messages, in order, each once, whatever is killed meanwhile.

At most `WINDOW` messages are unsettled at a time; until one of them is stored, stdin is not read: whoever writes into
the pipe waits.
"""

import os
from collections.abc import AsyncIterator
from typing import NamedTuple

import trio

from cim.session import Exit, Options, Stopped, exit_code, raise_if_closed
from cim_client import CimError, Client, Event, Receipt
from cim_client.errors import is_final
from cim_common.wire.limits import MAX_TEXT_BYTES

WINDOW = 256
CHUNK = 65_536
MAX_LINE_BYTES = MAX_TEXT_BYTES // 3
"""Of a line in one message: a byte that is no UTF-8 becomes three."""

JOINED_BYTES = 4_096
"""How large a message of several lines may become."""


class Piece(NamedTuple):
    """The text of one message, and the lines it is made of; `part` counts those of one long line."""

    first: int
    last: int
    text: str
    part: int = 0


async def whole_input() -> str:
    """All of stdin, as one message.

    Raises:
        Stopped: it is more than one message can hold.
    """
    data = b""
    while chunk := await _read():
        data += chunk
        if len(data) > MAX_TEXT_BYTES + 1:
            raise Stopped(Exit.REFUSED, "stdin holds more than one message can (16 KiB): --batch sends line by line")
    return data.decode(errors="replace").removesuffix("\n")


async def _read() -> bytes:
    """In a thread: stdin may be a file, which cannot be waited for, and is not ours alone to make non-blocking."""
    return await trio.to_thread.run_sync(os.read, 0, CHUNK, abandon_on_cancel=True)


async def _read_lines(out: trio.MemorySendChannel[Piece]) -> None:
    """Lines without their ends; one longer than a message is cut at a character. Blank ones are passed over."""
    number, part, rest = 1, 0, b""
    async with out:
        while chunk := await _read():
            rest += chunk
            *lines, rest = rest.split(b"\n")
            for line in lines:
                await _put(out, number, line.removesuffix(b"\r"), part)
                number += 1
                part = 0
            while len(rest) > MAX_LINE_BYTES:
                head, rest = _cut(rest)
                await _put(out, number, head, part)
                part += 1
        await _put(out, number, rest.removesuffix(b"\r"), part)


async def _put(out: trio.MemorySendChannel[Piece], number: int, line: bytes, part: int) -> None:
    while line:
        head, line = _cut(line)
        text = head.decode(errors="replace")
        if not text.isspace():
            await out.send(Piece(number, number, text, part))
        part += 1


def _cut(line: bytes) -> tuple[bytes, bytes]:
    at = MAX_LINE_BYTES
    if len(line) <= at:
        return line, b""
    while at > MAX_LINE_BYTES - 4 and line[at] & 0xC0 == 0x80:
        at -= 1
    return line[:at], line[at:]


async def _joined(lines: trio.MemoryReceiveChannel[Piece], join_s: float) -> AsyncIterator[Piece]:
    """Lines that come within `join_s` of the first become one message, up to `JOINED_BYTES`."""
    held: Piece | None = None
    size = 0
    due = 0.0
    while True:
        line: Piece | None = None
        with trio.move_on_at(due if held is not None else float("inf")):
            try:
                line = await lines.receive()
            except trio.EndOfChannel:
                break
        more = 0 if line is None else len(line.text.encode()) + 1
        if held is not None and (line is None or size + more > JOINED_BYTES):
            yield held
            held = None
        if line is not None:
            if held is None:
                held, size, due = line, more, trio.current_time() + join_s
            else:
                held, size = Piece(held.first, line.last, f"{held.text}\n{line.text}"), size + more
    if held is not None:
        yield held


class Pipe:
    """One run of `cim send --stdin --batch`."""

    def __init__(self, options: Options, me: Client, to: str, key: str | None, join_s: float | None) -> None:
        self._options = options
        self._me = me
        self._to = to
        self._key = key
        self._join_s = join_s
        self._unsettled: dict[str, Piece] = {}
        self._early: dict[str, Event] = {}
        self._settled = trio.Event()
        self._last_settled = 0.0
        self._stored = 0

    async def run(self) -> None:
        """Send until stdin ends and everything is stored. However it ends early, it says what is not known."""
        self._last_settled = trio.current_time()
        try:
            async with trio.open_nursery() as nursery:
                out, lines = trio.open_memory_channel[Piece](0)
                nursery.start_soon(_read_lines, out)
                nursery.start_soon(self._watch)
                if self._join_s is None:
                    await self._send_all(lines)
                else:
                    await self._send_all(_joined(lines, self._join_s))
                nursery.cancel_scope.cancel()
        finally:
            self._say_what_is_unknown()

    async def _send_all(self, pieces: AsyncIterator[Piece] | trio.MemoryReceiveChannel[Piece]) -> None:
        async for piece in pieces:
            if self._key is not None:
                await self._send_once(piece, self._key)
            else:
                await self._wait_until_fewer_than(WINDOW)
                await self._post(piece)
        await self._wait_until_fewer_than(1)

    async def _post(self, piece: Piece) -> None:
        posted = await self._me.post(self._to, piece.text)
        self._unsettled[posted] = piece
        early = self._early.pop(posted, None)
        if early is not None:
            self._settle(early)

    async def _send_once(self, piece: Piece, key: str) -> None:
        """The key of a message is that of the run and its place in the input: a run again sends what is missing."""
        key = f"{key}:{piece.first}" + (f".{piece.part}" if piece.part else "")
        self._unsettled[key] = piece
        try:
            receipt = await self._me.send_once(self._to, piece.text, key, timeout_s=self._options.within_s)
        except CimError as error:
            if exit_code(error) == Exit.REFUSED:
                del self._unsettled[key]
            raise Stopped(exit_code(error), f"line {piece.first}: {error}") from error
        del self._unsettled[key]
        self._is_stored(piece, receipt)

    async def _watch(self) -> None:
        async for event in self._me.events():
            if event.kind in ("stored", "failed"):
                if event.client_msg_id in self._unsettled:
                    self._settle(event)
                else:
                    self._early[event.client_msg_id] = event
            raise_if_closed(event)

    def _settle(self, event: Event) -> None:
        if event.kind == "failed" and not is_final(event.code):
            raise Stopped(Exit.UNKNOWN, event.text)
        piece = self._unsettled.pop(event.client_msg_id)
        if event.kind == "failed":
            raise Stopped(Exit.REFUSED, f"line {piece.first}: {event.text}")
        self._is_stored(piece, Receipt(event.conversation, event.seq, event.client_msg_id))
        self._last_settled = trio.current_time()
        self._settled.set()
        self._settled = trio.Event()

    def _is_stored(self, piece: Piece, receipt: Receipt) -> None:
        self._stored += 1
        if self._options.as_json:
            self._options.put({"first": piece.first, "last": piece.last} | stored(receipt), "")

    async def _wait_until_fewer_than(self, number: int) -> None:
        since = trio.current_time()
        while len(self._unsettled) >= number:
            with trio.move_on_at(max(since, self._last_settled) + self._options.within_s) as scope:
                await self._settled.wait()
            if scope.cancelled_caught:
                raise Stopped(Exit.UNKNOWN, f"nothing was stored for {self._options.within_s:g} s")

    def _say_what_is_unknown(self) -> None:
        if self._unsettled:
            first = min(piece.first for piece in self._unsettled.values())
            last = max(piece.last for piece in self._unsettled.values())
            self._options.complain(
                f"{self._stored} messages are stored; of {len(self._unsettled)} more, in lines {first} to {last}, "
                "it is not known; nothing behind them was sent"
            )


def stored(receipt: Receipt) -> dict[str, object]:
    """A stored message as JSON (docs/programs.md)."""
    return {"conversation": receipt.conversation, "seq": receipt.seq, "id": receipt.client_msg_id}
