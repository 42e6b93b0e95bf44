"""The connection to an IM server: made, kept, lost, made again.

One task connects and reads, one writes, one watches the clock; all of them only move bytes between the socket and
the protocol object. What the messages mean is the business of `Handler`.
"""

import random
import socket
from typing import Any, NamedTuple, Protocol

import trio

from cim_client.errors import CimError, Unavailable
from cim_client.route_api import Place
from cim_common import faults
from cim_common.faults import Point
from cim_common.wire import NEED_DATA, Connection, Limits, PeerProtocolError, Role
from cim_common.wire.codes import Code, reconnects
from cim_common.wire.messages import Close, ConnectionClosed, GoAway, Login, LoginOk, Ping, Pong, Send

CONNECT_TIMEOUT_S = 3.0
LOGIN_TIMEOUT_S = 5.0
WRITE_TIMEOUT_S = 15.0
BACK_OFF_BASE_S = 0.1
BACK_OFF_CAP_S = 5.0
TICK_S = 0.1
SILENT_INTERVALS = 2.5
"""Ping intervals without a word from the server after which it counts as dead."""

AVOID_LAST = 4
RECEIVE_BYTES = 65_536
CLIENT = "cim-python"


class Handler(Protocol):
    """What a link does its work for."""

    @property
    def returning(self) -> bool:
        """Whether the device has logged in before."""

    @property
    def ephemeral(self) -> bool:
        """Whether it ends with the program. A device may become another, of the other kind."""

    async def find_place(self, avoid: list[str]) -> Place: ...
    def connected(self, welcome: LoginOk) -> None: ...
    def received(self, message: Any) -> None: ...
    def to_write(self, now: float) -> list[Any]: ...
    def disconnected(self, retry_in_s: float, why: CimError) -> None: ...
    def device_forgotten(self) -> None:
        """The cluster does not know the device any more: the next connection is to be another's."""


