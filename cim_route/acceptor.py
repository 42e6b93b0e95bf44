"""Route's own way into the logs: the same accept operation as on an IM server, driven by one thread.

Request threads queue an append and wait for it; the worker commits what has collected, in groups, over a
connection of its own. Pushes for IM servers go out with the next batch or right after.
"""

import hashlib
import threading
import time
from collections.abc import Sequence
from typing import Any

import redis
import structlog

from cim_common import accept, faults, ids
from cim_common.accept import Append, Owner, Status
from cim_common.dial import dialer
from cim_common.faults import Point
from cim_common.store import keys
from cim_common.store.clock import StoreClock
from cim_common.store.commit import RETRY_AWAY_MS, GroupCommit
from cim_common.store.conversations import may_take_part
from cim_common.store.flow import Command, StoreError, StoreUnavailable, drive
from cim_common.store.incarnations import start_of
from cim_common.store.interest import Liveness
from cim_common.store.scripts import SCRIPTS
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_route.appending import Appending, Refused, Stored, outcome
from cim_route.store import translate

log = structlog.get_logger()

SOCKET_TIMEOUT_S = 5.0
RECONNECT_S = 0.2
CLOCK_EVERY_S = 3.0
IDLE_S = 1.0
KEY_KEPT_S = 7 * 86_400
"""How long an Idempotency-Key is remembered."""

OWN_KEY_KEPT_S = 600
"""The same for keys route makes itself, for its own retries."""

DEVICE = "http"


class _Waiter:
    """The thread that waits for one append, or for several of one request."""

    __slots__ = ("_left", "_lock", "_ready")

    def __init__(self, appends: int) -> None:
        self._left = appends
        self._lock = threading.Lock()
        self._ready = threading.Event()

    def settled(self, append: Append) -> None:
        """One of them is settled; by the worker, or by the request's own thread when the queue is full."""
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self._ready.set()

    def wait(self, timeout_s: float) -> bool:
        return self._ready.wait(timeout_s)


