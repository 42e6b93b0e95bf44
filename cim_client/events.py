"""What happens, for programs: a bounded queue, and the event that an entry of a log gives. No I/O but waiting."""

from collections import deque
from collections.abc import Callable

import trio

from cim_client.types import Event
from cim_client.views import Changed, Hole, News
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.kinds import Signal as SignalKind
from cim_common.wire.messages import Entry, Signal

MAX_EVENTS = 1_000


class Events:
    """The newest 1,000 events a program has not taken; the oldest are dropped."""

    def __init__(self) -> None:
        self._queue: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._happened = trio.Event()
        self._ended = False
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, event: Event) -> None:
        self.dropped += len(self._queue) == MAX_EVENTS
        self._queue.append(event)
        self._ring()

    def end(self) -> None:
        """Nothing happens any more."""
        self._ended = True
        self._ring()

    def _ring(self) -> None:
        self._happened.set()
        self._happened = trio.Event()

    async def next(self) -> Event | None:
        await trio.lowlevel.checkpoint()
        while not self._queue:
            if self._ended:
                return None
            await self._happened.wait()
        return self._queue.popleft()


_STATES: dict[int, tuple[str, str]] = {
    Kind.CREATED: ("joined", "created"),
    Kind.JOINED: ("joined", ""),
    Kind.LEFT: ("left", ""),
    Kind.KICKED: ("kicked", ""),
    Kind.BANNED: ("kicked", "banned"),
    Kind.UNBANNED: ("conversation", "unbanned"),
    Kind.ROLE: ("conversation", "role"),
    Kind.RENAMED: ("conversation", "renamed"),
    Kind.DISSOLVED: ("conversation", "dissolved"),
    Kind.EDITED: ("edited", ""),
    Kind.RECALLED: ("recalled", ""),
    Kind.REACTION: ("reaction", "added"),
    Kind.PINNED: ("conversation", "pinned"),
    Kind.BLOCKED: ("conversation", "blocked"),
    Kind.UNBLOCKED: ("conversation", "unblocked"),
    Kind.NOTICE: ("notice", ""),
}
"""Kind and state of the event each kind of entry gives; of a kind that is not here nothing is told."""

_TAKEN_BACK = {Kind.REACTION: "removed", Kind.PINNED: "unpinned"}


def event_of(news: News) -> Event | None:
    """What the inbox has to tell, as programs see it."""
    if isinstance(news, Changed):
        return _of_entry(news.conversation, news.entry)
    if isinstance(news, Hole):
        return Event("notice", "hole", conversation=news.conversation, ref=news.first, seq=news.last, code=news.reason)
    return Event(
        "notice", "rewound", conversation=news.conversation, ref=news.was, seq=news.end, code=Code.REWOUND,
        text=Code.REWOUND.sentence,
    )  # fmt: skip


def _of_entry(conversation: str, entry: Entry) -> Event | None:
    if entry.kind not in _STATES:
        return None
    kind, state = _STATES[entry.kind]
    if entry.removed:
        state = _TAKEN_BACK.get(Kind(entry.kind), state)
    return Event(
        kind, state, conversation=conversation, seq=entry.seq, text=entry.text, user=entry.sender_name,
        targets=tuple(target.name for target in entry.targets), ref=entry.ref, role=entry.role,
        topic=entry.topic,
    )  # fmt: skip


def event_of_signal(signal: Signal) -> Event | None:
    """A SIGNAL as programs see it; None if it is of a kind we do not know."""
    make = _SIGNALS.get(signal.kind)
    return None if make is None else make(signal)


def _named(kind: str, state: str = "") -> Callable[[Signal], Event]:
    def make(signal: Signal) -> Event:
        return Event(kind, state, conversation=signal.conversation, seq=signal.seq, user=signal.name)

    return make


_SIGNALS: dict[int, Callable[[Signal], Event]] = {
    SignalKind.TYPING: _named("typing"),
    SignalKind.READ: _named("read"),
    SignalKind.DELIVERED: _named("delivered"),
    SignalKind.ONLINE: _named("presence", "online"),
    SignalKind.OFFLINE: _named("presence", "offline"),
}
