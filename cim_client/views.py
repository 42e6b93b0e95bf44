"""How a device stands in each conversation, and in which order it catches up. No I/O."""

import heapq
from enum import Enum
from typing import NamedTuple

from cim_common.wire.messages import Entry, Sync

MAX_SYNCING = 64
"""Pages asked for at the same time: at most 3 MiB of them, and 5,000 conversations take 80 round trips."""

OUT = frozenset(("left", "banned"))
"""Roles of those who take no part."""


class Standing(Enum):
    """How a conversation stands with the server on this connection."""

    IDLE = "idle"
    SYNCING = "syncing"
    LIVE = "live"
    HELD = "held"
    LEFT = "left"


class Position(NamedTuple):
    """A place in a log: a seq, and the incarnation of the log it counts in (0: not known)."""

    seq: int
    incarnation: int


class Changed(NamedTuple):
    """An entry that is no text, by somebody else or another device."""

    conversation: str
    entry: Entry


class Hole(NamedTuple):
    """Seqs of a log one does not get, and why (a code)."""

    conversation: str
    first: int
    last: int
    reason: int


class Rewound(NamedTuple):
    """The log was set back to an older state: what stood above `end`, up to `was`, is not there any more."""

    conversation: str
    end: int
    was: int


News = Changed | Hole | Rewound


class Passed(NamedTuple):
    """An entry that a device which keeps messages has shown or passed. `known_to`: up to where its log has been told
    in it; its own seq, or the head when it was read back."""

    conversation: str
    entry: Entry
    known_to: int


Keep = Passed | Rewound
"""What happens to the messages that are kept."""


class View:
    """One conversation: what was received and shown of it, and how it stands on this connection."""

    __slots__ = (
        "active", "asked", "buffered", "id", "incarnation", "own", "received", "rejoined", "shown", "standing",
        "version",
    )  # fmt: skip

    def __init__(self, conversation: str, position: Position) -> None:
        self.id = conversation
        self.incarnation = position.incarnation
        self.received = self.shown = position.seq
        self.buffered = 0
        self.own: set[int] = set()
        self.standing = Standing.IDLE
        self.asked = False
        self.active = 0
        self.version = -1
        self.rejoined = False


class Syncing:
    """Who waits for a page: the conversation that was active last comes first, so many are asked for at a time."""

    def __init__(self) -> None:
        self._views: set[View] = set()
        self._heap: list[tuple[int, int, View]] = []
        self._order = 0
        self._asked = 0

    def __len__(self) -> int:
        return len(self._views)

    def clear(self) -> None:
        self._views.clear()
        self._heap.clear()
        self._asked = 0

    def add(self, view: View) -> None:
        """A page is wanted, a first one or a further one."""
        view.standing = Standing.SYNCING
        self._views.add(view)
        self._order += 1
        heapq.heappush(self._heap, (-view.active, self._order, view))

    def remove(self, view: View, standing: Standing) -> None:
        """It needs no further page."""
        view.standing = standing
        self._views.discard(view)

    def answered(self, view: View) -> None:
        if view.asked:
            view.asked = False
            self._asked -= 1

    def wish(self) -> Sync | None:
        """The next page to ask for, if one may be asked for now."""
        while self._heap and self._asked < MAX_SYNCING:
            view = heapq.heappop(self._heap)[2]
            if view.standing is Standing.SYNCING and not view.asked:
                view.asked = True
                self._asked += 1
                return Sync(view.id, view.received, view.incarnation)
        return None
