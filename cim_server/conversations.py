"""Conversations somebody here takes part in: interest, order, and who gets what is new.

For each the server keeps `applied`, the seq up to which it has delivered (I10). Entries come from the own
commits, from the push stream and from the log, in any order; `apply` lets them through one by one. A gap is
given a moment to close by itself, then the log is read.

A connection is `syncing` in a conversation while it fetches pages and `live` once a page has reached
`applied` (I11). `tail` remembers what was applied last while anybody is syncing, so that a page read a moment
before is completed instead of asked again.

Who may read is decided by the store as a page is read, and from then on by the log itself: an entry that takes somebody
out ends that user's live connections at that very point (I20), and pages read before it are read again.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import structlog

from cim_common import ids
from cim_common.roster import taken_out
from cim_common.store import incarnations, interest, members, pages
from cim_common.store.flow import Flow
from cim_common.store.interest import Taken
from cim_common.store.pages import LogPage, NotReadable
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.kinds import REMOVALS, Kind
from cim_common.wire.limits import MAX_PAGE_BYTES
from cim_common.wire.messages import Failed, Head, Range
from cim_server.channel import Channel
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink

log = structlog.get_logger()

GAP_S = 0.05
"""How long an entry waits for the one before it until the log is read (I10)."""

MAX_EARLY = 1_000
"""Entries of one conversation held behind a gap; beyond that they are left to the log."""

TAIL = 64
LINGER_S = 60.0
"""A conversation nobody here is connected to is given up after this: people come back soon, or not."""

MAX_DROPPED = 2_000
"""Conversations given up in one round: somebody with thousands has left, and the link to Redis has other work."""

RETRY_MS = 1_000


class Early(NamedTuple):
    """An entry waiting behind a gap, and the channel that sent it, which has its ACK instead of a push."""

    entry: bytes
    kind: int
    origin: Channel | None


class Page(NamedTuple):
    """The answer to a SYNC, for either door. `left`: the reader is no member, nothing follows."""

    end: int
    head: int
    live: bool
    entries: Sequence[tuple[int, bytes]] = ()
    gaps: tuple[Range, ...] = ()
    rewound: bool = False
    left: bool = False


class Cursor(NamedTuple):
    """What a SYNC asks for: what stands above `seq` of that incarnation of the log (0: not said)."""

    seq: int
    incarnation: int


class Conversation:
    """One conversation as this server sees it."""

    __slots__ = (
        "applied", "early", "generation", "held", "id", "idle_since", "incarnation", "live", "members", "others",
        "prefix", "reading", "removals", "suspended", "syncing", "tail", "waiting",
    )  # fmt: skip

    def __init__(self, conversation: str) -> None:
        self.id = conversation
        self.prefix = codec.conversation_prefix(conversation)
        self.held = False
        self.suspended = False
        self.applied = 0
        self.incarnation = 0
        self.generation = 0
        self.members = 0
        self.others: tuple[str, ...] = ()
        self.removals = 0
        self.live: dict[Channel, int] = {}
        self.syncing: dict[Channel, bool] = {}
        self.waiting: list[tuple[Channel, Cursor]] = []
        self.early: dict[int, Early] | None = None
        self.tail: deque[tuple[int, bytes]] | None = None
        self.reading = False
        self.idle_since = 0.0


LegacyDelivery = Callable[[Channel, str, int, bytes], None]
"""Hand one entry to a legacy channel: channel, conversation, seq, encoded Entry."""


class Conversations:
    """All of them, by id. `server` is the own run (`id:epoch`)."""

    def __init__(self, pump: Pump, link: RedisLink, server: str, deliver_legacy: LegacyDelivery) -> None:
        self._pump = pump
        self._link = link
        self._server = server
        self._legacy = deliver_legacy
        self._all: dict[str, Conversation] = {}
        self._generation = 0
        self.buckets: dict[int, int] = {}

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
            bucket = ids.conversation_bucket(conversation_id)
            self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        conversation.live.pop(channel, None)
        conversation.syncing[channel] = False
        if conversation.held:
            self._read_page(conversation, channel, cursor)
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
            del conversation.live[channel]
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
        bucket = ids.conversation_bucket(conversation.id)
        self.buckets[bucket] -= 1
        if not self.buckets[bucket]:
            del self.buckets[bucket]

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
                self._fail(channel, conversation, code)
            conversation.early = None
            conversation.idle_since = self._pump.now
            return
        head, conversation.incarnation, conversation.members, conversation.others = outcome
        if not conversation.held:
            conversation.held = True
            conversation.applied = head
            self._apply_early(conversation)
        for channel, cursor in waiting:
            if channel in conversation.syncing:
                self._read_page(conversation, channel, cursor)

    def renew_interest(self, conversation: Conversation) -> None:
        """Register again: we were behind without having been rung, so our entry may be gone."""
        flow = interest.take(conversation.id, self._server, conversation.generation, self._link.start)
        self._link.run(flow, lambda outcome: None)

    # -- pages ---------------------------------------------------------------------------------------

    def _read_page(self, conversation: Conversation, channel: Channel, cursor: Cursor) -> None:
        same = cursor.incarnation in (0, conversation.incarnation)
        if cursor.seq == conversation.applied and same and not ids.is_group(conversation.id):
            self._answer(conversation, channel, Page(cursor.seq, cursor.seq, True))
            return
        flow = _page_above(conversation.id, cursor, channel.session.user)
        removals = conversation.removals
        self._link.run(flow, lambda answer: self._page_read(conversation, channel, cursor, removals, answer))

    def _page_read(
        self, conversation: Conversation, channel: Channel, cursor: Cursor, removals: int, answer: Any
    ) -> None:
        if channel not in conversation.syncing or not channel.open:
            return
        if conversation.suspended:
            conversation.waiting.append((channel, cursor))
            return
        page, common = answer if type(answer) is tuple else (answer, ids.MAX_SEQ)
        if not isinstance(page, LogPage):
            code = page.code if isinstance(page, NotReadable) else Code.NO_SUCH_CONVERSATION
            if page is not None and not isinstance(page, NotReadable):
                code = Code.STORE_UNAVAILABLE
            if code != Code.STORE_UNAVAILABLE:
                del conversation.syncing[channel]
            self._fail(channel, conversation, code)
        elif conversation.removals != removals:
            self._read_page(conversation, channel, cursor)
        else:
            self._answer(conversation, channel, self._made_of(conversation, cursor, page, common))

    def _made_of(self, conversation: Conversation, cursor: Cursor, page: LogPage, common: int) -> Page:
        conversation.incarnation = page.incarnation
        good_to = min(page.head, common)
        if cursor.seq > good_to:
            return Page(good_to, page.head, False, rewound=True)
        if page.role in ("left", "banned") and not page.more:
            return Page(page.end, page.head, False, page.entries, page.gaps, left=True)
        entries, end = page.entries, page.end
        if not page.more and end < conversation.applied and conversation.tail:
            rest = [item for item in conversation.tail if item[0] > end]
            size = sum(len(entry) for _, entry in entries) + sum(len(entry) for _, entry in rest)
            complete = rest and rest[0][0] == end + 1 and rest[-1][0] == conversation.applied
            if complete and size <= MAX_PAGE_BYTES:
                entries, end = [*entries, *rest], conversation.applied
        live = not page.more and end >= conversation.applied
        return Page(end, max(page.head, end), live, entries, page.gaps)

    def _answer(self, conversation: Conversation, channel: Channel, page: Page) -> None:
        if page.live or page.left:
            conversation.syncing.pop(channel, None)
        if page.live:
            conversation.live[channel] = page.end
        elif not page.left:
            conversation.syncing[channel] = False
            if conversation.tail is None:
                conversation.tail = deque(maxlen=TAIL)
        if not conversation.syncing:
            conversation.tail = None
        channel.door.page(channel, conversation, page)

    def _fail(self, channel: Channel, conversation: Conversation, code: Code) -> None:
        channel.door.failed(channel, Failed(0, code, code.sentence, conversation.id, RETRY_MS))

    # -- order and delivery ----------------------------------------------------------------------------

    def apply(self, conversation_id: str, seq: int, entry: bytes, kind: int = 0, origin: Channel | None = None) -> None:
        """Deliver an entry here, in its turn (I10). An empty entry is only known to exist."""
        conversation = self._all.get(conversation_id)
        if conversation is None:
            return
        if conversation.held and not conversation.early and seq == conversation.applied + 1 and entry:
            self._deliver(conversation, seq, entry, kind, origin)
            return
        if conversation.held and seq <= conversation.applied:
            return
        if conversation.early is None:
            conversation.early = {}
        if len(conversation.early) < MAX_EARLY and (entry or seq not in conversation.early):
            conversation.early[seq] = Early(entry, kind, origin)
        if conversation.held:
            self._apply_early(conversation)

    def _apply_early(self, conversation: Conversation) -> None:
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
        if conversation.reading or self._all.get(conversation.id) is not conversation or not conversation.held:
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
            self._apply_early(conversation)

    def _passed_over(self, conversation: Conversation, head: int) -> None:
        """Retention was faster than we: who may read on is for the store to say, and what is gone too (I20, I23)."""
        conversation.removals += 1
        if conversation.tail is not None:
            conversation.tail.clear()
        live, conversation.live = conversation.live, {}
        for channel in live:
            self._answer(conversation, channel, Page(conversation.applied, head, False))

    def _deliver(self, conversation: Conversation, seq: int, entry: bytes, kind: int, origin: Channel | None) -> None:
        conversation.applied = seq
        if conversation.tail is not None:
            conversation.tail.append((seq, entry))
        if conversation.live:
            frame = codec.push_frame(conversation.prefix, (entry,))
            for channel, sent in list(conversation.live.items()):
                if seq <= sent or channel is origin:
                    continue
                if channel.connection.legacy:
                    self._legacy(channel, conversation.id, seq, entry)
                else:
                    channel.enqueue(frame)
        if kind:
            self._take_note(conversation, seq, kind, entry)
        if conversation.syncing:
            self._hint(conversation)

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

    def signal(self, conversation_id: str, user: int, frame: bytes) -> None:
        """Hand a SIGNAL to everyone live here, except the user it is about."""
        conversation = self._all.get(conversation_id)
        if conversation is not None:
            for channel in conversation.live:
                if not channel.connection.legacy and channel.session.user != user:
                    channel.enqueue(frame)

    # -- a store that went back ------------------------------------------------------------------------

    def rewind(self, conversation: Conversation, head: int) -> None:
        """The log is shorter than what was delivered: an older store was restored. Say so to everyone (I22)."""
        log.warning("log_went_back", conversation=conversation.id, applied=conversation.applied, head=head)
        flow = incarnations.rewind(conversation.id, conversation.incarnation, conversation.applied)
        self._link.run(flow, lambda outcome: self._rewound(conversation, outcome))

    def _rewound(self, conversation: Conversation, outcome: Any) -> None:
        if not isinstance(outcome, tuple) or conversation.applied <= outcome[0] or conversation.suspended:
            return
        self._go_back(conversation, *outcome)

    def _go_back(self, conversation: Conversation, seq: int, incarnation: int) -> None:
        conversation.applied, conversation.incarnation = seq, incarnation
        conversation.early, conversation.tail = None, None
        conversation.removals += 1
        live, conversation.live = conversation.live, {}
        for channel in live:
            self._answer(conversation, channel, Page(conversation.applied, conversation.applied, False, rewound=True))

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
            for channel in conversation.live:
                channel.door.page(channel, conversation, Page(conversation.applied, conversation.applied, True))
        waiting, conversation.waiting = conversation.waiting, []
        for channel, cursor in waiting:
            if channel in conversation.syncing:
                self._read_page(conversation, channel, cursor)
        if conversation.applied < taken.head:
            self.catch_up(conversation)
        else:
            self._apply_early(conversation)

    def gone(self, conversation: Conversation) -> None:
        """There is no such conversation any more."""
        if self._all.get(conversation.id) is conversation:
            self._remove(conversation)
        for channel in {*conversation.live, *conversation.syncing}:
            self._fail(channel, conversation, Code.NO_SUCH_CONVERSATION)

    def _hint(self, conversation: Conversation) -> None:
        frame = None
        for channel, hinted in conversation.syncing.items():
            if not hinted and not channel.connection.legacy:
                frame = frame or codec.encode(Head(conversation.id, conversation.applied))
                channel.enqueue(frame)
                conversation.syncing[channel] = True


def _page_above(conversation: str, cursor: Cursor, user: int) -> Flow[tuple[LogPage | NotReadable | None, int]]:
    """The page a SYNC asks for, and up to where a cursor of its incarnation is good in this one."""
    page = yield from pages.page_up(conversation, cursor.seq, user)
    common = ids.MAX_SEQ
    if isinstance(page, LogPage) and cursor.incarnation not in (0, page.incarnation):
        common = yield from incarnations.common_end(conversation, cursor.incarnation)
    return page, common