class Acceptor:
    """Accepts messages for accounts that route has authenticated (I3)."""

    def __init__(self, redis_url: str, liveness: Liveness) -> None:
        self._dial = dialer(redis_url, SOCKET_TIMEOUT_S)
        self._clock = StoreClock()
        self._group = GroupCommit(None, liveness.is_dead)
        self._changed = threading.Condition()
        self._stopping = False
        self._up = False
        self._connection: Any = None
        self._thread = threading.Thread(target=self._work, name="accept", daemon=True)

    @property
    def waiting(self) -> int:
        return self._group.waiting

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop after the batch in flight; what waits is refused."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(SOCKET_TIMEOUT_S + 1)

    def append_all(self, asked: Sequence[Appending]) -> list[Stored]:
        """Append entries of one call, in order. Returns when they are durable and the lists of those they concern are
        written (I13).

        Raises:
            Refused: the first refusal, with the reason.
        """
        waiter = _Waiter(len(asked))
        appends = [self._prepared(waiter, one) for one in asked]
        self._submit(appends)
        if not waiter.wait(asked[0].timeout_s):
            raise Refused(Code.OUTCOME_UNKNOWN, 1.0)
        return [outcome(append) for append in appends]

    def begin(self, asked: Appending, owner: Owner) -> Append:
        """Queue one entry. `owner` is told when it is settled, in the worker's thread, or before this returns;
        `outcome` then says how. The timeout is the caller's.

        Raises:
            Refused: NO_SUCH_CONVERSATION.
        """
        append = self._prepared(owner, asked)
        self._submit([append])
        return append

    def _submit(self, appends: list[Append]) -> None:
        with self._changed:
            for append in appends:
                if self._stopping or not self._up:
                    append.refuse(Status.RETRY, Code.STORE_UNAVAILABLE, RETRY_AWAY_MS)
                    append.owner.settled(append)
                elif not self._group.submit(append):
                    append.owner.settled(append)
            self._changed.notify()

    def _prepared(self, owner: Owner, asked: Appending) -> Append:
        sender, conversation, message_key = asked.sender, asked.conversation, asked.message_key
        if not may_take_part(conversation, sender):
            raise Refused(Code.NO_SUCH_CONVERSATION)
        message_id = message_key if asked.own_key else ids.http_message_id(sender, conversation, message_key)
        meta = codec.entry_meta(
            sender, asked.sender_name, DEVICE, 0, self._clock.now_ms(), asked.unverified, message_id
        )
        key = keys.idempotency(conversation, sender, _hash(message_key))
        return Append(
            owner,
            conversation,
            accept.sender_argument(sender, DEVICE),
            0,
            0,
            meta,
            asked.body.content,
            time.monotonic(),
            (key, OWN_KEY_KEPT_S if asked.own_key else KEY_KEPT_S),
            asked.body.op,
            asked.body.kind,
            asked.unmetered,
        )

    # -- the worker thread -------------------------------------------------------------------------------

    def _work(self) -> None:
        attempt = 0
        while not self._stopping:
            try:
                self._connect()
                attempt = 0
                self._serve()
            except (redis.RedisError, OSError, StoreError, StoreUnavailable) as error:
                if attempt == 0:
                    log.warning("store_lost", link="accept", error=str(error))
                attempt += 1
            except Exception:
                # A bug of ours: told, and what waits is answered; a route without this thread would be worse.
                log.exception("acceptor_failed")
            finally:
                self._lost()
            with self._changed:
                if not self._stopping:
                    self._changed.wait(RECONNECT_S)

    def _connect(self) -> None:
        connection: Any = self._dial()
        self._connection = connection
        connection.connect()
        for script in SCRIPTS:
            connection.send_command("SCRIPT", "LOAD", script.source)
            connection.read_response()
        connection.send_command("INFO", "server")
        start = start_of(connection.read_response())
        with self._changed:
            self._group.connected(start)
            self._up = True

    def _lost(self) -> None:
        with self._changed:
            self._up = False
            settled = self._group.drain(Code.STORE_UNAVAILABLE)
            if self._group.in_flight:
                settled += self._group.fail(StoreUnavailable("connection lost"))
        self._settle(settled)
        if self._connection is not None:
            self._connection.disconnect()

    def _serve(self) -> None:
        clock_due = 0.0
        while not self._stopping:
            if time.monotonic() >= clock_due:
                drive(self._clock.adjust(), self._execute)
                clock_due = time.monotonic() + CLOCK_EVERY_S
            with self._changed:
                late = self._group.expired(time.monotonic())
                write = self._group.next_write(self._clock.now_ms())
                bells = None if write else self._group.doorbells()
                if write is None and bells is None and not late:
                    self._changed.wait(IDLE_S)
            self._settle(late)
            if bells is not None:
                self._exchange(*bells)
                if faults.armed:
                    faults.reach(Point.PUSHES_WRITTEN)
            if write is not None:
                self._commit(self._exchange(write[0], write[1] + 1, Point.APPEND_WRITTEN)[-1])

    def _commit(self, reply: Any) -> None:
        error = _error_of(reply)
        if faults.armed:
            faults.reach(Point.APPEND_ANSWERED)
        with self._changed:
            if error is not None:
                settled = self._group.fail(error)
                work = []
            else:
                settled, _ = self._group.complete(reply)
                work = self._group.follow_up(settled, self._clock.now_ms())
        self._settle([item for item in settled if item.status is not Status.CREATE and not item.todo])
        if faults.armed:
            faults.reach(Point.ACKNOWLEDGED)
        for flow, concerned in work:
            self._follow(flow, concerned)

    def _follow(self, flow: Any, concerned: list[Append]) -> None:
        create = bool(concerned) and concerned[0].status is Status.CREATE
        try:
            known = drive(flow, self._execute)
        except (StoreError, StoreUnavailable):
            for append in concerned:
                append.refuse(Status.RETRY, Code.OUTCOME_UNKNOWN, RETRY_AWAY_MS)
            self._settle(concerned)
            return
        if create:
            with self._changed:
                concerned = self._group.created(concerned, bool(known))
        self._settle(concerned)

    def _exchange(self, data: bytes, replies: int, written: Point | None = None) -> list[Any]:
        self._connection.send_packed_command([data])
        if faults.armed and written is not None:
            faults.reach(written)
        return [self._reply() for _ in range(replies)]

    def _reply(self) -> Any:
        try:
            return self._connection.read_response()
        except redis.ResponseError as error:
            return error

    def _execute(self, commands: list[Command]) -> list[Any]:
        self._connection.send_packed_command(self._connection.pack_commands(commands))
        replies = [self._reply() for _ in commands]
        for reply in replies:
            error = _error_of(reply)
            if error is not None:
                raise error
        return replies

    def _settle(self, appends: list[Append]) -> None:
        for append in appends:
            append.owner.settled(append)


def _error_of(reply: Any) -> StoreError | StoreUnavailable | None:
    if isinstance(reply, redis.exceptions.NoScriptError):
        raise redis.ConnectionError("the store has forgotten the scripts")
    return translate(reply) if isinstance(reply, redis.ResponseError) else None


def _hash(message_key: str) -> str:
    return hashlib.sha256(message_key.encode()).hexdigest()[:32]
