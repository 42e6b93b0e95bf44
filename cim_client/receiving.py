"""Receiving: the conversation list, pages and pushes in; messages, events and positions out."""

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import trio

from cim_client.errors import CimError, Closed, is_passing
from cim_client.events import event_of, event_of_signal
from cim_client.inbox import Inbox
from cim_client.keeping import Keeping
from cim_client.parts import Parts
from cim_client.types import Event, Message, message_of
from cim_client.views import OUT, Changed, Keep, Passed, Position
from cim_common import ids
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import (
    Conversation,
    Conversations,
    ConversationsChanged,
    Cursor,
    Failed,
    Hold,
    List,
    Page,
    Push,
    Signal,
)

CURSOR_EVERY_S = 1.0
LIST_TIMEOUT_S = 30.0
IN_A_ROW_S = 0.001
"""A program that takes message after message keeps other tasks, the link's among them, from running so long."""


class Known(NamedTuple):
    """What is kept of a conversation, from its last list entry and renamings since; `named_at`: the title's seq in the
    log of that `incarnation`."""

    title: str
    named_at: int
    incarnation: int
    role: str
    pinned: bool
    muted: bool
    active_ms: int


class Receiving:
    """The inbox of a client, kept in step with the cluster. `ready` is set when the list was read once."""

    def __init__(self, parts: Parts, inbox: Inbox, keeping: Keeping | None = None) -> None:
        self._parts = parts
        self._inbox = inbox
        self._keeping = keeping
        self.ready = trio.Event()
        self.known: dict[str, Known] = {}
        self._created: dict[str, str] = {}
        self._remembered: dict[str, str] = parts.store.ask(lambda tables: tables.own.groups())
        self._connection = 0
        self._version = 0
        self._list_due = trio.Event()
        self._synced = False
        self._notices: list[Hold] = []
        self._moved: dict[str, int] = {}
        self._cursors_due = 0.0
        self._pages_from = 0.0
        self._arrived = trio.Event()
        self._ran_others = 0.0
        self._ended = False

    # -- for programs ------------------------------------------------------------------------------------

    async def next_message(self) -> Message | None:
        await self._let_others_run()
        while not self._ended:
            self._inbox.settle_taken()
            self.note_moved()  # should that fail, the next one is still to be taken
            item = self._inbox.next_message()
            if item is not None:
                if self._inbox.syncing:
                    self._parts.wake()
                return message_of(*item)
            await self._arrived.wait()
            self._ran_others = trio.current_time()
        return None

    async def _let_others_run(self) -> None:
        """A checkpoint for cancellation always; one that schedules costs more than a message, so it comes by time."""
        now = trio.current_time()
        if now - self._ran_others > IN_A_ROW_S:
            await trio.lowlevel.checkpoint()
            self._ran_others = now
        else:
            await trio.lowlevel.checkpoint_if_cancelled()

    def _arrive(self) -> None:
        self._arrived.set()
        self._arrived = trio.Event()

    def end(self) -> None:
        """Nothing is shown any more: what waits is for whoever holds the device next."""
        self._ended = True
        self._arrive()

    # -- the conversation list ---------------------------------------------------------------------------

    async def follow_list(self) -> None:
        """Read what is new in the list, on each connection from the beginning: the store may be another one."""
        while True:
            await self._list_due.wait()
            self._list_due = trio.Event()
            more = True
            while more:
                connection, since = self._connection, self._version
                try:
                    answer: Conversations = await self._parts.requests.ask(partial(List, since=since), LIST_TIMEOUT_S)
                except Closed:
                    return
                except CimError:
                    continue
                if connection == self._connection:
                    self._listed(answer)
                    more = answer.more

    def _listed(self, answer: Conversations) -> None:
        self._version = max(self._version, answer.version)
        for conversation in answer.conversations:
            self._tell(conversation)
            self._inbox.enter(conversation, self._parts.store.position(conversation.id))
        self._remember(map(self._titled, answer.conversations))
        if not answer.more and not self._inbox.listed:
            self._inbox.list_complete()
            self.ready.set()
        self._told()
        self._parts.wake()

    def _tell(self, listed: Conversation) -> None:
        new = Known(
            listed.title, listed.head, listed.incarnation, listed.role, listed.pinned, listed.muted, listed.active_ms
        )  # fmt: skip
        old = self.known.get(listed.id)
        if old is not None and old.incarnation == listed.incarnation and old.named_at > listed.head:
            # Renamed while the list was on its way. In a log that was set back the list is right.
            new = new._replace(title=old.title, named_at=old.named_at)
        self.known[listed.id] = new
        self._created.pop(listed.id, None)
        event = Event("conversation", "new", conversation=listed.id, text=listed.title, role=listed.role)
        if old is None:
            self._parts.events.add(event)
        elif (old.pinned, old.muted, old.role in OUT) != (new.pinned, new.muted, new.role in OUT):
            self._parts.events.add(event._replace(state="settings"))

    def _titled(self, listed: Conversation) -> tuple[str, str]:
        known = self.known[listed.id]
        return listed.id, "" if known.role in OUT else known.title

    def _remember(self, titles: Iterable[tuple[str, str]]) -> None:
        """Groups are known by their names to the next program before it is connected. "": one is not in it any more."""
        changed = {
            conversation: title
            for conversation, title in titles
            if ids.is_group(conversation) and title != self._remembered.get(conversation, "")
        }
        if changed:
            self._remembered |= changed
            self._parts.store.ask(lambda tables: tables.own.set_groups(changed))

    def renamed(self, conversation: str, seq: int, title: str) -> None:
        """An entry has given a group another name; one from before the list was read is known already."""
        if conversation in self._created:
            self._created[conversation] = title
        known = self.known.get(conversation)
        if known is not None and seq > known.named_at:
            self.known[conversation] = known._replace(title=title, named_at=seq)
            self._remember([(conversation, title)])

    def created(self, group: str, title: str) -> None:
        """One has made a group: it has its name before the list that tells of it is read."""
        if group not in self.known:
            self._created[group] = title

    def group(self, which: str) -> tuple[str, str] | None:
        """Id and title of a group one takes part in, by its id or, of several of that name, the last active."""
        for group, title in reversed(self._created.items()):
            if which in (group, title):
                return group, title
        found = self.known.get(which)
        if found is not None and ids.is_group(which):
            return which, found.title
        named = [
            (known.active_ms, conversation)
            for conversation, known in self.known.items()
            if known.title == which and known.role not in OUT and ids.is_group(conversation)
        ]
        if named:
            return max(named)[1], which
        return None if self.ready.is_set() else self._remembered_group(which)

    def _remembered_group(self, which: str) -> tuple[str, str] | None:
        """As an earlier connection has known it."""
        for group, title in reversed(self._remembered.items()):
            if title and which in (group, title):
                return group, title
        return None

    # -- what the link asks ------------------------------------------------------------------------------

    def connected(self, user: int) -> None:
        self._connection += 1
        self._version = 0
        self._synced = False
        self._pages_from = 0.0
        self._inbox.user = user
        self._list_due.set()

    def disconnected(self) -> None:
        self._inbox.disconnected()
        self._notices.clear()

    def frames(self, now: float, closing: bool) -> list[Any]:
        """What to write now."""
        out: list[Any] = list(self._notices)
        self._notices.clear()
        if now >= self._pages_from:
            out += self._inbox.wishes()
        if self._moved and (now >= self._cursors_due or closing):
            out += [Cursor(conversation, seq) for conversation, seq in self._moved.items() if seq]
            self._moved = {}
        return out

    def note_moved(self) -> None:
        """Keep the positions that were shown, and with them what passed (I25)."""
        moved: list[tuple[str, Position]] = self._inbox.moved()
        passed = [] if self._keeping is None else self._keeping.passed()
        if moved or passed:
            self._store(moved, passed)
        if moved:
            if not self._moved:
                self._cursors_due = trio.current_time() + CURSOR_EVERY_S
            self._moved.update((conversation, position.seq) for conversation, position in moved)

    def _store(self, moved: list[tuple[str, Position]], passed: list[Keep]) -> None:
        """A position must not be stored later without what could not be stored with it now."""
        try:
            self._parts.store.set_positions(moved, passed)
        except BaseException:
            self._inbox.not_stored(moved)
            if self._keeping is not None:
                self._keeping.not_stored(passed)
            raise

    def read_back(self, page: Page) -> None:
        """History was read: keep that too, if it is of the log we stand in and not of one that was set back (I22).

        Not a page that a change has overtaken: the change found nothing to change, and would be missing for good.
        """
        if self._keeping is None or not self._keeping.current(page.conversation, page.head):
            return
        if self._inbox.same_log(page.conversation, page.incarnation):
            read = [Passed(page.conversation, entry, page.head) for entry in page.entries if entry.kind == Kind.TEXT]
            self._parts.store.set_positions((), read)

    def settle_shown(self) -> None:
        """The program has finished: what it took last it has shown."""
        if not self._ended:
            self._inbox.settle_taken()
            self.note_moved()

    # -- what the server says ----------------------------------------------------------------------------

    def pushed(self, push: Push) -> None:
        self._hold(self._inbox.push(push))

    def page(self, page: Page) -> None:
        if page.request:
            self._parts.requests.answer(page.request, page)
        else:
            self._hold(self._inbox.page(page))

    def failed(self, failed: Failed) -> None:
        if failed.request:
            self._parts.requests.answer(failed.request, failed)
        elif self._inbox.failed(failed.conversation, is_passing(failed.code), failed.code == Code.NO_SUCH_CONVERSATION):
            self._ask_again(failed)
        self._told()

    def _ask_again(self, failed: Failed) -> None:
        """A page is to be asked for again after a while; where the budget is spent, so is every other."""
        if failed.code != Code.REQUEST_LIMIT:
            self._parts.tasks.later(failed.after_ms / 1000, lambda: self._retry(failed.conversation))
            return
        self._pages_from = max(self._pages_from, trio.current_time() + failed.after_ms / 1000)
        self._inbox.retry(failed.conversation)

    def _retry(self, conversation: str) -> None:
        self._inbox.retry(conversation)
        self._parts.wake()

    def list_changed(self, changed: ConversationsChanged) -> None:
        if changed.version > self._version:
            self._list_due.set()

    def signalled(self, signal: Signal) -> None:
        event = event_of_signal(signal)
        if event is not None:
            self._parts.events.add(event)

    def _hold(self, holds: list[Hold]) -> None:
        self._notices += holds
        self._told()
        if self._inbox.unread:
            self._arrive()

    def _told(self) -> None:
        for news in self._inbox.news():
            if isinstance(news, Changed) and news.entry.kind == Kind.RENAMED:
                self.renamed(news.conversation, news.entry.seq, news.entry.text)
            event = event_of(news)
            if event is not None:
                self._parts.events.add(event)
        if self._inbox.listed and not self._inbox.syncing and not self._synced:
            self._synced = True
            self._parts.events.add(Event("notice", "synced"))
