"""One connection to Redis on the pump's epoll (`cim_common/redis_socket.py`), made in a thread, and made again."""

from collections.abc import Callable
from typing import Any

import redis
import structlog
import trio

from cim_common.dial import dialer
from cim_common.redis_socket import Done, RedisSocket
from cim_common.store import resp
from cim_common.store.flow import Flow, StoreError, StoreUnavailable, T
from cim_common.store.incarnations import start_of
from cim_common.store.scripts import SCRIPTS
from cim_server.pump import GONE, READ, WRITE, Pump

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 2.0
REPLY_TIMEOUT_S = 5.0
"""A connection whose oldest reply is due for so long is given up; what it asked is unknown then."""

MAX_WAITING = 20_000
"""Pipelines without a reply; beyond that the next one fails at once."""

BACK_OFF_S = (0.05, 0.1, 0.2, 0.5, 1.0)


class RedisLink:
    """A connection that comes back by itself. `on_up` and `on_down` are called as it comes and goes.

    `up` says whether it is there; `start` names the Redis it is or was last connected to (`store/incarnations.py`).
    """

    def __init__(
        self,
        pump: Pump,
        url: str,
        name: str,
        on_up: Callable[[], None] = lambda: None,
        on_down: Callable[[], None] = lambda: None,
    ) -> None:
        self._pump = pump
        self._name = name
        self._dial = dialer(url, CONNECT_TIMEOUT_S)
        self._on_up, self._on_down = on_up, on_down
        self._sock: RedisSocket | None = None
        self.up = False
        self._blocked = False
        self._lost = trio.Event()
        self.start = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def waiting(self) -> int:
        """Pipelines without all their replies."""
        return 0 if self._sock is None else self._sock.waiting

    def write(self, data: bytes, replies: int, done: Done) -> None:
        """Send commands with so many replies; `done` gets them all, or StoreUnavailable. Never called at once."""
        if self._sock is None or self._sock.waiting >= MAX_WAITING:
            error = StoreUnavailable("not connected" if self._sock is None else "too much in flight")
            self._pump.timers.after(0, lambda: done(error))
            self._pump.wake()
            return
        if replies == 0:
            # Nothing is on its way that would call it.
            self._pump.timers.after(0, lambda: done([]))
            self._pump.wake()
            return
        if not self._sock.unwritten:
            self._pump.flush_later(self)
        self._sock.write(data, replies, done, self._pump.now + REPLY_TIMEOUT_S)

    def run(self, flow: Flow[T], done: Callable[[T | StoreError | StoreUnavailable], None]) -> None:
        """Drive a flow to its end; `done` gets its result, or the error that ended it."""
        self._advance(flow, None, done)

    async def wait_for(self, flow: Flow[T]) -> T | StoreError | StoreUnavailable:
        """The same for a task that has nothing else to do."""
        done = trio.Event()
        outcome: list[T | StoreError | StoreUnavailable] = []

        def finished(result: T | StoreError | StoreUnavailable) -> None:
            outcome.append(result)
            done.set()

        self.run(flow, finished)
        self._pump.wake()
        await done.wait()
        return outcome[0]

    def _advance(self, flow: Flow[T], replies: Any, done: Callable[[T | StoreError | StoreUnavailable], None]) -> None:
        try:
            if replies is None:
                commands = next(flow)
            elif isinstance(replies, StoreUnavailable):
                commands = flow.throw(replies)
            else:
                error = resp.first_error(replies)
                commands = flow.throw(error) if error else flow.send(replies)
        except StopIteration as stop:
            done(stop.value)
        except (StoreError, StoreUnavailable) as error:
            done(error)
        else:
            self.write(resp.pack(commands), len(commands), lambda answer: self._advance(flow, answer, done))

    async def keep_connected(self) -> None:
        """Connect, wait for the loss, connect again; until cancelled."""
        attempt, reason = 0, ""
        try:
            while True:
                try:
                    connection = await trio.to_thread.run_sync(self._connect)
                except (redis.RedisError, OSError) as error:
                    if str(error) != reason:
                        reason = str(error)
                        log.warning("store_unreachable", link=self._name, error=reason)
                    await trio.sleep(BACK_OFF_S[min(attempt, len(BACK_OFF_S) - 1)])
                    attempt += 1
                    continue
                attempt, reason = 0, ""
                self._attach(connection)
                await self._lost.wait()
        finally:
            self._detach("closed")

    def _connect(self) -> Any:
        connection: Any = self._dial()
        connection.connect()
        for script in SCRIPTS:
            connection.send_command("SCRIPT", "LOAD", script.source)
            connection.read_response()
        connection.send_command("INFO", "server")
        self.start = start_of(connection.read_response())
        return connection

    def _attach(self, connection: Any) -> None:
        self._lost = trio.Event()
        self._sock, self.up = RedisSocket(connection), True
        self._pump.add_store(self._sock.fileno(), self)
        log.info("store_connected", link=self._name)
        self._watch_deadline()
        self._on_up()
        self._pump.wake()

    def _watch_deadline(self) -> None:
        sock = self._sock

        def check() -> None:
            if self._sock is not sock or sock is None:
                return
            if sock.overdue(self._pump.now):
                self._detach("no reply in time")
            else:
                self._pump.timers.after(1.0, check)

        self._pump.timers.after(1.0, check)

    def _detach(self, why: str | None) -> None:
        """It is lost, if there is a reason for that."""
        if why is None or self._sock is None:
            return
        log.warning("store_lost", link=self._name, reason=why, in_flight=self.waiting)
        sock, self._sock, self.up, self._blocked = self._sock, None, False, False
        self._pump.remove_store(sock.fileno())
        sock.close(why)
        self._on_down()
        self._lost.set()
        self._pump.wake()

    def ready(self, events: int) -> None:
        if events & (READ | GONE) and self._sock is not None:
            self._detach(self._sock.receive())
        if events & WRITE:
            self.flush()

    def flush(self) -> None:
        if self._sock is None:
            return
        self._detach(self._sock.flush())
        if self._sock is not None and self._sock.unwritten != self._blocked:
            self._blocked = self._sock.unwritten
            self._pump.change(self._sock.fileno(), READ | WRITE if self._blocked else READ)
