"""Delivery: entries of a log to the connections live in it, in the order of the log (I10).

Entries come from the own commits, from the push stream and from the log, in any order; `take` lets them through one
by one. A gap is given a moment to close by itself, then the log is read. An entry that takes somebody out ends that
user's live connections at that very point (I20).

What has its turn is gathered until the pass writes (`fresh`): a conversation's new entries become one PUSH frame, made
once and put into the outbox of each who is live. Whoever looks at who is live, or says up to where they have been
served, hands out what was gathered before.
"""

from collections.abc import Callable
from typing import Any

from cim_common.roster import taken_out
from cim_common.store import members, pages
from cim_common.store.pages import LogPage
from cim_common.wire import codec
from cim_common.wire.kinds import REMOVALS, Kind
from cim_common.wire.limits import MAX_PAGE_BYTES
from cim_common.wire.messages import Head
from cim_server.answers import RETRY_MS
from cim_server.channel import Channel
from cim_server.conversation import Conversation, Early, Fresh, Page
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink
from cim_server.syncing import Syncing

GAP_S = 0.05
"""How long an entry waits for the one before it until the log is read (I10)."""

MAX_FRESH = 64
"""Entries of one conversation gathered in a pass; then they are handed out, and the next are gathered."""

MAX_EARLY = 1_000
"""Entries of one conversation held behind a gap; beyond that they are left to the log."""

LegacyDelivery = Callable[[Channel, str, int, bytes], None]
"""Hand one entry to a legacy channel: channel, conversation, seq, encoded Entry."""


