"""What has come in: the order of each conversation, the buffer, and what was shown. No I/O.

Of each conversation `received` is the last seq taken in order. The next one is taken, what is below is dropped,
what is above means that something is missing: the conversation is synced again from `received`. The server does
not push an entry back on the connection it was sent on: its ACK's seq takes its place (`own`).

Texts wait in the buffer until the program asks for them; a message counts as shown when it asks for the next one.
Everything else there is to tell (changes, holes, a log that went back) is `News`, in the order of the log, told as
it is taken. A text that is recalled or edited while it waits is shown as it is then, or not at all.

A device that keeps messages is told what to keep (`keeping`), which is stored with the positions that moved (I25).

On each connection syncing begins when the conversation list is complete, with the conversation that was active last.
"""

from collections import deque
from collections.abc import Callable, Sequence

from cim_client.keeping import CHANGES, Keeping
from cim_client.views import OUT, Changed, Hole, News, Position, Rewound, Standing, Syncing, View
from cim_common.ids import MAX_SEQ
from cim_common.wire.kinds import REMOVALS, Kind
from cim_common.wire.messages import Conversation, Entry, Hold, Page, Push, Range, Sync

MAX_UNREAD = 1_000
"""Messages the program has not asked for; beyond that a conversation is put on hold, and asked for again below half."""

MAX_OWN = 1_000


