"""A channel: one client's socket, its protocol object and its outbox.

Bytes come in through `ready`, become events, and go to the door the peer came through (`Door`). Frames go out
through `enqueue`, which never waits: the outbox is bounded, and what a peer does not take in time closes the
connection with a reason (I17). All writing happens in `flush`, once per pass.
"""

import socket
from collections.abc import Callable
from typing import Any, Protocol

import structlog

from cim_common.wire import Connection, Limits, PeerProtocolError, Role, codec
from cim_common.wire.codes import Code
from cim_common.wire.limits import IDLE_TIMEOUT_S, LOGIN_TIMEOUT_S
from cim_common.wire.messages import Close, ConnectionClosed, Failed
from cim_server.pump import GONE, READ, WRITE, Pump
from cim_server.settings import is_loopback

log = structlog.get_logger()

RECEIVE_BYTES = 16_384
MAX_OUTBOX_BYTES = 1024 * 1024
MAX_OUTBOX_FRAMES = 1_000
STALLED_S = 10.0
"""A peer that takes nothing for so long, with something to take, is closed with SLOW_CONSUMER."""

LINGER_S = 5.0
"""How long a closing connection may take to accept the reason."""

SLOW_LINGER_S = 30.0
"""The same for a slow consumer, which may have to take what the kernel holds before it gets to the reason."""

USER_TIMEOUT_MS = 15_000
"""A peer that acknowledges nothing on TCP for so long is gone (RFC 5482)."""

LIMITS = Limits()


class Door(Protocol):
    """What a channel does with its events: the door for v2 clients, the one for legacy clients."""

    def event(self, channel: "Channel", event: Any) -> None: ...
    def closed(self, channel: "Channel") -> None: ...
    def page(self, channel: "Channel", conversation: Any, page: Any) -> None: ...
    def failed(self, channel: "Channel", message: Failed) -> None: ...
    def list_changed(self, session: Any, version: int) -> None: ...
    def drained(self, channel: "Channel") -> None: ...
    def superseded(self, session: Any) -> None: ...


class Channel:
    """One connection. Slots, and no outbox until there is something in it: most connections are idle."""

    __slots__ = (
        "_begun", "_blocked", "_closing", "_fd", "_out", "_out_bytes", "_out_since", "_pump", "_queued", "_sock",
        "connection", "door", "heard", "notify_drained", "released", "session",
    )  # fmt: skip

    def __init__(self, pump: Pump, sock: socket.socket, door: Door) -> None:
        self._pump = pump
        self._sock = sock
        self._fd = sock.fileno()
        self._out: list[bytes] | None = None
        self._out_bytes = 0
        self._out_since = 0.0
        self._queued = False
        self._begun = False
        self._blocked = False
        self._closing = False
        self.connection = Connection(Role.SERVER, LIMITS)
        self.door = door
        self.heard = pump.now
        self.session: Any = None
        self.notify_drained = False
        self.released: Callable[[], None] | None = None
        pump.add(self._fd, self)
        pump.timers.watch(self, LOGIN_TIMEOUT_S)

    @property
    def open(self) -> bool:
        return self._fd >= 0 and not self._closing

    @property
    def has_output(self) -> bool:
        return self._out is not None

    @property
    def output_bytes(self) -> int:
        return self._out_bytes if self._out is not None else 0

    def ready(self, events: int) -> None:
        if events & WRITE:
            self.flush()
            if not events & (READ | GONE) or self._fd < 0:
                return
        try:
            data = self._sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self.drop()
            return
        if self._closing:
            if not data:
                self.drop()
            return
        connection = self.connection
        connection.receive_data(data)
        self.heard = self._pump.now
        try:
            for event in connection.events():
                if type(event) is ConnectionClosed:
                    self.drop()
                    return
                self.door.event(self, event)
                if self._closing:
                    return
        except PeerProtocolError as error:
            self.close(error.code, str(error))
        except Exception:
            # A bug of ours that one peer's input hits must not end everybody's connections.
            log.exception("connection_failed")
            self.close(Code.SERVER_ERROR)

    def enqueue(self, frame: bytes) -> None:
        """Have a frame written at the end of the pass; over the limit the connection is closed instead."""
        if self._closing:
            return
        out = self._out
        if out is None:
            self._out = [frame]
            self._out_bytes = len(frame)
            self._out_since = self._pump.now
            self._flush_later()
            return
        out.append(frame)
        self._out_bytes += len(frame)
        if self._out_bytes > MAX_OUTBOX_BYTES or len(out) > MAX_OUTBOX_FRAMES:
            self.flush()
            if self._out is not None and (self._out_bytes > MAX_OUTBOX_BYTES or len(self._out) > MAX_OUTBOX_FRAMES):
                self.close(Code.SLOW_CONSUMER)

    def _flush_later(self) -> None:
        if not self._queued:
            self._queued = True
            self._pump.flush_later(self)

    def flush(self) -> None:
        """Write what there is in one call; the rest when the socket takes it."""
        self._queued = False
        out = self._out
        if out is None or self._fd < 0:
            return
        try:
            sent = self._sock.send(out[0] if len(out) == 1 else b"".join(out))
        except BlockingIOError:
            sent = 0
        except OSError:
            self.drop()
            return
        if sent == self._out_bytes:
            self._out = None
            if self._blocked:
                self._await_writable(False)
            if self.notify_drained:
                self.notify_drained = False
                self.door.drained(self)
            if self._closing:
                self._shut_down()
            return
        if sent:
            self._out_since = self._pump.now
            self._keep_unsent(out, sent)
        self._await_writable(True)

    def _await_writable(self, blocked: bool) -> None:
        if blocked != self._blocked:
            self._blocked = blocked
            self._pump.change(self._fd, READ | WRITE if blocked else READ)

    def _keep_unsent(self, out: list[bytes], sent: int) -> None:
        self._out_bytes -= sent
        done = 0
        while sent >= len(out[done]):
            sent -= len(out[done])
            done += 1
        self._out = out[done:]
        self._out[0] = self._out[0][sent:]
        self._begun = sent > 0 or (self._begun and done == 0)

    def expire(self, now: float) -> float | None:
        """Look at the deadlines; called by the wheel, so a live connection costs nothing between looks."""
        if self._fd < 0:
            return None
        if self._closing:
            self.drop()
            return None
        if self._out is not None and now - self._out_since >= STALLED_S:
            self.close(Code.SLOW_CONSUMER)
            return None
        if self.session is None:
            self.close(Code.LOGIN_TIMEOUT)
            return None
        silent = now - self.heard
        if silent >= IDLE_TIMEOUT_S:
            self.close(Code.IDLE_TIMEOUT)
            return None
        return min(IDLE_TIMEOUT_S - silent, STALLED_S if self._out is not None else IDLE_TIMEOUT_S)

    def close(self, code: Code, message: str = "") -> None:
        """End the connection with a numbered reason, written behind what is in the outbox.

        To a slow consumer only a frame already begun is still written: the rest is in the log.
        """
        if self._closing or self._fd < 0:
            return
        out = self._out or []
        linger_s = LINGER_S
        if code is Code.SLOW_CONSUMER:
            out = out[:1] if self._begun else []
            linger_s = SLOW_LINGER_S
            self._be_patient()
        if not self.connection.legacy:
            out = [*out, codec.encode(Close(code, message or code.sentence))]
        self._closing = True
        self._pump.closed[code] = self._pump.closed.get(code, 0) + 1
        self.door.closed(self)
        self._out = out or None
        self._out_bytes = sum(map(len, out))
        self._pump.timers.watch(self, linger_s)
        if self._out is None:
            self._shut_down()
        else:
            self._flush_later()

    def _be_patient(self) -> None:
        """Keep the kernel from giving up a peer whose window is closed before it has read why."""
        try:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SLOW_LINGER_S * 2000))
        except OSError:
            return  # Not a TCP socket: there is no such limit.

    def _shut_down(self) -> None:
        """Say that nothing more comes; the peer's own end, or the wheel, closes the socket."""
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop()

    def drop(self) -> None:
        """Close the socket now: the peer is gone, or has had its time."""
        if self._fd < 0:
            return
        self._pump.remove(self._fd)
        self._fd = -1
        self._sock.close()
        self._out = None
        if self.released is not None:
            self.released()
        if not self._closing:
            self._closing = True
            self.door.closed(self)


