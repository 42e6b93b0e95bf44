"""Who is connected here: the sessions of this server by user and device (I14, I15)."""

import secrets
from collections.abc import Callable, Mapping, Set
from typing import TYPE_CHECKING

from cim_common import accept, faults, ids
from cim_common.accept import Append, Status
from cim_common.faults import Point
from cim_common.store import sessions as store
from cim_common.store.clock import StoreClock
from cim_common.store.flow import StoreUnavailable
from cim_common.store.sessions import Session as SessionRecord
from cim_common.wire import codec
from cim_common.wire.codes import Code, code_of
from cim_server.channel import Channel, ended_channel
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink

if TYPE_CHECKING:
    from cim_server.budgets import UserBudget

CURSOR_FLUSH_S = 2.0
"""Cursors are written in groups, this long after the first of a group moved."""

MAX_UNRELEASED = 100_000
"""Sessions that ended while the store was away; beyond that they are left to I16."""

MAX_CONVERSATIONS = 10_000
"""Conversations one connection may sync: a bound, far above what a person has."""


_STORED = Status.STORED


NOTHING: Set[str] = frozenset()
ONLY_THE_LOBBY: Set[str] = frozenset((ids.LOBBY,))


class Session:
    """A logged-in connection: who it is, what it syncs, what it was not answered yet.

    It owns the appends its channel sends and answers them there. `conversations` holds the ids it syncs,
    `cursors` what was shown and is not written yet, `list_version` the newest version of the user's
    conversation list it has been told of, `budget` what its user may still send, once it has sent anything.
    `receipts`: others are told how far the user has read; `typed` is when they were last told that the user types.
    `start` names the run of Redis that was last found to know it (`store/incarnations.py`).
    `version` is that of the login it came with, None for a legacy client. `unmetered`: an operator has said that its
    user is not limited (I17).
    """

    __slots__ = (
        "budget", "channel", "connection", "conversations", "cursors", "device", "ephemeral", "held_by_other",
        "list_version", "meta", "name", "receipts", "sender", "server", "start", "typed", "unanswered", "unmetered",
        "user", "version",
    )  # fmt: skip

    def __init__(
        self,
        channel: Channel,
        user: int,
        name: str,
        device: str,
        ephemeral: bool,
        server: str,
        version: int | None = None,
        unmetered: bool = False,
    ) -> None:
        self.channel = channel
        self.user = user
        self.name = name
        self.device = device
        self.ephemeral = ephemeral
        self.version = version
        self.unmetered = unmetered
        self.server = server
        self.connection = secrets.token_hex(6)
        self.sender: bytes | None = None
        self.meta = b""
        self.conversations: Set[str] = NOTHING
        self.cursors: dict[str, int] | None = None
        self.unanswered: dict[str, int] | None = None
        self.list_version = 0
        self.budget: UserBudget | None = None
        self.held_by_other = False
        self.receipts = True
        self.start = 0
        self.typed = 0.0

    @property
    def record(self) -> SessionRecord:
        """What the store knows of it; made when it is asked for, which is rare."""
        return SessionRecord(self.server, self.connection)

    def prepare_sending(self) -> bytes:
        """Encode once what every message of this connection carries."""
        self.sender = accept.sender_argument(self.user, self.device)
        self.meta = codec.entry_meta(self.user, self.name, self.device, 0, 0)
        return self.sender

    def syncs(self, conversation: str) -> None:
        """It takes part in a conversation. Nearly all are in the lobby, and many in nothing else: one set for those."""
        if not self.conversations and conversation == ids.LOBBY:
            self.conversations = ONLY_THE_LOBBY
        elif conversation not in self.conversations:
            if not isinstance(self.conversations, set):
                self.conversations = set(self.conversations)
            self.conversations.add(conversation)

    def leaves(self, conversation: str) -> None:
        """It takes part no longer."""
        if isinstance(self.conversations, set):
            self.conversations.discard(conversation)
        elif conversation in self.conversations:
            self.conversations = NOTHING

    def settled(self, append: Append) -> None:
        """Answer a send (design: ACK, NACK, RETRY, UNRESOLVED; I7)."""
        waiting, conversation = self.unanswered, append.conversation
        if waiting is not None:
            left = waiting.get(conversation, 1) - 1
            if left > 0:
                waiting[conversation] = left
            else:
                waiting.pop(conversation, None)
        stored = append.status is _STORED
        self.channel.enqueue(codec.ack_frame(append.n, append.seq) if stored else answer(append))


def answer(append: Append) -> bytes:
    """The frame that answers a settled append."""
    status = append.status
    if status is Status.STORED or status is Status.KNOWN:
        return codec.ack_frame(append.n, append.seq)
    if status is Status.REFUSED:
        seq = append.seq if append.code == Code.ID_REUSED else 0
        return codec.nack_frame(append.n, append.code, code_of(append.code).sentence, seq)
    if status is Status.RETRY:
        return codec.retry_frame(append.n, append.code, append.after_ms)
    assert status is Status.UNRESOLVED
    return codec.unresolved_frame(append.n)


