"""Route as a process: waitress in front of the app, from the start to an orderly end."""

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.server import create_server  # type: ignore[import-untyped]
from waitress.task import ErrorTask, WSGITask  # type: ignore[import-untyped]

from cim_common import faults
from cim_common.registry import Server, open_registry
from cim_common.store.flow import StoreError, StoreUnavailable
from cim_common.store.interest import Liveness
from cim_common.store.metadata import StoreMismatch
from cim_common.tokens import Tokens
from cim_common.wire.codes import Code
from cim_route.acceptor import Acceptor
from cim_route.app import create_app
from cim_route.attempts import Attempts
from cim_route.problems import CONTENT_TYPE, Problem
from cim_route.settings import RouteSettings
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


class _ProblemTask(ErrorTask):  # type: ignore[misc]
    """Waitress' own refusals (a malformed or oversized request) as problem documents."""

    def execute(self) -> None:
        status = self.request.error.code
        code = Code.TOO_LARGE if status in (413, 431) else Code.BAD_REQUEST if status < 500 else Code.INTERNAL
        body = json.dumps(Problem(code, status=status).document()).encode()
        self.status = f"{status} {self.request.error.reason}"
        self.response_headers.append(("Content-Type", CONTENT_TYPE))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Task(WSGITask):  # type: ignore[misc]
    """Waitress writes head and body apart, each at once: two system calls, and a client that is woken twice."""

    wrote_header: bool

    def write(self, data: bytes) -> None:
        if self.complete and not self.wrote_header and self.has_body and self.content_length == len(data):
            head = self.build_response_header()
            self.wrote_header = True
            self.content_bytes_written = len(data)
            self.channel.write_soon(head + data)
        else:
            super().write(data)


class _Channel(HTTPChannel):  # type: ignore[misc]
    task_class = _Task
    error_task_class = _ProblemTask


class RouteServer:
    """Listens from its making; serves while `run` runs.

    Raises:
        OSError: the address cannot be listened on.
    """

    def __init__(self, app: Callable[..., Any], host: str, port: int, threads: int = THREADS) -> None:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self.port: int = listener.getsockname()[1]
        self._stopping = False
        self._map: dict[int, Any] = {}
        self._waitress = create_server(
            app,
            map=self._map,
            sockets=[listener],
            threads=threads,
            backlog=BACKLOG,
            connection_limit=MAX_CONNECTIONS,
            max_request_header_size=MAX_HEADER_BYTES,
            max_request_body_size=MAX_RECEIVED_BYTES,
            channel_timeout=IDLE_TIMEOUT_S,
            asyncore_use_poll=True,
            ident="cim",
        )
        self._waitress.channel_class = _Channel

    def run(self) -> None:
        """Serve until `stop`, then answer what has been asked, `STOP_S` at most, and close everything."""
        while not self._stopping:
            self._pass(1.0)
        self._waitress.accepting = False
        give_up = time.monotonic() + STOP_S
        while self._busy() and time.monotonic() < give_up:
            self._pass(0.05)
        self._waitress.task_dispatcher.shutdown(timeout=1)
        self._waitress.asyncore.close_all(self._map)

    def stop(self) -> None:
        """End `run`; from any thread or a signal handler."""
        self._stopping = True
        self._waitress.pull_trigger()

    def _pass(self, timeout_s: float) -> None:
        self._waitress.asyncore.loop(timeout=timeout_s, use_poll=True, map=self._map, count=1)

    def _busy(self) -> bool:
        channels = list(self._waitress.active_channels.values())
        return any(channel.requests or channel.total_outbufs_len for channel in channels)


def serve(app: Callable[..., Any], host: str, port: int) -> tuple[int, Callable[[], None]]:
    """Serve in a thread of its own; returns the port and a function that stops it and waits for its end."""
    server = RouteServer(app, host, port)
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
        server = RouteServer(app, settings.host, settings.port)
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