class Lost(Exception):
    """This connection is over. `code` says why, `after_s` how soon another may be tried."""

    def __init__(self, code: int, reason: str = "", after_s: float | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.after_s = after_s


class _Stream(NamedTuple):
    stream: trio.SocketStream
    connection: Connection


class Link:
    """Keeps one connection at a time. `run` returns or raises only when there is to be no other."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._work = trio.Event()
        self._out: list[bytes] = []
        self._current: _Stream | None = None
        self._heard = 0.0
        self._wrote = 0.0
        self._silence_s = 30.0
        self._ping_s = 10.0
        self._scope: trio.CancelScope | None = None
        self._writing = trio.Lock()
        self._finished = False
        self._lost: Lost | None = None

    def wake(self) -> None:
        """There may be something to write."""
        self._work.set()

    def reconnect(self, code: int = Code.SESSION_LOST) -> None:
        """Give this connection up and make another."""
        self._lose(Lost(code, "", 0.0))

    async def run(self) -> None:
        """Connect, again and again.

        Raises:
            CimError: there is no use in trying again: refused by route, taken over, protocol broken.
        """
        failures = 0
        avoid: list[str] = []
        why: CimError
        while True:
            where = ""
            at_least_s = 0.0
            try:
                place = await self._handler.find_place(avoid)
                where = f"{place.host}:{place.port}"
                await self._converse(place)
            except Lost as lost:
                if lost.code == Code.DEVICE_EXPIRED:
                    self._handler.device_forgotten()
                elif not reconnects(lost.code):
                    raise CimError(lost.code, str(lost)) from lost
                if self._wrote:
                    failures, avoid = 0, []
                after_s, why = lost.after_s, CimError(lost.code, str(lost))
            except Unavailable as error:
                after_s, at_least_s, why = None, error.after_s, error
            if where:
                avoid = [*avoid, where][-AVOID_LAST:]
            failures += 1
            pause = min(BACK_OFF_CAP_S, BACK_OFF_BASE_S * 2 ** min(failures, 10)) * random.random()
            if after_s is not None:
                pause = after_s + random.random() * 0.1
            pause = max(pause, at_least_s)
            self._handler.disconnected(pause, why)
            await trio.sleep(pause)

    async def _converse(self, place: Place) -> None:
        """One connection from its first byte to its last; always ends with Lost."""
        self._wrote = 0.0
        self._lost = None
        stream = await _open(place)
        connection = Connection(Role.CLIENT, Limits())
        try:
            welcome = await self._log_in(stream, connection, place)
            self._heard = self._wrote = trio.current_time()
            self._ping_s = welcome.ping_interval_ms / 1000
            self._silence_s = self._ping_s * SILENT_INTERVALS
            self._current = _Stream(stream, connection)
            self._handler.connected(welcome)
            self.wake()
            async with trio.open_nursery() as nursery:
                self._scope = nursery.cancel_scope
                nursery.start_soon(self._read, self._current)
                nursery.start_soon(self._write, self._current)
                nursery.start_soon(self._watch)
        finally:
            self._current = self._scope = None
            with trio.CancelScope(shield=True), trio.move_on_after(0.2):
                await trio.aclose_forcefully(stream)
        raise self._lost or Lost(Code.SESSION_LOST, "The connection ended.")

    async def _log_in(self, stream: trio.SocketStream, connection: Connection, place: Place) -> LoginOk:
        with trio.move_on_after(LOGIN_TIMEOUT_S):
            try:
                handler = self._handler
                login = Login(place.connect_token, place.device, 2, CLIENT, handler.ephemeral, handler.returning)
                await stream.send_all(connection.send(login))
                while True:
                    event = connection.next_event()
                    if event is NEED_DATA:
                        connection.receive_data(await stream.receive_some(RECEIVE_BYTES))
                    elif isinstance(event, LoginOk):
                        return event
                    elif isinstance(event, Close):
                        raise Lost(event.code, event.message)
                    else:
                        raise Lost(Code.SESSION_LOST, "The server closed the connection.")
            except (trio.BrokenResourceError, PeerProtocolError) as error:
                raise Lost(Code.SESSION_LOST, str(error)) from error
        raise Lost(Code.LOGIN_TIMEOUT, "The server did not answer the login.")

    def _lose(self, lost: Lost) -> None:
        self._lost = self._lost or lost
        if self._scope is not None:
            self._scope.cancel()

    async def _read(self, current: _Stream) -> None:
        stream, connection = current
        while True:
            try:
                data = await stream.receive_some(RECEIVE_BYTES)
            except trio.BrokenResourceError as error:
                self._lose(Lost(Code.SESSION_LOST, str(error)))
                return
            self._heard = trio.current_time()
            connection.receive_data(data)
            try:
                while (event := connection.next_event()) is not NEED_DATA:
                    if not self._take(event):
                        return
            except PeerProtocolError as error:
                self._lose(Lost(Code.SESSION_LOST, str(error)))
                return
            self.wake()

    def _take(self, event: Any) -> bool:
        """Handle one message; False when the connection ends with it."""
        if isinstance(event, ConnectionClosed):
            self._lose(Lost(Code.SESSION_LOST, "The server closed the connection."))
            return False
        if isinstance(event, Close):
            self._lose(Lost(event.code, event.message))
            return False
        if isinstance(event, GoAway):
            self._lose(Lost(event.code, event.message, event.after_ms / 1000))
            return False
        if isinstance(event, Ping):
            assert self._current is not None
            self._out.append(self._current.connection.send(Pong(event.token, 0)))
        elif not isinstance(event, Pong):
            self._handler.received(event)
        return True

    async def _write(self, current: _Stream) -> None:
        stream, connection = current
        while True:
            await self._work.wait()
            if self._lost is not None:
                return
            self._work = trio.Event()
            async with self._writing:
                if self._finished:
                    return
                out, self._out = self._out, []
                messages = self._handler.to_write(trio.current_time())
                out += [connection.send(message) for message in messages]
                if not out:
                    continue
                try:
                    with trio.fail_after(WRITE_TIMEOUT_S):
                        await stream.send_all(b"".join(out))
                except (trio.BrokenResourceError, trio.TooSlowError) as error:
                    self._lose(Lost(Code.SESSION_LOST, str(error)))
                    return
                if faults.armed and any(isinstance(message, Send) for message in messages):
                    faults.reach(Point.SENT)
            self._wrote = trio.current_time()

    async def _watch(self) -> None:
        while True:
            await trio.sleep(TICK_S)
            now = trio.current_time()
            if now - self._heard > self._silence_s:
                self._lose(Lost(Code.IDLE_TIMEOUT, "Nothing was heard from the server."))
                return
            # A client that only writes still has to hear that the server lives.
            if now - max(self._wrote if self._heard > now - self._ping_s else 0, self._heard) > self._ping_s:
                assert self._current is not None
                self._out.append(self._current.connection.send(Ping()))
                self._wrote = now
            self.wake()

    async def farewell(self, timeout_s: float) -> None:
        """Write what is due and say that the client has finished; nothing is written after that."""
        current = self._current
        if current is None or self._lost is not None:
            return
        with trio.move_on_after(timeout_s):
            async with self._writing:
                self._finished = True
                try:
                    frames = [current.connection.send(m) for m in self._handler.to_write(trio.current_time())]
                    goodbye = current.connection.send(Close(Code.NORMAL))
                    await current.stream.send_all(b"".join([*self._out, *frames, goodbye]))
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    return


async def _open(place: Place) -> trio.SocketStream:
    try:
        with trio.fail_after(CONNECT_TIMEOUT_S):
            stream = await trio.open_tcp_stream(place.host, place.port)
    except (OSError, trio.TooSlowError) as error:
        raise Lost(Code.SESSION_LOST, f"{place.host}:{place.port} does not answer.") from error
    user_timeout = getattr(socket, "TCP_USER_TIMEOUT", None)
    if user_timeout is not None:
        stream.setsockopt(socket.IPPROTO_TCP, user_timeout, 15_000)
    return stream
