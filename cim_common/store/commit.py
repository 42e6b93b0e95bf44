"""Group commit: what arrives while a batch is in flight is the next batch.

No I/O: a driver (the IM server's pump, a thread of route) asks for the next write, sends it through the
one connection it keeps for this, and hands back the replies. One batch is in flight at a time.

A write is one call of append.lua, which takes the doorbells for other servers along. For messages whose interest was
not known when they were written the reply tells it: their push entries go in front of the next batch, and if no
batch follows, `doorbells` gives them by themselves.

What the replies ask for beyond an answer (a conversation to create, lists to finish, dead servers to forget)
is returned as work for the driver: flows it runs before it settles the appends concerned.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from cim_common import ids
from cim_common.accept import Append, ConversationKeys, Rates, Status, pack, settle
from cim_common.store import conversations, interest, push, resp
from cim_common.store.flow import Flow, StoreError, StoreUnavailable
from cim_common.wire.codec import entry_bytes
from cim_common.wire.codes import Code

MAX_WAITING = 20_000
"""Appends waiting for the next batch; beyond that a send is answered RETRY(OVERLOADED)."""

MAX_WAITING_BYTES = 32 * 1024 * 1024
MAX_BATCH = 256
"""Appends in one call: Redis answers nobody else meanwhile, 3 ms at 12 us each, and several times
that when all are the first of their conversations."""

MAX_BATCH_BYTES = 1024 * 1024
MAX_WAIT_S = 10.0
"""An append that waited longer is answered RETRY and never committed (I8)."""

RETRY_AWAY_MS = 1_000
RETRY_BUSY_MS = 200
MAX_REMEMBERED = 100_000
"""Conversations whose encoded keys and interest are remembered; beyond that all are forgotten and asked again."""


_STORED, _CREATE = Status.STORED, Status.CREATE
"""To look a member of an enumeration up costs as much as an addition of bytes; this is done for each message."""


class GroupCommit:
    """The queue of appends of one process and the batch in flight.

    `server` is the own run (`id:epoch`), which is not rung; None for a process without connections.
    `is_dead` says which other runs need not be rung any more.
    """

    def __init__(
        self,
        server: str | None,
        is_dead: Callable[[str], bool],
        rates: Rates | None = None,
    ) -> None:
        self._server = server
        self._is_dead = is_dead
        self._rates = rates or Rates()
        self._waiting: deque[Append] = deque()
        self._waiting_bytes = 0
        self._batch: list[tuple[Append, ConversationKeys]] = []
        self._known: dict[str, ConversationKeys] = {}
        self._rings: dict[str, list[bytes]] = {}
        self._dead: list[tuple[str, str, int]] = []
        self._start = 0
        self.batches = 0
        self.refused = 0
        """Appends that found the queue full, or waited too long in it."""

        self.appended = 0

    def connected(self, start: int) -> None:
        """The connection is there, to a Redis of that start (`incarnations.py`).

        What was known of interest may not be what an older copy holds, nor are doorbells for entries of before. A Redis
        that does not say which start it is (0) may be another one each time.
        """
        if start != self._start or not start:
            self._start = start
            self._known.clear()
            self._rings.clear()

    @property
    def in_flight(self) -> bool:
        return bool(self._batch)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        return self._waiting_bytes

    def submit(self, append: Append) -> bool:
        """Queue an append; False (and refused with OVERLOADED) when the queue is full."""
        if len(self._waiting) >= MAX_WAITING or self._waiting_bytes >= MAX_WAITING_BYTES:
            append.refuse(Status.RETRY, Code.OVERLOADED, RETRY_BUSY_MS)
            self.refused += 1
            return False
        self._waiting.append(append)
        self._waiting_bytes += len(append.content)
        return True

    def resubmit(self, appends: list[Append]) -> None:
        """Put appends back in front, in their order: their conversation has been created."""
        for append in reversed(appends):
            append.status = Status.PENDING
            self._waiting.appendleft(append)
            self._waiting_bytes += len(append.content)

    def expired(self, now: float) -> list[Append]:
        """Take out what has waited too long, refused with RETRY (I8)."""
        late: list[Append] = []
        while self._waiting and now - self._waiting[0].since > MAX_WAIT_S:
            late.append(self._take())
        self.refused += len(late)
        for append in late:
            append.refuse(Status.RETRY, Code.OVERLOADED, RETRY_BUSY_MS)
        return late

    def drain(self, code: Code, after_ms: int = RETRY_AWAY_MS) -> list[Append]:
        """Take out all that waits, refused with RETRY(code): the store is away."""
        drained = []
        while self._waiting:
            append = self._take()
            append.refuse(Status.RETRY, code, after_ms)
            drained.append(append)
        return drained

    def _take(self) -> Append:
        append = self._waiting.popleft()
        self._waiting_bytes -= len(append.content)
        return append

    def next_write(self, now_ms: int) -> tuple[bytes, int] | None:
        """Bytes of the next batch and how many replies come before its own; None when nothing waits."""
        if self._batch or not self._waiting:
            return None
        batch, waiting, size = self._batch, self._waiting, 0
        while waiting and len(batch) < MAX_BATCH and size < MAX_BATCH_BYTES:
            append = waiting[0]
            if append.alone and batch:
                break
            waiting.popleft()
            size += len(append.content)
            conversation = append.conversation
            batch.append((append, self._known.get(conversation) or self._keys(conversation)))
            if append.alone:
                break
        self._waiting_bytes -= size
        bells, count = self.doorbells() or (b"", 0)
        self.batches += 1
        return bells + pack(batch, now_ms, self._rates, self._start, self._bells()), count

    def _bells(self) -> list[tuple[str, bytes]]:
        """The doorbells about the batch, for servers known to be interested."""
        rings: dict[str, list[bytes]] = {}
        for place, (append, known) in enumerate(self._batch, 1):
            if others := self._others(append.conversation, known):
                encoded = push.ring(known.prefix, place, append.meta + append.content, append.kind)
                for server in others:
                    rings.setdefault(server, []).append(encoded)
        return [(server, bell) for server, parts in rings.items() for bell in push.doorbells(parts)]

    def _others(self, conversation: str, known: ConversationKeys) -> list[str]:
        """The other servers known to be interested.

        A dead one is forgotten here, and shall be by the store: the next message is answered with who is there.
        """
        others = []
        for server in known.interest:
            if server == self._server:
                continue
            if self._is_dead(server):
                self._dead.append((conversation, server, known.interest[server]))
                known.forget(server)
            else:
                others.append(server)
        return others

    def doorbells(self) -> tuple[bytes, int] | None:
        """The push entries that are due, as bytes and number of commands; None when there are none."""
        if not self._rings:
            return None
        commands = [
            push.command(server, bell) for server, rings in self._rings.items() for bell in push.doorbells(rings)
        ]
        self._rings = {}
        return resp.pack(commands), len(commands)

    def _keys(self, conversation: str) -> ConversationKeys:
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        known = self._known[conversation] = ConversationKeys(conversation)
        return known

    def complete(self, replies: Any) -> tuple[list[Append], list[tuple[Append, bytes]]]:
        """Take the reply of the batch in flight: its appends, each with its outcome, and the new ones' entries."""
        batch, self._batch = self._batch, []
        stored: list[tuple[Append, bytes]] = []
        for (append, known), reply in zip(batch, replies, strict=True):
            if type(reply) is int:
                append.status, append.seq = _STORED, reply
                stored.append((append, entry_bytes(append.meta, append.content, reply)))
                continue
            settle(append, known, reply)
            if append.status is _STORED:
                entry = entry_bytes(append.meta, append.content, append.seq)
                stored.append((append, entry))
                self._ring(append, known, entry)
        self.appended += len(stored)
        return [append for append, _ in batch], stored

    def _ring(self, append: Append, known: ConversationKeys, entry: bytes) -> None:
        """For a message whose interest was not known when it was written."""
        if others := self._others(append.conversation, known):
            encoded = push.ring(known.prefix, append.seq, entry, append.kind)
            for server in others:
                self._rings.setdefault(server, []).append(encoded)

    def fail(self, error: StoreError | StoreUnavailable) -> list[Append]:
        """The batch in flight got no usable reply. Returns what is settled with it; the rest waits again.

        An error of the script says nothing about which message caused it: each is tried alone, so that
        one damaged conversation does not hold up the others.
        """
        batch, self._batch = self._batch, []
        appends = [append for append, _ in batch]
        if isinstance(error, StoreError) and len(appends) > 1:
            for append in appends:
                append.alone = True
            self.resubmit(appends)
            return []
        unavailable = isinstance(error, StoreUnavailable)
        for append in appends:
            append.refuse(Status.RETRY, Code.OUTCOME_UNKNOWN if unavailable else Code.INTERNAL, RETRY_AWAY_MS)
        return appends

    def follow_up(self, appends: list[Append], now_ms: int) -> list[tuple[Flow[Any], list[Append]]]:
        """The flows that must run before some of the appends can be settled, each with its appends.

        After a flow of a CREATE the driver calls `created`, after any other it settles.
        """
        work: dict[tuple[str, bool], list[Append]] = {}
        for append in appends:
            if append.todo or append.status is _CREATE:
                work.setdefault((append.conversation, append.status is _CREATE), []).append(append)
        flows: list[tuple[Flow[Any], list[Append]]] = []
        for (conversation, create), concerned in work.items():
            flows.append((_open(conversation, now_ms, self._start) if create else _finish(conversation), concerned))
        dead, self._dead = self._dead, []
        flows.extend((interest.drop(*entry), []) for entry in dead)
        return flows

    def created(self, appends: list[Append], known: bool) -> list[Append]:
        """A CREATE flow has ended: try again, or refuse when there is no such conversation or user."""
        if known:
            self.resubmit(appends)
            return []
        for append in appends:
            direct = ids.direct_users(append.conversation) is not None
            append.refuse(Status.REFUSED, Code.NO_SUCH_USER if direct else Code.NO_SUCH_CONVERSATION)
        return appends


def _open(conversation: str, now_ms: int, start: int) -> Flow[bool]:
    if ids.direct_users(conversation) is None:
        return False
    return (yield from conversations.open_direct(conversation, now_ms, start))


def _finish(conversation: str) -> Flow[bool]:
    yield from conversations.finish_todo(conversation)
    return True
