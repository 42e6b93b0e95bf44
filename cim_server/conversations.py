"""Conversations somebody here takes part in: which there are, interest in them, and what becomes of them when the store
was set back. `conversation.py` says what is known of each, `syncing.py` answers those who ask for pages, `delivery.py`
hands on what is new.
"""

from collections.abc import Iterable
from typing import Any

import structlog

from cim_common.store import incarnations, interest
from cim_common.store.interest import Taken
from cim_common.wire.codes import Code
from cim_server.channel import Channel
from cim_server.conversation import Conversation, Cursor, Page
from cim_server.delivery import Delivery, LegacyDelivery
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink
from cim_server.syncing import Syncing

log = structlog.get_logger()

LINGER_S = 60.0
"""A conversation nobody here is connected to is given up after this: people come back soon, or not."""

MAX_DROPPED = 2_000
"""Conversations given up in one round: somebody with thousands has left, and the link to Redis has other work."""


class Conversations:
    """All of them, by id. `server` is the own run (`id:epoch`)."""

    def __init__(self, pump: Pump, link: RedisLink, server: str, deliver_legacy: LegacyDelivery) -> None:
        self._pump = pump
        self._link = link
        self._server = server
        self._syncing = Syncing(link)
        self._delivery = Delivery(pump, link, self._syncing, deliver_legacy)
        self._all: dict[str, Conversation] = {}
        self._generation = 0

    def get(self, conversation: str) -> Conversation | None:
        return self._all.get(conversation)

    def applied(self, conversation: str) -> int:
        """The seq up to which it has been delivered here; 0 when nobody here takes part in it."""
        found = self._all.get(conversation)
        return found.applied if found is not None else 0

    def held(self) -> Iterable[Conversation]:
        return [conversation for conversation in self._all.values() if conversation.held]

    def __len__(self) -> int:
        return len(self._all)

    # -- who takes part ------------------------------------------------------------------------------

    def sync(self, channel: Channel, conversation_id: str, seq: int, incarnation: int = 0) -> None:
        """A connection asks for what comes after its cursor; the answer is one page."""
        cursor = Cursor(seq, incarnation)
        conversation = self._all.get(conversation_id)
        if conversation is None:
            conversation = self._all[conversation_id] = Conversation(conversation_id)
        conversation.live.pop(channel, None)
        conversation.syncing[channel] = False
        if conversation.held:
            self._syncing.read(conversation, channel, cursor)
        else:
            conversation.waiting.append((channel, cursor))
            if len(conversation.waiting) == 1 and not conversation.suspended:
                self._take_interest(conversation)

    def takes_part(self, channel: Channel, conversation_id: str) -> bool:
        """Whether a connection syncs a conversation or is live in it."""
        conversation = self._all.get(conversation_id)
        return conversation is not None and (channel in conversation.live or channel in conversation.syncing)

    def hold(self, channel: Channel, conversation_id: str) -> None:
        """The connection wants hints only, until it asks again."""
        conversation = self._all.get(conversation_id)
        if conversation is not None and channel in conversation.live:
            self._delivery.hand_out(conversation)
            if conversation.live.pop(channel, None) is not None:  # else that was the end of the connection
                conversation.syncing[channel] = False

    def leave(self, channel: Channel, conversation_ids: Iterable[str]) -> None:
        """The connection is gone."""
        for conversation_id in conversation_ids:
            conversation = self._all.get(conversation_id)
            if conversation is not None:
                conversation.live.pop(channel, None)
                conversation.syncing.pop(channel, None)
                if not conversation.live and not conversation.syncing:
                    conversation.idle_since = self._pump.now
                    conversation.tail = None

    def drop_idle(self) -> None:
        """Give up interest in what nobody here has taken part in for a while; the rest of many in the next round."""
        dropped = 0
        for conversation in list(self._all.values()):
            if dropped == MAX_DROPPED:
                return
            used = conversation.live or conversation.syncing or conversation.waiting
            if (
                not (used or conversation.reading or conversation.suspended)
                and self._pump.now - conversation.idle_since >= LINGER_S
            ):
                dropped += 1
                self._remove(conversation)
                flow = interest.drop(conversation.id, self._server, conversation.generation)
                self._link.run(flow, lambda outcome: None)

    def _remove(self, conversation: Conversation) -> None:
        del self._all[conversation.id]
        conversation.held = False

    # -- interest ------------------------------------------------------------------------------------

    def _take_interest(self, conversation: Conversation) -> None:
        self._generation += 1
        conversation.generation = self._generation
        flow = interest.take(conversation.id, self._server, self._generation, self._link.start)
        self._link.run(flow, lambda outcome: self._interest_taken(conversation, outcome))

    def _interest_taken(self, conversation: Conversation, outcome: Any) -> None:
        if conversation.suspended:
            return  # asked of a Redis that is gone
        waiting, conversation.waiting = conversation.waiting, []
        if not isinstance(outcome, tuple):
            code = Code.NO_SUCH_CONVERSATION if outcome is None else Code.STORE_UNAVAILABLE
            for channel, _ in waiting:
                conversation.syncing.pop(channel, None)
                self._syncing.fail(channel, conversation, code)
            conversation.early = None
            conversation.idle_since = self._pump.now
            return
        head, conversation.incarnation, conversation.members, conversation.others = outcome
        if not conversation.held:
            conversation.held = True
            conversation.applied = head
            self._delivery.apply_early(conversation)
        self._read(conversation, waiting)

    def _read(self, conversation: Conversation, waiting: Iterable[tuple[Channel, Cursor]]) -> None:
        """Answer those who have waited for the conversation to be held, as far as they are still here."""
        for channel, cursor in waiting:
            if channel in conversation.syncing:
                self._syncing.read(conversation, channel, cursor)

    def renew_interest(self, conversation: Conversation) -> None:
        """Register again: we were behind without having been rung, so our entry may be gone."""
        flow = interest.take(conversation.id, self._server, conversation.generation, self._link.start)
        self._link.run(flow, lambda outcome: None)

    # -- what is new -----------------------------------------------------------------------------------

    def apply(self, conversation_id: str, seq: int, entry: bytes, kind: int = 0, origin: Channel | None = None) -> None:
        """An entry for whoever is live here. An empty one is only known to exist."""
        conversation = self._all.get(conversation_id)
        if conversation is not None:
            self._delivery.take(conversation, seq, entry, kind, origin)

    def catch_up(self, conversation: Conversation) -> None:
        """Read what is missing from the log and deliver it."""
        self._delivery.catch_up(conversation)

    def signal(self, conversation_id: str, user: int, frame: bytes) -> None:
        """Hand a SIGNAL to everyone live here, except the user it is about."""
        conversation = self._all.get(conversation_id)
        if conversation is not None:
            self._delivery.hand_out(conversation)
            for channel in list(conversation.live):  # whoever takes no more is gone as it is written to
                if not channel.connection.legacy and channel.session.user != user:
                    channel.enqueue(frame)

    # -- a store that went back ------------------------------------------------------------------------

    def rewind(self, conversation: Conversation) -> None:
        """The log looks shorter than what was delivered: when it is, an older store was restored (I22)."""
        known = conversation.incarnation
        flow = incarnations.rewind(conversation.id, known, conversation.applied)
        self._link.run(flow, lambda outcome: self._rewound(conversation, known, outcome))

    def _rewound(self, conversation: Conversation, known: int, outcome: Any) -> None:
        """Say so to everyone, unless it is the log that was known.

        The head that comes then tells nothing: more may have been appended, and delivered, since it was read.
        """
        if not isinstance(outcome, tuple) or conversation.suspended:
            return
        head, incarnation = outcome
        if incarnation == known or conversation.applied <= head:
            return
        log.warning("log_went_back", conversation=conversation.id, applied=conversation.applied, head=head)
        self._go_back(conversation, head, incarnation)

    def _go_back(self, conversation: Conversation, seq: int, incarnation: int) -> None:
        self._delivery.hand_out(conversation)
        conversation.applied, conversation.incarnation = seq, incarnation
        conversation.early, conversation.tail = None, None
        conversation.removals += 1
        live, conversation.live = conversation.live, {}
        for channel in live:
            self._syncing.answer(conversation, channel, Page(seq, seq, False, rewound=True))

    # -- a Redis that was started anew (`resuming.py`) --------------------------------------------------

    def suspend(self) -> list[Conversation]:
        """Deliver nothing until `resume`; returns all that are held."""
        held = [conversation for conversation in self._all.values() if conversation.held or conversation.suspended]
        for conversation in held:
            conversation.held, conversation.suspended = False, True
            conversation.early, conversation.tail = None, None
            conversation.removals += 1
        return held

    def resume(self, conversation: Conversation, taken: Taken, common: int | None) -> None:
        """Interest is taken again. `common`: up to where it is the log that was held; None: it is that still."""
        conversation.held, conversation.suspended = True, False
        conversation.members, conversation.others = taken.members, taken.servers
        if common is not None and common < conversation.applied:
            log.warning("log_went_back", conversation=conversation.id, applied=conversation.applied, common=common)
            self._go_back(conversation, common, taken.incarnation)
        elif common is not None:
            conversation.incarnation = taken.incarnation
            self._delivery.hand_out(conversation)
            for channel in list(conversation.live):
                channel.door.page(channel, conversation, Page(conversation.applied, conversation.applied, True))
        waiting, conversation.waiting = conversation.waiting, []
        self._read(conversation, waiting)
        if conversation.applied < taken.head:
            self._delivery.catch_up(conversation)
        else:
            self._delivery.apply_early(conversation)

    def gone(self, conversation: Conversation) -> None:
        """There is no such conversation any more."""
        if self._all.get(conversation.id) is conversation:
            self._remove(conversation)
        for channel in {*conversation.live, *conversation.syncing}:
            self._syncing.fail(channel, conversation, Code.NO_SUCH_CONVERSATION)
