"""One connection to the store in the thread of the network: the commands of all calls of a turn are one write.

A thread makes the connection, and another one when it is lost; meanwhile calls are left to the threads.
"""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import redis
import structlog

from cim_common.dial import dialer
from cim_common.redis_socket import Done, RedisSocket
from cim_common.store import resp
from cim_common.store.flow import Command, StoreUnavailable
from cim_route.polled import Polled, Sockets
from cim_route.store import SOCKET_TIMEOUT_S

log = structlog.get_logger()

RECONNECT_S = 0.5


class Link(Polled):
    """Used by the thread of the network alone, but for `keep` and `end`."""

    def __init__(self, redis_url: str) -> None:
        self._dial = dialer(redis_url, SOCKET_TIMEOUT_S)
        self._sock: RedisSocket | None = None
        self._sockets: Sockets = {}
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
        self._sock.write(resp.pack(commands), len(commands), done, time.monotonic() + SOCKET_TIMEOUT_S)

    def flush(self) -> None:
        if self._sock is not None:
            self._lose(self._sock.flush())

    def check(self, now: float) -> None:
        """Give the connection up if its oldest reply is overdue."""
        if self._sock is not None and self._sock.overdue(now):
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
            post(partial(self._attach, connection))
            self._lost.wait()

    # -- the thread of the network ----------------------------------------------------------------------

    def _attach(self, connection: Any) -> None:
        if self._closing:
            connection.disconnect()
            return
        self._sock = RedisSocket(connection)
        self._sockets[self._sock.fileno()] = self

    def writable(self) -> bool:
        return self._sock is not None and self._sock.unwritten

    def handle_write_event(self) -> None:
        self.flush()

    def handle_read_event(self) -> None:
        if self._sock is not None:
            self._lose(self._sock.receive())

    def handle_close(self) -> None:
        self._lose("closed by the store")

    def _lose(self, why: str | None) -> None:
        """It is lost, if there is a reason for that."""
        if why is None or self._sock is None:
            return
        if not self._closing:
            log.warning("store_lost", link="inline", error=why)
        sock, self._sock = self._sock, None
        del self._sockets[sock.fileno()]
        sock.close(why)
        self._lost.set()