class Inbox:
    """All conversations of a device. Methods return the frames they want written.

    `issued` tells the highest number this copy of the device has given: what stands above it under the device's id
    was sent by another copy, and is shown. `keeping` is told what to keep, if anything is.
    """

    def __init__(
        self, device: str, issued: Callable[[], int] = lambda: MAX_SEQ, keeping: Keeping | None = None
    ) -> None:
        self.device = device
        self._keeping = keeping
        self.user = 0
        self._issued = issued
        self._views: dict[str, View] = {}
        self._buffer: deque[tuple[str, Entry]] = deque()
        self._listed = False
        self._syncing = Syncing()
        self._held: set[str] = set()
        self._moved: set[str] = set()
        self._taken: tuple[str, Entry] | None = None
        self._news: list[News] = []

    @property
    def unread(self) -> int:
        return len(self._buffer)

    @property
    def syncing(self) -> int:
        """Conversations that are not live yet."""
        return len(self._syncing)

    @property
    def listed(self) -> bool:
        """Whether the conversation list of this connection is complete."""
        return self._listed

    def known(self, conversation: str) -> bool:
        return conversation in self._views

    def taken_up_to(self, conversation: str) -> int | None:
        """Up to where nothing of a conversation is to come any more; None of one that is not known."""
        view = self._views.get(conversation)
        if view is None:
            return None
        return view.received if not view.buffered else max(view.shown, self._taken_of(view) or 0)

    def news(self) -> list[News]:
        """What there is to tell since the last call."""
        news, self._news = self._news, []
        return news

    # -- taking part -------------------------------------------------------------------------------------

    def enter(self, conversation: Conversation, position: Position | None) -> None:
        """The list names a conversation: begin with it, from the device's own position or where the server says;
        or, if it is known, look again how one stands there."""
        view = self._views.get(conversation.id)
        if view is None:
            begin = position or Position(conversation.start, conversation.incarnation)
            view = self._views[conversation.id] = View(conversation.id, begin)
            self._moved.add(conversation.id)
        newer, view.version = conversation.version > view.version, conversation.version
        view.active = conversation.active_ms
        if view.standing is Standing.SYNCING:
            view.rejoined = view.rejoined or (newer and conversation.role not in OUT)
        elif view.standing is Standing.LEFT:
            if newer and conversation.role not in OUT:
                self._want(view)
        elif newer or view.standing is Standing.IDLE:
            self._want(view)

    def list_complete(self) -> None:
        """All conversations are named: pages may be asked for."""
        self._listed = True
        for view in self._views.values():
            if view.standing is Standing.IDLE:
                self._want(view)

    def disconnected(self) -> None:
        """A new connection lists and syncs everything again."""
        self._listed = False
        self._syncing.clear()
        self._held.clear()
        for view in self._views.values():
            view.standing, view.asked, view.version, view.rejoined = Standing.IDLE, False, -1, False

    def look_again(self, conversation: str) -> None:
        """One's own standing there may have changed."""
        view = self._views.get(conversation)
        if view is not None and view.standing is not Standing.IDLE:
            self._want(view)

    def _want(self, view: View) -> None:
        if view.standing is not Standing.SYNCING:
            self._held.discard(view.id)
            view.rejoined = False
            self._syncing.add(view)

    def wishes(self) -> list[Sync]:
        """Pages to ask for now."""
        syncs: list[Sync] = []
        while self._listed and len(self._buffer) < MAX_UNREAD and (sync := self._syncing.wish()) is not None:
            syncs.append(sync)
        return syncs

    # -- what the server says ----------------------------------------------------------------------------

    def page(self, page: Page) -> list[Hold]:
        view = self._views.get(page.conversation)
        if view is None or view.standing in (Standing.IDLE, Standing.HELD):
            return []
        self._syncing.answered(view)
        if page.rewound:
            self._rewind(view, page)
            self._held.discard(view.id)
            self._syncing.add(view)
            return []
        if page.incarnation != view.incarnation:
            view.incarnation = page.incarnation
            self._moved.add(view.id)
        items: Sequence[Entry | Range] = page.entries
        if page.gaps:
            items = sorted([*items, *page.gaps], key=_first)
        for item in items:
            if isinstance(item, Range):
                if item.last > view.received:
                    self._news.append(Hole(view.id, max(item.first, view.received + 1), item.last, item.reason))
                    self._advance(view, item.last)
            elif item.seq > view.received:
                self._take(view, item)
        if page.end > view.received:
            self._advance(view, page.end)
        if page.left and not view.rejoined:
            self._syncing.remove(view, Standing.LEFT)
        elif page.left or not page.live:
            view.rejoined = False
            self._syncing.add(view)
        else:
            self._syncing.remove(view, Standing.LIVE)
            self._absorb_own(view)
            return self._hold_if_full(view)
        return []

    def failed(self, conversation: str, passing: bool, gone: bool = False) -> bool:
        """A SYNC was refused; whether it is to be asked again (`retry`) after a while.

        `gone`: there is no such conversation. One that was live is told of unasked: an older store was restored (I22).
        """
        view = self._views.get(conversation)
        if view is None or not (view.standing is Standing.SYNCING or gone):
            return False
        self._syncing.answered(view)
        if gone and view.received:
            self._go_back(view, 0, 0)
        if not passing:
            self._held.discard(view.id)
            self._syncing.remove(view, Standing.LEFT)
            # It may begin anew, in a list that has gone back too.
            view.version = -1 if gone else view.version
        return passing

    def retry(self, conversation: str) -> None:
        view = self._views.get(conversation)
        if view is not None and view.standing is Standing.SYNCING and not view.asked:
            self._syncing.add(view)

    def push(self, push: Push) -> list[Hold]:
        view = self._views.get(push.conversation)
        if view is None or view.standing is not Standing.LIVE:
            return []
        for entry in push.entries:
            if entry.seq == view.received + 1:
                self._take(view, entry)
                self._absorb_own(view)
                if self._takes_me_out(entry):
                    # The server has ended our part with it, unless we are back already: a page tells.
                    self._want(view)
                    return []
            elif entry.seq > view.received:
                self._want(view)
                return []
        return self._hold_if_full(view)

    def acknowledged(self, conversation: str, seq: int) -> None:
        """An entry of this device has that seq; it will not be pushed to us."""
        view = self._views.get(conversation)
        if view is None or seq <= view.received:
            return
        view.own.add(seq)
        if view.standing is Standing.LIVE:
            self._absorb_own(view)
            if len(view.own) > MAX_OWN:
                self._want(view)

    def changed(self, conversation: str, entry: Entry) -> None:
        """One has changed a message on this device, by that entry: it will not be pushed to us."""
        if self._keeping is not None:
            self._keep(self._keeping, conversation, entry)
        view = self._views.get(conversation)
        if view is not None and entry.kind == Kind.EDITED:
            self._amend(view, entry)

    def same_log(self, conversation: str, incarnation: int) -> bool:
        """Whether that is the log we stand in."""
        view = self._views.get(conversation)
        return view is not None and view.incarnation == incarnation

    def _takes_me_out(self, entry: Entry) -> bool:
        if entry.kind not in REMOVALS:
            return False
        if entry.kind == Kind.LEFT:
            return entry.sender == self.user
        return any(target.user == self.user for target in entry.targets)

    def _rewind(self, view: View, page: Page) -> None:
        """Our cursor is of another log, or above this one: go back to where both are the same (I22)."""
        if page.incarnation == view.incarnation and view.received <= page.head:
            return  # the answer to what we asked before we went back
        self._go_back(view, page.end, page.incarnation)

    def _go_back(self, view: View, end: int, incarnation: int) -> None:
        rewound = Rewound(view.id, end, view.received)
        if end < view.received:
            self._news.append(rewound)
        if self._keeping is not None:
            self._keeping.rewound(rewound)
        self._forget(lambda conversation, entry: conversation == view.id and entry.seq > end)
        if (taken := self._taken_of(view)) is not None and taken > end:
            self._taken = None
        view.own.clear()
        view.incarnation = incarnation
        view.received = min(view.received, end)
        view.shown = min(view.shown, end)
        self._moved.add(view.id)

    # -- the order ---------------------------------------------------------------------------------------

    def _absorb_own(self, view: View) -> None:
        while view.received + 1 in view.own:
            view.own.discard(view.received + 1)
            self._advance(view, view.received + 1)

    def _take(self, view: View, entry: Entry) -> None:
        mine = entry.seq in view.own or (
            entry.sender == self.user and entry.device == self.device and entry.n <= self._issued()
        )
        if entry.kind == Kind.TEXT and not mine and not entry.recalled:
            view.received = entry.seq
            view.buffered += 1
            self._buffer.append((view.id, entry))
            return
        if self._keeping is not None and not (entry.kind == Kind.TEXT and entry.recalled):
            self._keep(self._keeping, view.id, entry)
        if entry.kind == Kind.RECALLED or (entry.kind == Kind.EDITED and entry.recalled):
            self.withdraw(view.id, entry.ref)
        elif entry.kind == Kind.EDITED:
            self._amend(view, entry)
        if entry.kind != Kind.TEXT and not mine and not entry.recalled:
            self._news.append(Changed(view.id, entry))
        self._advance(view, entry.seq)

    def _keep(self, keeping: Keeping, conversation: str, entry: Entry) -> None:
        """An entry that is not going to be shown as a message."""
        if entry.kind == Kind.TEXT:
            keeping.text(conversation, entry)
        elif entry.kind in CHANGES:
            keeping.change(conversation, entry, self._waits(conversation, entry))

    def _waits(self, conversation: str, entry: Entry) -> bool:
        """Whether it changes the text that was taken last, or reacts to one in the buffer; there others change it."""
        if self._taken is not None and (self._taken[0], self._taken[1].seq) == (conversation, entry.ref):
            return True
        view = self._views.get(conversation)
        if entry.kind != Kind.REACTION or view is None or not view.buffered or entry.ref <= view.shown:
            return False
        return any(other == conversation and text.seq == entry.ref for other, text in self._buffer)

    def _advance(self, view: View, seq: int) -> None:
        """Nothing to show up to here."""
        view.received = seq
        if view.own:
            view.own = {other for other in view.own if other > seq}
        if not view.buffered and self._taken_of(view) is None:
            self._show(view, seq)

    def withdraw(self, conversation: str, seq: int) -> None:
        """A text was recalled: not to be shown if it still waits."""
        view = self._views.get(conversation)
        if view is None or not view.buffered or seq <= view.shown:
            return
        self._forget(lambda other, entry: other == conversation and entry.seq == seq)
        if not view.buffered and self._taken_of(view) is None:
            self._show(view, view.received)

    def _forget(self, unwanted: Callable[[str, Entry], bool]) -> None:
        kept: deque[tuple[str, Entry]] = deque()
        for conversation, entry in self._buffer:
            if unwanted(conversation, entry):
                self._views[conversation].buffered -= 1
                if self._keeping is not None:
                    self._keeping.dropped(conversation, entry)
            else:
                kept.append((conversation, entry))
        self._buffer = kept

    def _amend(self, view: View, edit: Entry) -> None:
        if view.buffered and edit.ref > view.shown:
            for index, (conversation, entry) in enumerate(self._buffer):
                if conversation == view.id and entry.seq == edit.ref and entry.edited < edit.seq:
                    self._buffer[index] = (conversation, entry._replace(text=edit.text, edited=edit.seq))
                    return

    def _taken_of(self, view: View) -> int | None:
        return self._taken[1].seq if self._taken is not None and self._taken[0] == view.id else None

    def _show(self, view: View, seq: int) -> None:
        if seq > view.shown:
            view.shown = seq
            self._moved.add(view.id)

    def _hold_if_full(self, view: View) -> list[Hold]:
        if len(self._buffer) < MAX_UNREAD:
            return []
        view.standing = Standing.HELD
        self._held.add(view.id)
        return [Hold(view.id)]

    # -- what the program takes --------------------------------------------------------------------------

    def next_message(self) -> tuple[str, Entry] | None:
        """What the program shows next; what it got before counts as shown from here on."""
        self.settle_taken()
        if not self._buffer:
            return None
        conversation, entry = self._buffer.popleft()
        self._views[conversation].buffered -= 1
        self._taken = (conversation, entry)
        if self._held and len(self._buffer) < MAX_UNREAD // 2:
            for held in list(self._held):
                self._want(self._views[held])
        return conversation, entry

    def settle_taken(self) -> None:
        """The program has shown what it took."""
        if self._taken is None:
            return
        conversation, entry = self._taken
        self._taken = None
        view = self._views[conversation]
        self._show(view, entry.seq if view.buffered else view.received)
        if self._keeping is not None:
            self._keeping.text(conversation, entry)

    def moved(self) -> list[tuple[str, Position]]:
        """Positions shown since the last call."""
        if not self._moved:
            return []
        moved, self._moved = self._moved, set()
        return [
            (conversation, Position(self._views[conversation].shown, self._views[conversation].incarnation))
            for conversation in moved
        ]

    def not_stored(self, moved: list[tuple[str, Position]]) -> None:
        """These positions could not be stored: they still have to be."""
        self._moved.update(conversation for conversation, _ in moved)


def _first(item: Entry | Range) -> int:
    return item.first if isinstance(item, Range) else item.seq
