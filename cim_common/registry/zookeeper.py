"""The registry in ZooKeeper: ephemeral nodes `/cim/<ip>:<tcp port>:<http port>` with our JSON as data.

CIM's own tools read the node names. kazoo calls back on its threads and connects again by itself, but after an
expired session the ephemeral node is gone; so one thread of ours compares what should be with what is: after each
change of state and every few seconds. Its rule: the node of the own address must exist, hold our record, and
belong to the present session; anything else is removed and made anew.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import KazooException, NodeExistsError, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.retry import KazooRetry

from cim_common.registry import Server
from cim_common.registry.board import Board, parse_record, record_of

log = structlog.get_logger()

ROOT = "/cim"
SESSION_TIMEOUT_S = 5.0
"""How long a server that says nothing is still listed."""

COMPARE_EVERY_S = 2.0
UPDATE_EVERY_S = 1.0
CALL_TIMEOUT_S = 2.0


class ZooKeeperRegistry:
    """A registry in ZooKeeper; see `cim_common.registry.Registry` for the contract."""

    def __init__(self, hosts: str, session_timeout_s: float = SESSION_TIMEOUT_S) -> None:
        self._client = KazooClient(
            hosts=hosts,
            timeout=session_timeout_s,
            connection_retry=KazooRetry(max_tries=-1, delay=0.1, backoff=2, max_delay=2.0),
            command_retry=KazooRetry(max_tries=0),
        )
        self._board = Board()
        self._own: Server | None = None
        self._registered = False
        self._closed = False
        self._changed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="zookeeper", daemon=True)

    def start(self) -> None:
        if not self._thread.is_alive() and not self._closed:
            self._client.add_listener(self._state)
            self._client.start_async()
            self._thread.start()

    def register(self, server: Server) -> None:
        self._own = server
        self._changed.set()

    def update(self, load: int) -> None:
        own = self._own
        if own is not None and own.load != load:
            self._own = own._replace(load=load)
            self._changed.set()

    def registered(self) -> bool:
        return self._registered

    def deregister(self) -> None:
        own, self._own = self._own, None
        self._registered = False
        if own is not None and self._client.connected:
            try:
                self._client.delete_async(_path(own)).get(timeout=CALL_TIMEOUT_S)
            except NoNodeError:
                log.debug("already_deregistered")
            except (KazooException, KazooTimeoutError) as error:
                log.warning("deregister_failed", error=repr(error))

    def watch(self, changed: Callable[[tuple[Server, ...]], None]) -> None:
        self._board.watch(changed)

    def servers(self) -> tuple[Server, ...]:
        return self._board.servers()

    def close(self) -> None:
        if self._closed:
            return
        self.deregister()
        self._closed = True
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join(CALL_TIMEOUT_S)
        self._client.stop()
        self._client.close()

    def _state(self, state: str) -> None:
        """On kazoo's thread: nothing here may wait."""
        if state != KazooState.CONNECTED:
            self._registered = False
            log.warning("registry_lost", state=state)
        self._changed.set()

    def _work(self) -> None:
        while not self._closed:
            self._changed.wait(COMPARE_EVERY_S)
            self._changed.clear()
            if self._closed or not self._client.connected:
                continue
            began = time.monotonic()
            try:
                self._compare()
                self._read()
            except (KazooException, KazooTimeoutError) as error:
                self._registered = False
                log.warning("registry_unavailable", error=repr(error))
                self._changed.wait(0.2)
            if not self._closed:
                time.sleep(max(0.0, 0.1 - (time.monotonic() - began)))

    def _call(self, answer: Any) -> Any:
        return answer.get(timeout=CALL_TIMEOUT_S)

    def _compare(self) -> None:
        """Make the own node what it should be."""
        own = self._own
        if own is None:
            return
        path, record = _path(own), record_of(own)
        try:
            data, stat = self._call(self._client.get_async(path))
        except NoNodeError:
            self._create(path, record)
        else:
            if stat.ephemeralOwner != self._client.client_id[0]:
                # A previous run's node, or one of our expired session that has not gone yet.
                self._call(self._client.delete_async(path))
                self._create(path, record)
            elif data != record:
                self._call(self._client.set_async(path, record))
        self._registered = True
        if self._own is None:
            self._call(self._client.delete_async(path))

    def _create(self, path: str, record: bytes) -> None:
        try:
            self._call(self._client.create_async(path, record, ephemeral=True, makepath=True))
        except NodeExistsError:
            self._changed.set()
        else:
            log.info("registered", node=path)

    def _read(self) -> None:
        """Read the list, and be told of its next change."""
        try:
            children = self._call(self._client.get_children_async(ROOT, watch=self._told))
        except NoNodeError:
            self._call(self._client.ensure_path_async(ROOT))
            self._changed.set()
            return
        answers = [self._client.get_async(f"{ROOT}/{child}", watch=self._told) for child in children]
        found = []
        for answer in answers:
            try:
                data, _ = self._call(answer)
            except NoNodeError:
                continue
            server = parse_record(data)
            if server is not None:
                found.append(server)
        self._board.publish(found)

    def _told(self, event: Any) -> None:
        self._changed.set()


def _path(server: Server) -> str:
    return f"{ROOT}/{server.host}:{server.tcp_port}:{server.http_port}"