class _Nobody:
    """The door of a channel that nothing comes through."""

    def closed(self, channel: Channel) -> None:
        """Nobody has to know."""


def ended_channel(pump: Pump) -> Channel:
    """A channel that has ended: it takes nothing, and is never open."""
    sock, other = socket.socketpair()
    other.close()
    nobody: Any = _Nobody()
    channel = Channel(pump, sock, nobody)
    channel.drop()
    return channel


class AddressLimit:
    """Counts the connections of each address; those of this machine are not limited (I17)."""

    MAX_CONNECTIONS = 64

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def admit(self, channel: Channel, address: str) -> None:
        """Count a new connection, or close it with TOO_MANY_CONNECTIONS."""
        if is_loopback(address):
            return
        count = self._counts.get(address, 0)
        if count >= self.MAX_CONNECTIONS:
            channel.close(Code.TOO_MANY_CONNECTIONS)
            return
        self._counts[address] = count + 1
        channel.released = lambda: self._release(address)

    def _release(self, address: str) -> None:
        left = self._counts[address] - 1
        if left:
            self._counts[address] = left
        else:
            del self._counts[address]


class Listener:
    """Accepts connections on the pump's epoll and makes a channel of each."""

    PAUSE_S = 1.0
    ACCEPTS_PER_PASS = 64

    def __init__(self, pump: Pump, sock: socket.socket, accepted: Callable[[socket.socket, str], None]) -> None:
        self._pump = pump
        self._sock = sock
        self._accepted = accepted
        sock.setblocking(False)
        pump.add(sock.fileno(), self)

    @property
    def port(self) -> int:
        port: int = self._sock.getsockname()[1]
        return port

    def ready(self, events: int) -> None:
        for _ in range(self.ACCEPTS_PER_PASS):
            try:
                client, address = self._sock.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue
            except OSError:
                # Out of descriptors: the backlog waits rather than the loop spinning.
                self._pump.change(self._sock.fileno(), 0)
                self._pump.timers.after(self.PAUSE_S, self._resume)
                return
            prepare(client)
            self._accepted(client, address[0])

    def _resume(self) -> None:
        if self._sock.fileno() >= 0:
            self._pump.change(self._sock.fileno(), READ)

    def close(self) -> None:
        if self._sock.fileno() >= 0:
            self._pump.remove(self._sock.fileno())
            self._sock.close()


def prepare(sock: socket.socket) -> None:
    """Options of a client's socket: no delay, and a dead peer is noticed in 15 s even when we write nothing."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 3)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
