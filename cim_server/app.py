"""One IM server: its parts put together, its start and its end.

Start: listen, reach the store and check it, make the push stream, register. Only then clients are sent here.
End: deregister, tell clients where to go, answer what is in flight, give sessions up, close.
"""

import gc
import json
import os
import secrets
import socket
import time
from typing import Any

import structlog
import trio

from cim_common import __version__
from cim_common.accept import Append
from cim_common.registry import Registry, Server
from cim_common.store import metadata, push
from cim_common.store.clock import StoreClock
from cim_common.store.commit import GroupCommit
from cim_common.store.flow import Flow, StoreError, StoreUnavailable, T
from cim_common.store.interest import Liveness
from cim_common.store.push import Rung
from cim_common.tokens import Tokens
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.doorbell_pb2 import Doorbell
from cim_common.wire.messages import GoAway
from cim_server import http, status
from cim_server.answers import Part
from cim_server.anti_entropy import AntiEntropy
from cim_server.audit import Audit, log_out, supersede
from cim_server.budgets import Budgets
from cim_server.channel import AddressLimit, Channel, Listener
from cim_server.commit import CommitWorker
from cim_server.conversations import Conversations
from cim_server.devices import DeviceRequests
from cim_server.legacy import LegacyDoor
from cim_server.metrics import Collections
from cim_server.presence import PresenceDoor
from cim_server.pump import Pump
from cim_server.push_reader import PushReader
from cim_server.reads import Reads
from cim_server.receipts import Receipts
from cim_server.redis_link import RedisLink
from cim_server.requests import Requests
from cim_server.resuming import Resuming
from cim_server.retention import Retention
from cim_server.schedules import Scheduling
from cim_server.sessions import Session, Sessions
from cim_server.settings import ServerSettings
from cim_server.whispers import Whispers

log = structlog.get_logger()

GO_AWAY_GRACE_S = 1.0
STOP_S = 5.0
"""What a stop may take after the clients were told, so that all of it stays below 10 s."""

LOAD_EVERY_S = 1.0
BACKLOG = 4_096


class StartRefused(Exception):
    """The server cannot start; one sentence for the operator."""


