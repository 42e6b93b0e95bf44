"""One connection to the store in the thread of the network: the commands of all calls of a turn are one write.

redis-py makes the connection (TLS, AUTH, database) in a thread, which makes another one when it is lost; meanwhile
calls are left to the threads. There is no retry: what was on its way when the connection broke is reported as such.
"""

import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis
import redis
import structlog
from redis.exceptions import ResponseError

from cim_common.dial import dialer
from cim_common.store import resp
from cim_common.store.flow import Command, StoreUnavailable
from cim_route.polled import Polled, Sockets
from cim_route.store import SOCKET_TIMEOUT_S

log = structlog.get_logger()

RECONNECT_S = 0.5
RECEIVE_BYTES = 262_144

Done = Callable[[list[Any] | Exception], None]
"""Gets the replies, or why there are none. A reply may be an error of Redis (`ResponseError`)."""


class Link(Polled):
    """Used by the thread of the network alone, but for `keep` and `end`."""

    def __init__(self, redis_url: str) -> None:
        self._dial = dialer(redis_url, SOCKET_TIMEOUT_S)
        self._reader = self._new_reader()
        self._connection: Any = None
        self._sock: socket.socket | None = None
        self._sockets: Sockets = {}
        self._out: list[bytes] = []
        self._waiting: deque[tuple[int, list[Any], Done, float]] = deque()
        self._lost = threading.Event()
        self._closing = False

    @property
    def up(self) -> bool:
        return self._sock is not None

    def keep(self, sockets: Sockets, post: Callable[[Callable[[], None]], None]) -> None:
        """Be connected from now on. `post` has something called in the thread of the network."""
        self._sockets = sockets
        threading.Thread(target=self._keep, args=(post,), name="link", daemon=True).start()

    def end(self) -> None:
        """Make no other connection; the one there is goes with the sockets of the server."""
        self._closing = True
        self._lost.set()

    def ask(self, commands: list[Command], done: Done) -> None:
        """Send commands with the next `flush`; `done` is called later, and once."""
        if self._sock is None:
            raise StoreUnavailable("not connected")
        self._waiting.append((len(commands), [], done, time.monotonic() + SOCKET_TIMEOUT_S))
        self._out.append(resp.pack(commands))

    def flush(self) -> None:
        if self._sock is None or not self._out:
            return
        data = b"".join(self._out)
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            sent = 0
        except OSError as error:
            self._lose(str(error))
            return
        self._out = [data[sent:]] if sent < len(data) else []

    def check(self, now: float) -> None:
        """Give the connection up if its oldest reply is overdue."""
        if self._waiting and self._waiting[0][3] < now:
            self._lose("no reply in time")

    # -- a thread of its own ----------------------------------------------------------------------------

    def _keep(self, post: Callable[[Callable[[], None]], None]) -> None:
        while not self._closing:
            connection = self._dial()
            try:
                connection.connect()
            except (redis.RedisError, OSError):
                self._lost.wait(RECONNECT_S)  # the store's own link and the threads tell of it
                continue
            self._lost.clear()
            post(lambda made=connection: self._attach(made))  # type: ignore[misc]
            self._lost.wait()

    # -- the thread of the network ----------------------------------------------------------------------

    def _attach(self, connection: Any) -> None:
        if self._closing:
            connection.disconnect()
            return
        self._connection, self._sock = connection, connection._sock
        connection._sock.setblocking(False)
        self._reader = self._new_reader()
        self._sockets[connection._sock.fileno()] = self

    def _new_reader(self) -> Any:
        return hiredis.Reader(replyError=ResponseError)

    def writable(self) -> bool:
        return bool(self._out)

    def handle_write_event(self) -> None:
        self.flush()

    def handle_read_event(self) -> None:
        if self._sock is None:
            return
        try:
            data = self._sock.recv(RECEIVE_BYTES)
            while isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
                data += self._sock.recv(RECEIVE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError as error:
            self._lose(str(error))
            return
        if not data:
            self._lose("closed by the store")
            return
        self._reader.feed(data)
        try:
            self._dispatch()
        except hiredis.ProtocolError as error:
            self._lose(str(error))

    def _dispatch(self) -> None:
        while self._waiting:
            count, replies, done, _ = self._waiting[0]
            while len(replies) < count:
                reply = self._reader.gets()
                if reply is False:
                    return
                replies.append(reply)
            self._waiting.popleft()
            done(replies)

    def handle_close(self) -> None:
        self._lose("closed by the store")

    def _lose(self, why: str) -> None:
        if self._sock is None:
            return
        if not self._closing:
            log.warning("store_lost", link="inline", error=why)
        del self._sockets[self._sock.fileno()]
        self._connection.disconnect()
        self._sock, self._out = None, []
        waiting, self._waiting = self._waiting, deque()
        for _, _, done, _ in waiting:
            done(StoreUnavailable(why))
        self._lost.set()
