"""One connection of the generator: sends numbered texts, and keeps the book of what it gets.

`read` is the hot path: one `recv`, then a loop over the frames in it. An ACK that answers the oldest message in flight
and the entries of a PUSH, each the next of its sender, are read by position; whatever looks otherwise goes to
`_unusual` or `_other`, which know the whole protocol. So what the loop takes for granted is verified by what it
finds there: the number expected, a rising seq, the n in flight.
"""

import errno
import select
import socket
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from cim.bench.generator import frames
from cim.bench.generator.plan import Member
from cim.bench.ledger import Arrivals, Sendings
from cim_common.wire import Connection, Limits, PeerProtocolError, Role, codec
from cim_common.wire import cim_pb2 as pb
from cim_common.wire import messages as m
from cim_common.wire.codes import code_of
from cim_common.wire.framing import read_length

if TYPE_CHECKING:
    from cim.bench.generator.load import Load

READ_BYTES = 65_536
MAX_FRAME_BYTES = Limits().max_frame_bytes
IN = select.EPOLLIN
OUT = select.EPOLLOUT
ACK, PUSH = int(pb.ACK), int(pb.PUSH)
WENT_AWAY = "the server went away"


class Peer:
    """One logged-in connection."""

    __slots__ = (
        "_after", "_connection", "_in_flight", "_load", "_mark", "_number", "_output", "_rest", "_shares", "_socket",
        "_template", "_text_bytes", "_unacknowledged", "backlog", "hears", "live", "lost", "member", "seen", "stopped",
        "wrote",
    )  # fmt: skip

    def __init__(self, load: "Load", member: Member, text_bytes: int) -> None:
        self._load = load
        self.member = member
        self._connection = Connection(Role.CLIENT, Limits())
        self._socket = socket.socket(socket.AF_INET6 if ":" in member.host else socket.AF_INET)
        self._socket.setblocking(False)
        self._rest = b""
        self._output = b""
        self._mark = frames.mark_of(text_bytes)
        self._text_bytes = text_bytes
        self._shares = len(member.hears) > 1
        self._template: frames.Template | None = None
        if member.sends and member.conversation is not None:
            self._template = frames.Template(member.conversation, member.slot, text_bytes)
        self._after = b""
        self._number = 0
        self._in_flight: deque[tuple[bytes, int, int]] = deque()
        self._unacknowledged: list[int] = []
        self.backlog: deque[int] = deque()
        self.hears = {frames.sender_key(sender): Arrivals() for sender in member.hears}
        self.seen = 0
        self.live = False
        self.stopped = False
        self.wrote = False
        self.lost: str | None = None

    # -- coming and going --------------------------------------------------------------------------------

    def connect(self) -> int:
        """Begin to connect; the file descriptor to watch for writing."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        error = self._socket.connect_ex((self.member.host, self.member.port))
        if error not in (0, errno.EINPROGRESS):
            self.lose(errno.errorcode.get(error, str(error)))
        return self._socket.fileno()

    def connected(self) -> None:
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self.lose(errno.errorcode.get(error, str(error)))
            return
        self._send(m.Login(self.member.token, self.member.device, client="cim bench"))

    def lose(self, reason: str) -> None:
        """The connection is over; what is in flight on it is not acknowledged and never will be."""
        if self.lost is not None:
            return
        self.lost, self.stopped = reason, True
        self._load.gone(self, self._socket.fileno())
        self._socket.close()
        self._give_up(reason)

    def _give_up(self, reason: str) -> None:
        for _, _, number in self._in_flight:
            self._fail(number, reason)
        self._in_flight.clear()

    def _fail(self, number: int, reason: str) -> None:
        """Not acknowledged. A sender that was refused something sends nothing more: a failed run has no figures."""
        if number:
            self._unacknowledged.append(number)
        self.stopped = True
        self._load.failed(reason)

    def close(self) -> None:
        """The end of a run: the server is told, so that it need not find out."""
        if self.lost is None:
            self._write(self._connection.send(m.Close(3500)))
            self._socket.close()

    def ask_nothing_more(self, reason: str) -> None:
        """Answers are not waited for any longer."""
        self._give_up(reason)

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def sendings(self) -> Sendings:
        return Sendings(self._number, list(self._unacknowledged))

    # -- writing -----------------------------------------------------------------------------------------

    def _send(self, message: Any) -> None:
        self._write(self._connection.send(message))

    def ping(self) -> None:
        if self.wrote:
            self.wrote = False
        elif self.live:
            self._send(m.Ping(1))

    def say(self, count: int, at_us: int) -> None:
        """Send so many messages with the time they were meant to be sent at, in one write."""
        template, made, after = self._template, [], self._after
        assert template is not None
        first = self._number + 1
        self._number += count
        for number in range(first, first + count):
            n = frames.n_bytes(number)
            made.append(template.frame(n, after, number, at_us))
            self._in_flight.append((n, at_us, number))
            after = n
        self._after = after
        self._load.sent += count
        self.wrote = True
        self._write(made[0] if count == 1 else b"".join(made))

    def _write(self, data: bytes) -> None:
        if self._output:
            self._output += data
            return
        try:
            written = self._socket.send(data)
        except BlockingIOError:
            written = 0
        except OSError as error:
            self.lose(_reason(error))
            return
        if written < len(data):
            self._output = data[written:]
            self._load.watch(self._socket.fileno(), IN | OUT)

    def writable(self) -> None:
        """The socket takes more: of what waits, or it has just been connected."""
        self._load.watch(self._socket.fileno(), IN)
        if self._output:
            data, self._output = self._output, b""
            self._write(data)
        elif not self.live:
            self.connected()

    # -- reading -----------------------------------------------------------------------------------------

    def read(self) -> None:
        """Take what has come, and send what its answers make room for."""
        load = self._load
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self.lose(_reason(error))
            return
        if not data:
            self.lose(WENT_AWAY)
            return
        now = (time.monotonic_ns() - load.began_ns) // 1000
        if self._rest:
            data = self._rest + data
        in_flight, acks_us = self._in_flight, load.acks_us
        acks = delivered = position = 0
        end = len(data)
        while position + 2 < end:
            length, begin = data[position], position + 1
            if length > 127:
                length, begin = length & 127 | data[begin] << 7, begin + 1
                if length > 16_383:
                    length, begin = self._long(data, position)
                    if not begin:
                        break
            stop = begin + length
            if stop > end:
                break
            command = data[begin + 1]
            if command == ACK and in_flight and data[begin + 6 : begin + 10] == in_flight[0][0]:
                acks_us.append(now - in_flight.popleft()[1])
                acks += 1
            elif command == PUSH:
                delivered += self._pushed(data[begin:stop], now)
            else:
                self._other(data[position:stop], now)
            position = stop
        if self.lost is None:
            self._rest = data[position:] if position < end else b""
            load.acked += acks
            load.delivered += delivered
            if acks and load.in_flight and not self.stopped:
                self.say(acks, now)
            elif self.backlog:
                self._catch_up()

    def _catch_up(self) -> None:
        """Open loop: what could not be sent at its time, for too much was unanswered."""
        while self.backlog and not self.stopped and len(self._in_flight) < self._load.max_in_flight:
            self.say(1, self.backlog.popleft())

    def _long(self, data: bytes, position: int) -> tuple[int, int]:
        """Length and beginning of a frame whose length has three bytes or more; (0, 0) if it is not complete."""
        try:
            return read_length(data, position, MAX_FRAME_BYTES) or (0, 0)
        except PeerProtocolError as error:
            self.lose(f"the server sent: {error}")
            return 0, 0

    def _pushed(self, body: bytes, now: int) -> int:
        """A PUSH, whose entries are each the next of its sender; how many were. What is not goes to `_unusual`."""
        load, hears, seen, taken = self._load, self.hears, self.seen, 0
        entries = load.shared(body) if self._shares else frames.entries_of(body, self._mark, self._text_bytes)
        deliveries_us = load.deliveries_us
        for sender, number, raw, sent_us in entries:
            arrivals = hears.get(sender)
            if arrivals is None or number != arrivals.next or raw <= seen:
                break
            arrivals.next, seen = number + 1, raw
            taken += 1
            deliveries_us.append(now - sent_us)
        self.seen = seen
        if taken < len(entries) or not taken:
            self._unusual(body, now, taken)
        return taken

    def _unusual(self, body: bytes, now: int, taken: int) -> None:
        """A PUSH with something else in it; its first entries, so many, have been taken."""
        for entry in codec.decode(codec.parse(body)).entries[taken:]:
            self.entered(entry, now)

    def entered(self, entry: m.Entry, now: int = 0) -> None:
        """One entry of the log, pushed or read from a page."""
        raw, before = frames.raw_of(entry.seq), self.seen
        behind = raw <= before
        self.seen = max(raw, before)
        found = frames.read_text(entry.text) if entry.kind == 0 else None
        if found is None:
            if entry.kind == 0:
                self._load.strayed()
            return
        sender, number, sent_us = found
        arrivals = self.hears.get(sender)
        if number == 0 or sender == frames.sender_key(self.member.slot):
            return
        if arrivals is None:
            self._load.strayed()
            return
        duplicates, late = arrivals.duplicates, arrivals.out_of_order
        arrivals.take(number)
        if arrivals.duplicates == duplicates:
            self._load.delivered += 1
            if behind and arrivals.out_of_order == late:
                arrivals.out_of_order += 1
            if now:
                self._load.deliveries_us.append(now - sent_us)
        if behind or arrivals.duplicates > duplicates or arrivals.out_of_order > late:
            self._load.wonder(
                f"to {self.member.slot}: message {number} of {int(sender)} at seq {entry.seq} after seq"
                f" {frames.seq_of(before)}, when {arrivals.next} was expected next"
            )

    def _other(self, frame: bytes, now: int) -> None:
        """A frame of any command, by the sans-IO core."""
        self._connection.receive_data(frame)
        try:
            event = self._connection.next_event()
        except PeerProtocolError as error:
            self.lose(f"the server sent {error}")
            return
        kind = type(event)
        if kind is m.Push:
            for entry in event.entries:
                self.entered(entry, now)
        elif kind is m.Ack:
            self._answered(event.n, None, now)
        elif kind is m.Nack or kind is m.Retry:
            self._answered(event.n, f"{kind.__name__.upper()} {_name(event.code)}", now)
        elif kind is m.Unresolved:
            self._answered(event.n, "UNRESOLVED", now)
        elif kind is m.LoginOk:
            self._logged_in()
        elif kind is m.Page:
            self._page(event)
        elif kind is m.Close:
            self.lose(f"CLOSE {_name(event.code)}")
        elif kind is m.Failed:
            self._load.failed(f"FAILED {_name(event.code)}")
        elif kind is m.Ping:
            self._send(m.Pong(event.token, 0))

    def _answered(self, n: int, refused: str | None, now: int) -> None:
        """An answer to any message in flight."""
        number = n - frames.N_BASE
        for waiting in self._in_flight:
            if waiting[2] == number:
                self._in_flight.remove(waiting)
                break
        else:
            self._load.strayed()
            return
        if refused is not None:
            self._fail(number, refused)
        elif number == 0:
            self._sync(0)
        else:
            self._load.acks_us.append(now - waiting[1])
            self._load.acked += 1
            if self._load.in_flight and not self.stopped:
                self.say(1, now)

    # -- until it is live --------------------------------------------------------------------------------

    def _logged_in(self) -> None:
        member = self.member
        if member.conversation is None:
            self._now_live()
        elif self._template is None:
            self._sync(member.cursor)
        else:
            # A greeting opens a direct conversation, and is the message that the first one stands after.
            text = frames.text_of(member.slot, 0, 0, self._text_bytes)
            self._after = frames.n_bytes(0)
            self._in_flight.append((b"", 0, 0))
            self._send(m.Send(member.conversation, frames.N_BASE, 0, text))

    def _sync(self, cursor: int) -> None:
        assert self.member.conversation is not None
        self._send(m.Sync(self.member.conversation, max(cursor, self.member.cursor), 0))

    def _page(self, page: m.Page) -> None:
        if page.rewound:
            self._load.failed("a page said that the log went back")
        for entry in page.entries:
            self.entered(entry)
        self.seen = max(self.seen, frames.raw_of(page.end))
        if page.live:
            self._now_live()
        else:
            self._sync(page.end)

    def _now_live(self) -> None:
        if not self.live:
            self.live = True
            self._load.now_live()


def _reason(error: OSError) -> str:
    return f"{WENT_AWAY} ({errno.errorcode.get(error.errno or 0, 'error')})"


def _name(code: int) -> str:
    found = code_of(code)
    return f"{code} {found.name}"
