"""Receipts: how far a user has read and a device has shown, and who is typing.

A read mark is durable and answered (I21); marks of a moment are written together, the newest of each user and
conversation once. That others are told of them is a whisper. What a device has shown stands in its cursor.
"""

from collections.abc import Mapping
from functools import partial

from cim_common import ids
from cim_common.store import conversations as store
from cim_common.store import marks
from cim_common.store.flow import StoreError, StoreUnavailable
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Signal as Kind
from cim_common.wire.messages import Read, Signal
from cim_server.answers import RETRY_MS, Table, done, fail, unanswered
from cim_server.channel import Channel
from cim_server.conversations import Conversations
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink
from cim_server.sessions import Session
from cim_server.whispers import Whispers

GATHER_S = 0.1
MAX_WAITING = 10_000
"""Read marks gathered at a time; beyond that a client is told to come again."""

TYPING_EVERY_S = 0.5
"""More often than this nobody is told that a connection's user types."""


class _Waiting:
    """One mark to be written, and who waits for it."""

    __slots__ = ("asked", "seq")

    def __init__(self) -> None:
        self.seq = 0
        self.asked: list[tuple[Channel, int]] = []


class Receipts:
    """READ and SIGNAL of v2 clients, and what cursors tell others."""

    def __init__(self, pump: Pump, link: RedisLink, conversations: Conversations, whispers: Whispers) -> None:
        self._pump = pump
        self._link = link
        self._conversations = conversations
        self._whispers = whispers
        self._waiting: dict[tuple[int, str], _Waiting] = {}
        self._writing: set[tuple[int, str]] = set()
        self.table: Table = {Read: self._read, Signal: self._signal}

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def _read(self, channel: Channel, event: Read) -> None:
        session: Session = channel.session
        if not store.may_take_part(event.conversation, session.user):
            fail(channel, event.request, Code.NO_SUCH_CONVERSATION, event.conversation)
            return
        key = (session.user, event.conversation)
        waiting = self._waiting.get(key)
        if waiting is None:
            if len(self._waiting) >= MAX_WAITING:
                fail(channel, event.request, Code.OVERLOADED, event.conversation, RETRY_MS)
                return
            waiting = self._waiting[key] = _Waiting()
            if len(self._waiting) == 1:
                self._pump.timers.after(GATHER_S, self._write)
        waiting.seq = max(waiting.seq, min(event.seq, ids.MAX_SEQ))
        waiting.asked.append((channel, event.request))

    def _write(self) -> None:
        """Write what was gathered; a mark that is being written at this moment waits for the next turn."""
        due, self._waiting = self._waiting, {}
        for key, waiting in due.items():
            if key in self._writing:
                self._waiting[key] = waiting
                continue
            self._writing.add(key)
            self._link.run(marks.move(*key, waiting.seq), partial(self._written, key, waiting))
        if self._waiting:
            self._pump.timers.after(GATHER_S, self._write)

    def _written(
        self, key: tuple[int, str], waiting: _Waiting, seq: int | StoreError | StoreUnavailable | None
    ) -> None:
        self._writing.discard(key)
        for channel, request in waiting.asked:
            if seq is None:
                fail(channel, request, Code.NOT_A_MEMBER, key[1])
            elif not unanswered(channel, request, seq, key[1]):
                done(channel, request)
        session: Session | None = waiting.asked[0][0].session
        if isinstance(seq, int) and seq and session is not None and session.receipts:
            self._whispers.tell(Signal(key[1], Kind.READ, session.user, session.name, seq))

    def _signal(self, channel: Channel, event: Signal) -> None:
        """Somebody types; whoever is live in a conversation is known to take part in it."""
        session: Session = channel.session
        held = self._conversations.get(event.conversation)
        if event.kind != Kind.TYPING or held is None or channel not in held.live:
            return
        if self._pump.now - session.typed >= TYPING_EVERY_S:
            session.typed = self._pump.now
            self._whispers.tell(Signal(event.conversation, Kind.TYPING, session.user, session.name, 0))

    def shown(self, session: Session, cursors: Mapping[str, int]) -> None:
        """A device's cursors have been written. Others hear of it only while its user takes part."""
        for conversation, seq in cursors.items() if session.receipts else ():
            here = not session.channel.open or self._conversations.takes_part(session.channel, conversation)
            if here and conversation in session.conversations:
                self._whispers.tell(Signal(conversation, Kind.DELIVERED, session.user, session.name, seq))
