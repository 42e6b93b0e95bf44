"""One conversation as a server sees it: what it knows of it, and what it is asked for and answers.

`applied` is the seq up to which entries have been delivered here (I10). A connection is `syncing` while it fetches
pages (true: it was hinted at something new) and `live` once a page has reached `applied` (I11; up to which seq that
was). `fresh` holds what was applied in this pass and is not handed out yet. `tail` remembers what was applied last
while anybody is syncing, so that a page read a moment before is completed instead of asked again. `removals` counts
what may have changed who may read: a page read before that is read again.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from cim_common.wire import codec
from cim_common.wire.messages import Range
from cim_server.channel import Channel


class Early(NamedTuple):
    """An entry waiting behind a gap, and the channel that sent it, which has its ACK instead of a push."""

    entry: bytes
    kind: int
    origin: Channel | None


Fresh = tuple[int, bytes, Channel | None]
"""An entry that has had its turn: seq, entry, and the channel that sent it."""


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
        "applied", "early", "fresh", "generation", "held", "id", "idle_since", "incarnation", "live", "members",
        "others", "prefix", "reading", "removals", "suspended", "syncing", "tail", "waiting",
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
        self.fresh: list[Fresh] | None = None
        self.tail: deque[tuple[int, bytes]] | None = None
        self.reading = False
        self.idle_since = 0.0
