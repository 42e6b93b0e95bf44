"""Route as a process: waitress in front of the app, from the start to an orderly end."""

import json
import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from waitress.server import create_server

from cim_common import faults
from cim_common.registry import Server, open_registry
from cim_common.store.flow import StoreError, StoreUnavailable
from cim_common.store.interest import Liveness
from cim_common.store.metadata import StoreMismatch
from cim_common.tokens import Tokens
from cim_route.acceptor import Acceptor
from cim_route.app import create_app
from cim_route.attempts import Attempts
from cim_route.body import MAX_BODY_BYTES
from cim_route.channel import Channel
from cim_route.inline import Inline
from cim_route.link import Link
from cim_route.polling import Poll
from cim_route.settings import RouteSettings
from cim_route.steps import Answer, Asked
from cim_route.store import Store
from cim_route.watcher import MAX_WAITING, Watcher

log = structlog.get_logger()

THREADS = 48 + MAX_WAITING
"""One for each request that may wait for events, and more than may wait for a password hash (34), so that the other
calls go on meanwhile. A thread that waits costs some 150 KiB and no CPU; waitress answers from no other place."""

MAX_CONNECTIONS = 1_000
MAX_HEADER_BYTES = 32_768
MAX_RECEIVED_BYTES = 2 * 1024 * 1024
"""A body up to this is read before it is refused as too large: a peer that is still writing never sees an answer."""

IDLE_TIMEOUT_S = 60
BACKLOG = 1_024
STOP_S = 5.0
"""What requests that are being answered may still take at the end."""

FAILED_PAUSE_S = 0.1
"""So that a bug which stays does not fill the log."""


class RouteServer:
    """Listens from its making; serves while `run` runs. Calls that `inline` takes are answered in that thread.

    Raises:
        OSError: the address cannot be listened on.
    """

    def __init__(
        self, app: Callable[..., Any], host: str, port: int, threads: int = THREADS, inline: Inline | None = None
    ) -> None:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self.port: int = listener.getsockname()[1]
        self._stopping = False
        self._sockets = Poll()
        self._waitress = create_server(
            app,
            map=self._sockets,
            sockets=[listener],
            threads=threads,
            backlog=BACKLOG,
            connection_limit=MAX_CONNECTIONS,
            max_request_header_size=MAX_HEADER_BYTES,
            max_request_body_size=MAX_RECEIVED_BYTES,
            channel_timeout=IDLE_TIMEOUT_S,
            ident="cim",
        )
        self._waitress.channel_class = Channel
        self._waitress.add_task = self._take
        self._waitress.pull_trigger = self._wake
        self._waitress.handle_error = _not_accepted
        self._inline = inline
        self._arrived: deque[Channel] = deque()
        self._thread = 0
        self._ended = False
        self._ending = threading.RLock()
        """Held by whoever writes into the pipe, or has it closed; a signal handler may come between."""

    def run(self) -> None:
        """Serve until `stop`, then answer what has been asked, `STOP_S` at most, and close everything."""
        self._thread = threading.get_ident()
        if self._inline is not None:
            self._inline.start(self._sockets, self._wake)
        while not self._stopping:
            self._pass(1.0)
        self._waitress.accepting = False
        give_up = time.monotonic() + STOP_S
        while self._busy() and time.monotonic() < give_up:
            self._pass(0.05)
        if self._inline is not None:
            self._inline.end()
        self._waitress.task_dispatcher.shutdown(timeout=1)
        with self._ending:
            self._ended = True
        self._waitress.asyncore.close_all(self._sockets)
        self._sockets.close()

    def stop(self) -> None:
        """End `run`; from any thread or a signal handler."""
        self._stopping = True
        self._end_poll()

    def _pass(self, timeout_s: float) -> None:
        try:
            self._sockets.turn(0 if self._arrived else timeout_s)
            if self._inline is not None:
                while self._arrived:
                    self._offer(self._inline, self._arrived.popleft())
                self._inline.turn()
        except Exception:
            # A bug of ours: told; a route without this thread would be worse.
            log.exception("network_failed")
            time.sleep(FAILED_PAUSE_S)

    def _wake(self) -> None:
        """End the poll, if it is not this thread that polls."""
        if threading.get_ident() != self._thread:
            self._end_poll()

    def _end_poll(self) -> None:
        """What comes after the end of `run` (an append that was settled late) finds the pipe closed, or another's."""
        with self._ending:
            if not self._ended:
                self._waitress.trigger.pull_trigger()

    def _take(self, channel: Any) -> None:
        """A request has been read, or its turn has come after another one of its connection."""
        if self._inline is not None and threading.get_ident() == self._thread:
            self._arrived.append(channel)  # the lock of its requests is held here
        else:
            self._waitress.task_dispatcher.add_task(channel)

    def _offer(self, inline: Inline, channel: Any) -> None:
        asked = _asked(channel.requests[0], inline) if channel.requests else None
        if asked is None:
            self._waitress.task_dispatcher.add_task(channel)
        else:
            inline.offer(channel.requests[0].path, asked, partial(self._answered, channel))

    def _answered(self, channel: Any, answer: Answer | None) -> None:
        channel.answer = answer
        if answer is None:
            self._waitress.task_dispatcher.add_task(channel)
        else:
            channel.service()

    def _busy(self) -> bool:
        channels = list(self._waitress.active_channels.values())
        return any(channel.requests or channel.total_outbufs_len for channel in channels)