class App:
    """The parts of one server run and what they tell each other."""

    def __init__(self, settings: ServerSettings, registry: Registry) -> None:
        self.settings = settings
        self.registry = registry
        self._stopping = trio.Event()
        self._starting = trio.CancelScope()
        self._serving = False
        self._unlisted = False
        self.epoch = f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(3)}"
        self.ref = f"{settings.server_id}:{self.epoch}"
        self.liveness = Liveness()
        self.others: tuple[Server, ...] = ()
        self.pump = Pump(settings.gather_ms / 1_000)
        self.collections = Collections()
        self.addresses = AddressLimit()
        self.http_slots = trio.CapacityLimiter(http.MAX_CONNECTIONS)
        self.clock = StoreClock()
        self.commit_link = RedisLink(
            self.pump, settings.redis_url, "commit", on_up=self._store_back, on_down=self._store_lost
        )
        self.read_link = RedisLink(self.pump, settings.redis_url, "read", on_up=self._reads_back)
        self.commit = CommitWorker(
            self.pump, self.commit_link, GroupCommit(self.ref, self.liveness.is_dead), self.clock, self._applied
        )
        self.sessions = Sessions(self.pump, self.commit_link, self.clock, self.ref)
        self.audit = Audit(self.pump, self.read_link, self.clock, self.sessions)
        self.sessions.on_refused = self.audit.check
        self.legacy = LegacyDoor(self.pump, self.read_link, self.commit_link, self.clock, self.sessions, self.ref)
        self.conversations = Conversations(self.pump, self.read_link, self.ref, self.legacy.deliver)
        self.legacy.conversations = self.conversations
        self.pump.before_writes(self.legacy.write)  # in this order: the conversations hand out what it writes
        self.whispers = Whispers(self.pump, self.read_link, self.conversations, self.ref)
        self.receipts = Receipts(self.pump, self.commit_link, self.conversations, self.whispers)
        self.sessions.on_shown = self.receipts.shown
        self.presence = PresenceDoor(
            self.pump, self.read_link, self.sessions, self.liveness, self.whispers.tell, settings.directory
        )
        self.sessions.on_presence = self.presence.changed
        self.scheduling = Scheduling(self.pump, self.commit_link, self.commit, self.clock)
        self.budgets = Budgets(self.pump, self.read_link, self.clock)
        parts: list[Part] = [
            Reads(self.read_link),
            self.receipts,
            self.presence,
            DeviceRequests(self.read_link, self.clock, self.sessions, self.liveness, self.ref),
            self.scheduling,
        ]
        self.requests = Requests(
            self.pump, self.read_link, self.commit_link, self.commit, self.clock, self.sessions, self.conversations,
            Tokens(settings.secret), (settings.server_id, self.ref), self.legacy if settings.legacy else None,
            parts, self.budgets,
        )  # fmt: skip
        self.push_reader = PushReader(self.pump, settings.redis_url, self.ref, self._rung, self.audit.run_now)
        self.resuming = Resuming(self.read_link, self.conversations, self.ref, self.pump.timers.after)
        self.anti_entropy = AntiEntropy(
            self.pump, self.read_link, self.clock, self.conversations, self.sessions, self.audit, self.ref
        )
        self.retention = Retention(
            self.pump, self.read_link, self.clock, settings.keep, self.ref, self.conversations.applied
        )
        self.anti_entropy.on_grown = self.retention.grown

    # -- what the parts tell each other ------------------------------------------------------------------

    def accepted(self, sock: socket.socket, address: str) -> None:
        self.addresses.admit(Channel(self.pump, sock, self.requests), address)

    def _applied(self, append: Append, entry: bytes) -> None:
        owner = append.owner
        origin = owner.channel if isinstance(owner, Session) else None
        self.conversations.apply(append.conversation, append.seq, entry, append.kind, origin)

    def _rung(self, doorbell: Doorbell, rungs: list[Rung]) -> None:
        for conversation, seq, entry, kind in rungs:
            self.conversations.apply(conversation, seq, entry, kind)
        for whisper in doorbell.whispers:
            self.conversations.signal(whisper.conversation, whisper.user, whisper.frame)
        for takeover in doorbell.takeovers:
            end = log_out if takeover.logged_out else supersede
            self.sessions.end(takeover.user, takeover.device, takeover.connection, end)
        for changed in doorbell.lists:
            for session in self.sessions.of_user(changed.user):
                session.channel.door.list_changed(session, changed.version)

    @property
    def store_up(self) -> bool:
        """Whether both links to the store are there: without them nobody can log in here."""
        return self.commit_link.up and self.read_link.up

    def _store_lost(self) -> None:
        self.commit.store_lost()

    def _store_back(self) -> None:
        self.commit.store_back()
        self._connected(self.commit_link)
        self.sessions.store_back()

    def _reads_back(self) -> None:
        self._connected(self.read_link)
        self.anti_entropy.run_now()

    def _connected(self, link: RedisLink) -> None:
        if self.resuming.connected(link.start):
            self.anti_entropy.forget()
            self.audit.run_now()
        self.audit.go_on()

    def registry_changed(self, servers: tuple[Server, ...]) -> None:
        self.liveness.update((server.id, server.epoch) for server in servers)
        known, self.others = self.others, tuple(server for server in servers if server.ref != self.ref)
        if {server.ref for server in known} - {server.ref for server in self.others}:
            # It may have taken devices over from here, and ended before it could ring (I15).
            self.audit.run_now()
        listed = len(self.others) < len(servers)
        if listed and self._unlisted:
            # Whoever saw us leave may have dropped our interest and taken our sessions for dead.
            self.resuming.renew_all()
            self.audit.run_now()
            self.anti_entropy.run_now()
        self._unlisted = not listed

    # -- start and end -----------------------------------------------------------------------------------

    def stop(self) -> None:
        """End `run`: in order when it serves, at once while it still starts."""
        self._stopping.set()
        if not self._serving:
            self._starting.cancel()

    async def run(self) -> None:
        """Start, serve until `stop`, and end in order.

        Raises:
            StartRefused: an address is taken, or the store is not one of ours.
        """
        settings = self.settings
        listener = Listener(self.pump, _listen(settings.host, settings.port), self.accepted)
        http_socket = _listen(settings.http_host, settings.http_port)
        port, http_port = listener.port, http_socket.getsockname()[1]
        server = Server(
            settings.server_id, self.epoch, settings.advertise_host or settings.host, port, http_port,
            0, __version__,
        )  # fmt: skip
        async with trio.open_nursery() as nursery:
            for link in (self.commit_link, self.read_link, self.push_reader.link):
                nursery.start_soon(link.keep_connected)
            nursery.start_soon(self.pump.run)
            http_listener = trio.SocketListener(trio.socket.from_stdlib_socket(http_socket))
            nursery.start_soon(http.serve, [http_listener], status.handler(self), self.http_slots)
            with self._starting:
                await self._check_store()
                await self.flow(_make_stream(self.ref))
                self._register(server)
                nursery.start_soon(self._report_load)
                self.anti_entropy.start()
                self.audit.start()
                self.retention.start()
                self.scheduling.start()
                self._serving = True
                log.info("serving", id=server.id, tcp=f"{settings.host}:{port}", legacy=settings.legacy)
                _write_ready(settings, server)
                _settle_memory()
                await self._stopping.wait()
                await self._stop(listener)
            nursery.cancel_scope.cancel()

    async def _check_store(self) -> None:
        """Compare the store with what we know, waiting for it as long as it takes.

        Raises:
            StartRefused: the store is not one of ours.
        """
        delay = 0.1
        while True:
            try:
                await self.flow(metadata.check())
                warning = metadata.durability_warning(await self.flow(metadata.sync_policy()))
            except metadata.StoreMismatch as mismatch:
                raise StartRefused(str(mismatch)) from mismatch
            except StoreError as error:
                log.warning("store_not_asked", error=str(error))
                return
            except StoreUnavailable:
                await trio.sleep(delay)
                delay = min(delay * 2, 1.0)
                continue
            if warning:
                log.warning("store_not_durable", reason=warning)
            return

    def _register(self, server: Server) -> None:
        token = trio.lowlevel.current_trio_token()

        def changed(servers: tuple[Server, ...]) -> None:
            try:
                token.run_sync_soon(self.registry_changed, servers)
            except trio.RunFinishedError:
                log.debug("registry_news_after_the_end")

        self.registry.start()
        self.registry.watch(changed)
        self.registry.register(server)

    async def _report_load(self) -> None:
        while True:
            await trio.sleep(LOAD_EVERY_S)
            self.registry.update(len(self.sessions))

    async def flow(self, flow: Flow[T]) -> T:
        """Run a flow and wait for its result; raises what ended it."""
        outcome = await self.read_link.wait_for(_guarded(flow))
        if isinstance(outcome, BaseException):
            raise outcome
        result: T = outcome
        return result

    async def _stop(self, listener: Listener) -> None:
        log.info("stopping", sessions=len(self.sessions))
        self.requests.stopping = True
        listener.close()
        await trio.to_thread.run_sync(self.registry.close)
        self._send_away()
        with trio.move_on_after(GO_AWAY_GRACE_S):
            while len(self.sessions):
                await trio.sleep(0.05)
        with trio.move_on_after(STOP_S):
            while not self.commit.idle and self.commit_link.up:
                await trio.sleep(0.02)
            for session in self.sessions.all():
                session.channel.close(Code.SERVER_STOPPING)
            self.pump.wake()
            while (self.sessions.releasing or len(self.sessions)) and self.commit_link.up:
                await trio.sleep(0.02)
            if self.read_link.up:
                await self.flow(_forget(self.ref))
                await self.flow(self.retention.give_up())

    def _send_away(self) -> None:
        """Tell every v2 client to go, spread over the other servers."""
        for index, session in enumerate(self.sessions.all()):
            if not session.channel.connection.legacy:
                other = self.others[index % len(self.others)] if self.others else None
                where = f"{other.host}:{other.tcp_port}" if other else ""
                message = GoAway(Code.SERVER_STOPPING, Code.SERVER_STOPPING.sentence, where, 0)
                session.channel.enqueue(codec.encode(message))
        self.pump.wake()


def _guarded(flow: Flow[T]) -> Flow[Any]:
    """The same flow with StoreMismatch as its result: what runs on the pump must not raise there."""
    try:
        return (yield from flow)
    except metadata.StoreMismatch as mismatch:
        return mismatch


def _make_stream(ref: str) -> Flow[None]:
    yield [push.renew(ref)]


def _forget(ref: str) -> Flow[None]:
    yield [push.forget(ref)]


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        StartRefused: the address is taken or not ours.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=False)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartRefused(f"Cannot listen on {host}:{port} ({reason}): choose another port.") from error


def _settle_memory() -> None:
    """What lives from here on is not looked at by the collector again: a full pass over it costs up to a second."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)


def _write_ready(settings: ServerSettings, server: Server) -> None:
    """Tell the starter where everything listens, all at once."""
    if settings.ready_file is None:
        return
    record = {
        "id": server.id,
        "pid": os.getpid(),
        "tcp": f"{server.host}:{server.tcp_port}",
        "http": f"{settings.http_host}:{server.http_port}",
    }
    unfinished = f"{settings.ready_file}.{os.getpid()}"
    with open(unfinished, "w", encoding="utf-8") as file:
        json.dump(record, file)
    os.replace(unfinished, settings.ready_file)
