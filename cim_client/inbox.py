"""What has come in: the order of each conversation, the buffer, and what was shown. No I/O.

Of each conversation `received` is the last seq taken in order. The next one is taken, what is below is dropped,
what is above means that something is missing: the conversation is synced again from `received`. The server does
not push a message back on the connection it was sent on: its ACK's seq takes its place (`own`).

A message counts as shown when the program asks for the next one.
"""

from collections import deque
from collections.abc import Iterable
from enum import Enum

from cim_common.wire.messages import Conversation, Entry, Hold, Page, Push, Sync

MAX_UNREAD = 1_000
"""Messages the program has not asked for; beyond that a conversation is put on hold, and asked for again below half."""

MAX_SYNCING = 8
"""Pages asked for at the same time."""

MAX_OWN = 1_000


class Standing(Enum):
    """How a conversation stands with the server on this connection."""

    IDLE = "idle"
    SYNCING = "syncing"
    LIVE = "live"
    HELD = "held"


class _View:
    __slots__ = ("buffered", "id", "incarnation", "own", "received", "shown", "standing")

    def __init__(self, conversation: str, position: int) -> None:
        self.id = conversation
        self.incarnation = 0
        self.received = position
        self.shown = position
        self.buffered = 0
        self.own: set[int] = set()
        self.standing = Standing.IDLE


class Inbox:
    """All conversations of a device. Methods return the frames they want written."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.user = 0
        self._views: dict[str, _View] = {}
        self._buffer: deque[tuple[str, Entry]] = deque()
        self._to_sync: deque[str] = deque()
        self._syncing = 0
        self._moved: set[str] = set()
        self._taken: tuple[str, int] | None = None

    @property
    def unread(self) -> int:
        return len(self._buffer)

    def known(self, conversation: str) -> bool:
        return conversation in self._views

    def begin(self, conversation: Conversation, position: int | None) -> None:
        """Take part in a conversation, from the device's own position or where the server says it begins."""
        view = self._views.get(conversation.id)
        if view is None:
            start = conversation.start if position is None else position
            view = self._views[conversation.id] = _View(conversation.id, start)
            self._moved.add(conversation.id)
        view.incarnation = conversation.incarnation
        self._want(view)

    def disconnected(self) -> None:
        """A new connection syncs everything again."""
        self._to_sync.clear()
        self._syncing = 0
        for view in self._views.values():
            view.standing = Standing.IDLE

    def resync(self) -> None:
        """Sync all conversations, on a new connection."""
        for view in self._views.values():
            self._want(view)

    def _want(self, view: _View) -> None:
        if view.standing in (Standing.IDLE, Standing.LIVE, Standing.HELD):
            view.standing = Standing.SYNCING
            self._to_sync.append(view.id)

    def wishes(self) -> list[Sync]:
        """Pages to ask for now."""
        syncs: list[Sync] = []
        while self._to_sync and self._syncing < MAX_SYNCING and len(self._buffer) < MAX_UNREAD:
            view = self._views[self._to_sync.popleft()]
            self._syncing += 1
            syncs.append(Sync(view.id, view.received, view.incarnation))
        return syncs

    def page(self, page: Page) -> list[Hold]:
        view = self._views.get(page.conversation)
        if view is None or view.standing is not Standing.SYNCING:
            return []
        self._syncing = max(0, self._syncing - 1)
        view.incarnation = page.incarnation
        for entry in page.entries:
            if entry.seq > view.received:
                self._take(view, entry)
        if page.end > view.received:
            self._advance(view, page.end)
        if not page.live:
            self._to_sync.append(view.id)
            return []
        view.standing = Standing.LIVE
        self._absorb_own(view)
        return self._hold_if_full(view)

    def failed(self, conversation: str) -> bool:
        """A SYNC was refused; whether it was ours. `retry` asks again."""
        view = self._views.get(conversation)
        if view is None or view.standing is not Standing.SYNCING:
            return False
        self._syncing = max(0, self._syncing - 1)
        return True

    def retry(self, conversation: str) -> None:
        view = self._views.get(conversation)
        if view is not None and view.standing is Standing.SYNCING and conversation not in self._to_sync:
            self._to_sync.append(conversation)

    def push(self, push: Push) -> list[Hold]:
        view = self._views.get(push.conversation)
        if view is None or view.standing is not Standing.LIVE:
            return []
        for entry in push.entries:
            if entry.seq == view.received + 1:
                self._take(view, entry)
                self._absorb_own(view)
            elif entry.seq > view.received:
                self._want(view)
                return []
        return self._hold_if_full(view)

    def acknowledged(self, conversation: str, seq: int) -> None:
        """A message of this device has that seq; it will not be pushed to us."""
        view = self._views.get(conversation)
        if view is None or seq <= view.received:
            return
        view.own.add(seq)
        if view.standing is Standing.LIVE:
            self._absorb_own(view)
            if len(view.own) > MAX_OWN:
                self._want(view)

    def hint(self, conversation: str, head: int) -> None:
        """There is something above `head`; we sync already, or will when there is room."""

    def _absorb_own(self, view: _View) -> None:
        while view.received + 1 in view.own:
            view.own.discard(view.received + 1)
            self._advance(view, view.received + 1)

    def _take(self, view: _View, entry: Entry) -> None:
        mine = entry.sender == self.user and entry.device == self.device
        if entry.kind == 0 and not mine:
            view.received = entry.seq
            view.buffered += 1
            self._buffer.append((view.id, entry))
        else:
            self._advance(view, entry.seq)

    def _advance(self, view: _View, seq: int) -> None:
        """Nothing to show up to here."""
        view.received = seq
        if view.own:
            view.own = {other for other in view.own if other > seq}
        if not view.buffered and self._taken_of(view) is None:
            self._show(view, seq)

    def _taken_of(self, view: _View) -> int | None:
        return self._taken[1] if self._taken is not None and self._taken[0] == view.id else None

    def _show(self, view: _View, seq: int) -> None:
        if seq > view.shown:
            view.shown = seq
            self._moved.add(view.id)

    def _hold_if_full(self, view: _View) -> list[Hold]:
        if len(self._buffer) < MAX_UNREAD:
            return []
        view.standing = Standing.HELD
        return [Hold(view.id)]

    def next_message(self) -> tuple[str, Entry] | None:
        """What the program shows next; what it got before counts as shown from here on."""
        self.settle_taken()
        if not self._buffer:
            return None
        conversation, entry = self._buffer.popleft()
        self._views[conversation].buffered -= 1
        self._taken = (conversation, entry.seq)
        if len(self._buffer) < MAX_UNREAD // 2:
            for view in self._views.values():
                if view.standing is Standing.HELD:
                    self._want(view)
        return conversation, entry

    def settle_taken(self) -> None:
        """The program has shown what it took."""
        if self._taken is None:
            return
        conversation, seq = self._taken
        self._taken = None
        view = self._views[conversation]
        self._show(view, seq if view.buffered else view.received)

    def moved(self) -> list[tuple[str, int]]:
        """Positions shown since the last call."""
        moved, self._moved = self._moved, set()
        return [(conversation, self._views[conversation].shown) for conversation in moved]

    def positions(self) -> Iterable[tuple[str, int]]:
        return [(view.id, view.received) for view in self._views.values()]