def _not_accepted() -> None:
    """An exception of the listener is being handled. waitress would close it, and route would be gone."""
    log.exception("accept_failed")


def _asked(request: Any, inline: Inline) -> Asked | None:
    """The request, if it is one for `inline`: JSON of an ordinary size, or no body."""
    if request.error or request.command != "POST" or request.query or not inline.takes(request.path):
        return None
    length = request.headers.get("CONTENT_LENGTH", "0")
    if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        return None
    stream = request.get_body_stream()
    body: bytes = stream.read()
    stream.seek(0)
    kind = request.headers.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    return Asked(request.headers, body) if kind == "application/json" or not body else None


def serve(
    app: Callable[..., Any], host: str, port: int, inline: Inline | None = None
) -> tuple[int, Callable[[], None]]:
    """Serve in a thread of its own; returns the port and a function that stops it and waits for its end."""
    server = RouteServer(app, host, port, inline=inline)
    thread = threading.Thread(target=server.run, name="waitress", daemon=True)
    thread.start()

    def stop() -> None:
        server.stop()
        thread.join(STOP_S + 2)

    return server.port, stop


def run(settings: RouteSettings) -> int:
    """Run route until SIGTERM or SIGINT; the exit code."""
    store = Store(settings.redis_url)
    try:
        store.check()
    except StoreMismatch as mismatch:
        print(mismatch, file=sys.stderr)
        return 1
    except (StoreUnavailable, StoreError) as error:
        log.warning("store_unavailable", error=str(error))
    faults.arm("route")
    registry = open_registry(settings.redis_url, settings.zookeeper)
    liveness = Liveness()
    acceptor = Acceptor(settings.redis_url, liveness)
    attempts = Attempts(settings.redis_url)
    watcher = Watcher(store)
    tokens = Tokens(settings.secret)
    app = create_app(settings, store, registry, tokens, acceptor, attempts=attempts, watcher=watcher)
    try:
        inline = Inline(app.parts, app.inline_calls, Link(settings.redis_url))
        server = RouteServer(app, settings.host, settings.port, inline=inline)
    except OSError as error:
        reason = error.strerror or str(error)
        print(f"Cannot listen on {settings.host}:{settings.port} ({reason}): choose another port.", file=sys.stderr)
        registry.close()
        return 1

    def changed(servers: tuple[Server, ...]) -> None:
        liveness.update((server.id, server.epoch) for server in servers)

    registry.start()
    registry.watch(changed)
    acceptor.start()

    def stop(*_: object) -> None:
        server.stop()
        watcher.close()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    log.info("serving", route=f"http://{settings.host}:{server.port}", legacy=settings.legacy)
    _write_ready(settings, server.port)
    server.run()
    acceptor.close()
    registry.close()
    attempts.close()
    store.close()
    return 0


def _write_ready(settings: RouteSettings, port: int) -> None:
    """Tell the starter where route listens, all at once."""
    if settings.ready_file is None:
        return
    record = {
        "route": f"http://{settings.host}:{port}",
        "pid": os.getpid(),
        "operator_token_file": settings.operator_token_file,
    }
    unfinished = f"{settings.ready_file}.{os.getpid()}"
    with open(unfinished, "w", encoding="utf-8") as file:
        json.dump(record, file)
    os.replace(unfinished, settings.ready_file)