class Sessions:
    """All sessions of this server, and the writing of their cursors."""

    def __init__(self, pump: Pump, link: RedisLink, clock: StoreClock, server: str) -> None:
        self._pump = pump
        self._link = link
        self._clock = clock
        self._server = server
        self.on_refused: Callable[[Session], None] = lambda session: None
        self._claiming: dict[str, Session] = {}
        self.on_shown: Callable[[Session, Mapping[str, int]], None] = _nobody
        self.on_presence: Callable[[int, str, bool], None] = lambda user, name, here: None
        self._users: dict[int, tuple[Session, ...]] = {}
        # A tuple of few: a dict for each user would take three times as much.
        self._moved: set[Session] = set()
        self._ended = ended_channel(pump)
        self._releasing = 0
        self._unreleased: list[Session] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def releasing(self) -> int:
        """Sessions whose end is not written yet."""
        return self._releasing

    @property
    def unreleased(self) -> int:
        """Sessions whose end has to be written when the store is back."""
        return len(self._unreleased)

    def all(self) -> list[Session]:
        return [session for sessions in self._users.values() for session in sessions]

    def of_user(self, user: int) -> tuple[Session, ...]:
        return self._users.get(user, ())

    def get(self, user: int, device: str) -> Session | None:
        return next((session for session in self.of_user(user) if session.device == device), None)

    def claiming(self, session: Session) -> None:
        """The session is being claimed; until `claimed`, a doorbell may end it already: it can overtake the reply."""
        self._claiming[session.connection] = session

    def claimed(self, session: Session) -> None:
        """The store has answered, or will not."""
        self._claiming.pop(session.connection, None)

    def abandon(self, session: Session) -> None:
        """Whether the session was claimed is unknown: give it up when the store is back."""
        if len(self._unreleased) < MAX_UNRELEASED:
            self._unreleased.append(session)

    def end(self, user: int, device: str, connection: str, how: Callable[[Session], None]) -> None:
        """End the session of that connection, if it is here still or is on its way."""
        session = self._claiming.get(connection) or self.get(user, device)
        if session is not None and session.connection == connection:
            how(session)

    def add(self, session: Session) -> Session | None:
        """The session holds its device now; returns the one of this server that did before."""
        sessions = self.of_user(session.user)
        if not sessions:
            self.on_presence(session.user, session.name, True)
        old = self.get(session.user, session.device)
        session.start = self._link.start
        self._users[session.user] = (*(other for other in sessions if other is not old), session)
        if old is None:
            self._count += 1
        else:
            old.held_by_other = True
        return old

    def remove(self, session: Session) -> None:
        """The connection has ended: write its cursors, then give the device up (compare-and-delete, I14).

        The session lets go of its channel, which keeps it: as a cycle the two would stay until a collection, and those
        who were connected for long until a full one, which comes rarely and stops everything for a while.
        """
        self.flush_cursors(session)
        session.channel = self._ended
        sessions = self.of_user(session.user)
        if session in sessions:
            self._count -= 1
            left = tuple(other for other in sessions if other is not session)
            if left:
                self._users[session.user] = left
            else:
                del self._users[session.user]
                self.on_presence(session.user, session.name, False)
        self._release(session)

    def _release(self, session: Session) -> None:
        self._releasing += 1
        last_here = session.user not in self._users
        flow = store.release(session.user, session.device, session.record, last_here, self._clock.now_ms())
        self._link.run(flow, lambda outcome: self._released(session, outcome))

    def _released(self, session: Session, outcome: object) -> None:
        self._releasing -= 1
        if isinstance(outcome, StoreUnavailable):
            self.abandon(session)

    def store_back(self) -> None:
        """Do what could not be written while the store was away."""
        self.announce()
        unreleased, self._unreleased = self._unreleased, []
        for session in unreleased:
            self._release(session)

    def announce(self) -> None:
        """Say anew who is connected here: the list may have expired."""
        users = {session.user: session.name for session in self.all()}
        if users:
            self._link.run(store.announce(self._server, users), _ignore)

    def move_cursor(self, session: Session, conversation: str, seq: int) -> None:
        """Note what the device has shown; written with others a little later (I15)."""
        if session.cursors is None:
            session.cursors = {}
            if not self._moved:
                self._pump.timers.after(CURSOR_FLUSH_S, self._flush_all)
            self._moved.add(session)
        if seq > session.cursors.get(conversation, 0):
            session.cursors[conversation] = seq

    def _flush_all(self) -> None:
        moved, self._moved = self._moved, set()
        for session in moved:
            self.flush_cursors(session)

    def flush_cursors(self, session: Session) -> None:
        """Write what this session has shown, now."""
        cursors, session.cursors = session.cursors, None
        if cursors:
            flow = store.move_cursors(session.user, session.device, session.record, session.ephemeral, cursors)
            self._link.run(flow, lambda moved: self._flushed(session, cursors, moved))
            if faults.armed:
                self._link.flush()
                faults.reach(Point.CURSOR_WRITTEN)

    def _flushed(self, session: Session, cursors: dict[str, int], moved: object) -> None:
        """A cursor that could not be written is announced again by the device itself."""
        if moved is True:
            self.on_shown(session, cursors)
        elif moved is False and session.channel.open:
            self.on_refused(session)


def _nobody(session: Session, cursors: Mapping[str, int]) -> None:
    """Nobody wants to know."""


def _ignore(outcome: object) -> None:
    """Said anew when the list is found missing."""