class Delivery:
    """Applies entries and writes them to channels."""

    def __init__(self, pump: Pump, link: RedisLink, syncing: Syncing, deliver_legacy: LegacyDelivery) -> None:
        self._pump = pump
        self._link = link
        self._syncing = syncing
        self._legacy = deliver_legacy
        self._due: list[Conversation] = []
        pump.before_writes(self._hand_out_all)

    def take(self, conversation: Conversation, seq: int, entry: bytes, kind: int, origin: Channel | None) -> None:
        """Deliver an entry here, in its turn (I10). An empty entry is only known to exist."""
        if seq == conversation.applied + 1 and entry and conversation.held and not conversation.early:
            self._deliver(conversation, seq, entry, kind, origin)
            return
        if conversation.held and seq <= conversation.applied:
            return
        if conversation.early is None:
            conversation.early = {}
        if len(conversation.early) < MAX_EARLY and (entry or seq not in conversation.early):
            conversation.early[seq] = Early(entry, kind, origin)
        if conversation.held:
            self.apply_early(conversation)

    def apply_early(self, conversation: Conversation) -> None:
        early = conversation.early
        if early is None:
            return
        while (item := early.get(conversation.applied + 1)) is not None and item.entry:
            self._deliver(conversation, conversation.applied + 1, *item)
            early.pop(conversation.applied, None)
        for seq in [seq for seq in early if seq <= conversation.applied]:
            del early[seq]
        if not early:
            conversation.early = None
        elif not conversation.reading:
            conversation.reading = True
            known = conversation.applied + 1 in early
            self._pump.timers.after(0 if known else GAP_S, lambda: self._gap_due(conversation))

    def _gap_due(self, conversation: Conversation) -> None:
        conversation.reading = False
        if conversation.early:
            self.catch_up(conversation)

    def catch_up(self, conversation: Conversation) -> None:
        """Read what is missing from the log and apply it, page by page."""
        if conversation.reading or not conversation.held:
            return
        conversation.reading = True
        flow = pages.page_up(conversation.id, conversation.applied)
        self._link.run(flow, lambda page: self._caught_up(conversation, page))

    def _caught_up(self, conversation: Conversation, page: Any) -> None:
        conversation.reading = False
        if conversation.suspended:
            return
        if not isinstance(page, LogPage):
            self._pump.timers.after(RETRY_MS / 1000, lambda: self.catch_up(conversation))
            return
        if page.gaps and page.gaps[-1].last > conversation.applied:
            self._passed_over(conversation, page.head)
        for seq, entry in page.entries:
            if seq > conversation.applied:
                early = conversation.early.pop(seq, None) if conversation.early else None
                kind = codec.decode_entry(entry).kind
                self._deliver(conversation, seq, entry, kind, early.origin if early else None)
        if conversation.applied < page.head and page.entries:
            self.catch_up(conversation)
        elif conversation.early:
            self.apply_early(conversation)

    def _passed_over(self, conversation: Conversation, head: int) -> None:
        """Retention was faster than we: who may read on is for the store to say, and what is gone too (I20, I23)."""
        self.hand_out(conversation)
        conversation.removals += 1
        if conversation.tail is not None:
            conversation.tail.clear()
        live, conversation.live = conversation.live, {}
        for channel in live:
            self._syncing.answer(conversation, channel, Page(conversation.applied, head, False))

    def _deliver(self, conversation: Conversation, seq: int, entry: bytes, kind: int, origin: Channel | None) -> None:
        conversation.applied = seq
        if conversation.tail is not None:
            conversation.tail.append((seq, entry))
        fresh = conversation.fresh
        if fresh is None:
            conversation.fresh = [(seq, entry, origin)]
            self._due.append(conversation)
        else:
            fresh.append((seq, entry, origin))
        if kind:
            self.hand_out(conversation)
            self._take_note(conversation, seq, kind, entry)
        elif fresh is not None and len(fresh) >= MAX_FRESH:
            self.hand_out(conversation)
        if conversation.syncing:
            self._hint(conversation)

    def _hand_out_all(self) -> None:
        due, self._due = self._due, []
        for conversation in due:
            self.hand_out(conversation)

    def hand_out(self, conversation: Conversation) -> None:
        """Put what was gathered into the outboxes of those live, each entry once, except where it came from."""
        fresh, conversation.fresh = conversation.fresh, None
        if fresh is None or not conversation.live:
            return
        first, _, origin = fresh[0]
        origins = {origin} if len(fresh) == 1 else {origin for _, _, origin in fresh}
        frame = b""
        for channel, sent in list(conversation.live.items()):
            if sent >= first or channel in origins or channel.connection.legacy:
                self._hand_out_some(conversation, channel, sent, fresh)
            else:
                frame = frame or _frame(conversation, [entry for _, entry, _ in fresh])
                channel.enqueue(frame)

    def _hand_out_some(self, conversation: Conversation, channel: Channel, sent: int, fresh: list[Fresh]) -> None:
        """The same to one that has some of it, or takes one entry at a time."""
        mine = [(seq, entry) for seq, entry, origin in fresh if seq > sent and origin is not channel]
        if channel.connection.legacy:
            for seq, entry in mine:
                self._legacy(channel, conversation.id, seq, entry)
        elif mine:
            channel.enqueue(_frame(conversation, [entry for _, entry in mine]))

    def _take_note(self, conversation: Conversation, seq: int, kind: int, entry: bytes) -> None:
        """What an entry changes here: who may read on (I20), and how many take part."""
        if kind == Kind.JOINED or kind in REMOVALS:
            change = codec.decode_entry(entry)
            gone = taken_out(change)
            # How many take part is asked: an entry may name people who were members before, or never.
            self._link.run(members.count(conversation.id), lambda outcome: self._counted(conversation, outcome))
            if gone:
                conversation.removals += 1
                for channel, sent in list(conversation.live.items()):
                    # Whoever has had a page beyond this entry came back later, and reads on.
                    if sent < seq and channel.session.user in gone:
                        del conversation.live[channel]

    def _counted(self, conversation: Conversation, outcome: Any) -> None:
        if isinstance(outcome, int):
            conversation.members = outcome

    def _hint(self, conversation: Conversation) -> None:
        frame = None
        for channel, hinted in list(conversation.syncing.items()):
            if not hinted and not channel.connection.legacy:
                frame = frame or codec.encode(Head(conversation.id, conversation.applied))
                conversation.syncing[channel] = True  # before the write, which may be the end of the connection
                channel.enqueue(frame)


def _frame(conversation: Conversation, entries: list[bytes]) -> bytes:
    """One PUSH frame; several where one would be longer than a peer takes."""
    if len(entries) == 1 or sum(map(len, entries)) <= MAX_PAGE_BYTES:
        return codec.push_frame(conversation.prefix, entries)
    return b"".join([codec.push_frame(conversation.prefix, (entry,)) for entry in entries])
