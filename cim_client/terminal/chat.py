"""One chat session: typed lines to the SDK, messages and events to the screen.

Six tasks around one `Screen`, which only trio's thread touches:

==========  ============================================================================
type        typed lines -> actions; ends the session at the end of input or at `:q!`
post        queued messages -> SDK, one after the other, so that they keep their order
receive     messages -> printed lines
watch       events -> settled messages, connection state
mark        what is on the screen -> read marks, once a second
tick        once a second: the countdown in the toolbar
==========  ============================================================================

The first of type and watch that ends, ends the session. Nobody waits for a server while reading the keyboard.
"""

import time
from typing import NamedTuple

import trio

from cim_client.client import Client
from cim_client.errors import CimError, Refused
from cim_client.terminal.console import Console
from cim_client.terminal.context import THE_LOBBY, Address, Context
from cim_client.terminal.dispatch import Dispatch
from cim_client.terminal.lines import Line, note
from cim_client.terminal.sanitize import one_line, shown_name
from cim_client.terminal.screen import MAX_PENDING, Connection, Screen, Settlement
from cim_client.terminal.settings import Settings
from cim_client.terminal.syntax import Wrong
from cim_client.types import Event, Message
from cim_common import ids
from cim_common.wire.codes import Code

HISTORY_LINES = 20
"""Lines of the lobby shown at the start."""

MAX_PEERS = 1_000
"""Names kept of groups, and of the other side of private conversations for one's own messages from other devices."""

GREETING_TIMEOUT_S = 10.0
"""What the start may wait for the lobby's last lines."""

MARK_EVERY_S = 1.0
"""How often what was shown is marked as read."""

PROMPT_SETTLE_S = 1.0
PIPE_SETTLE_S = 30.0
"""How long messages under way are waited for at the end: a prompt shows the state, a pipe has no other chance."""

_STATES = ("connecting", "connected", "reconnecting", "closed")


class _Posting(NamedTuple):
    """An own message on its way to the SDK; `key` is its name on the screen."""

    key: int
    to: Address
    text: str
    reply_to: int


class Session:
    """A logged-in client `me`, a console and the screen between them: the `Window` of the commands.

    `run` returns when the user has finished or the connection is closed for good; `failure` is then the sentence to
    leave with, None if all is well.
    """

    def __init__(self, me: Client, console: Console, route: str, interactive: bool, to: str = ids.LOBBY) -> None:
        self.failure: str | None = None
        self._me = me
        self._console = console
        self._route = route
        self._interactive = interactive
        self._screen = Screen(me.name, me.user_id, lambda: console.width)
        self._outgoing, self._to_post = trio.open_memory_channel[_Posting](MAX_PENDING)
        self._settled = trio.Event()
        self._leaving = False
        self._current = THE_LOBBY
        self._first = to
        self._backlog = _Backlog()
        self._peers: dict[str, str] = {}
        self._read: dict[str, int] = {}
        self._newest: dict[str, int] = {}

    async def run(self) -> None:
        self._screen.connection = Connection(self._me.state, self._me.server)
        self._show_waiting()
        self._refresh()
        if connected := self._me.state == "connected":
            await self._greet()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, nursery.cancel_scope)
            nursery.start_soon(self._receive, connected)
            nursery.start_soon(self._post)
            nursery.start_soon(self._mark)
            nursery.start_soon(self._tick)
            await self._type(nursery)
            await self._settle()
            with trio.move_on_after(PROMPT_SETTLE_S):
                await self._mark_read()
            nursery.cancel_scope.cancel()

    # the six tasks

    async def _type(self, nursery: trio.Nursery) -> None:
        context = Context(self._me, self._route, self, Settings())
        dispatch = Dispatch(context, nursery, self._interactive)
        if self._first != ids.LOBBY:
            try:
                await context.switch(self._first)
            except (Wrong, CimError) as error:  # what is typed next was not meant for the lobby
                self.failure = f"not begun with {self._first}: {error}"
                return
        async for line in self._console.lines():
            await dispatch.line(line)
            if self._leaving:
                return

    async def _post(self) -> None:
        async for key, to, text, reply_to in self._to_post:
            try:
                client_msg_id = await self._me.post(to.to, text, reply_to=reply_to or None)
            except CimError as error:
                await self._print_settled(self._screen.settled_key(key, Settlement(str(error))))
            else:
                await self._print_settled(self._screen.posted(key, client_msg_id))

    async def _receive(self, greeted: bool) -> None:
        if not greeted:
            try:
                await self._me.ready()
            except CimError:
                return  # `watch` ends the session
            await self._greet()
        async for message in self._me.messages():
            self._read[message.conversation] = message.seq
            self._note_newest(message)
            if message.conversation == ids.LOBBY:
                if self._backlog.shown(message.seq):
                    continue
                if skipped := self._backlog.skipped():
                    await self._note(f"{skipped} earlier messages of the lobby are not shown")
            await self._console.show(self._received(message))

    async def _watch(self, session: trio.CancelScope) -> None:
        """Events end when the client is closed, and so does the session."""
        async for event in self._me.events():
            await self._print_settled(self._told(event))
        self.failure = ", ".join(filter(None, [self._screen.connection_state(), self._screen.farewell()]))
        session.cancel()

    async def _mark(self) -> None:
        while True:
            await trio.sleep(MARK_EVERY_S)
            await self._mark_read()

    async def _mark_read(self) -> None:
        """What has been shown is read; a mark that cannot be moved now is moved later, with newer ones."""
        read, self._read = self._read, {}
        for conversation, seq in read.items():
            try:
                await self._me.mark_read(conversation, seq)
            except Refused:
                continue  # one takes no part there any more
            except CimError:
                self._read = {conversation: seq, **self._read}

    async def _tick(self) -> None:
        while True:
            await trio.sleep(1)
            self._refresh()

    # what commands do with the window

    @property
    def current(self) -> Address:
        return self._current

    @property
    def width(self) -> int | None:
        return self._console.width

    async def switch(self, to: Address) -> None:
        self._current = to
        await self._note(f"to {shown_name(to.name)}")

    async def say(self, to: Address, text: str, reply_to: int = 0) -> None:
        if self._interactive and self._screen.pending >= MAX_PENDING:
            await self._note(f"not taken: {MAX_PENDING} messages are pending already", "note.failed")
            return
        while self._screen.pending >= MAX_PENDING:
            await self._settled.wait()
        key = self._screen.sending(text, None if to.is_lobby else to.name)
        self._outgoing.send_nowait(_Posting(key, to, text, reply_to))
        self._refresh()

    async def show(self, lines: list[Line]) -> None:
        await self._console.show(lines)

    def lines(self, message: Message) -> list[Line]:
        return self._received(message)

    def name(self, conversation: str) -> str:
        if conversation == ids.LOBBY:
            return conversation
        return self._peers.get(conversation, "(group)" if ids.is_group(conversation) else "(private)")

    def newest(self, conversation: str, own: bool) -> int:
        return 0 if own else self._newest.get(conversation, 0)

    def state(self) -> list[tuple[str, str]]:
        return [("state", self._screen.connection_state()), ("pending", str(self._screen.pending))]

    async def retry(self) -> None:
        await self._note("nothing has failed")

    async def next_unread(self) -> None:
        await self._note("nothing is unread")

    def quit(self) -> None:
        self._leaving = True

    # what they do

    async def _greet(self) -> None:
        """The last lines of the lobby; the messages the SDK still has for us begin in the middle of them."""
        try:
            with trio.fail_after(GREETING_TIMEOUT_S):
                last = [message async for message in self._me.history(ids.LOBBY, HISTORY_LINES)][::-1]
        except (CimError, trio.TooSlowError) as error:
            await self._note(f"the last lines of the lobby are not available: {error or 'no answer'}", "note.failed")
            return
        if last:
            self._read[ids.LOBBY] = last[-1].seq
            self._backlog = _Backlog(last[0].seq, last[-1].seq)
        for message in last:
            await self._console.show(self._received(message))

    def _note_newest(self, message: Message) -> None:
        self._newest[message.conversation] = message.seq
        while len(self._newest) > MAX_PEERS:
            del self._newest[next(iter(self._newest))]

    def _show_waiting(self) -> None:
        """What an earlier run has left is pending like what is typed now."""
        for waiting in self._me.waiting()[:MAX_PENDING]:
            key = self._screen.sending(waiting.text, None if waiting.to == ids.LOBBY else waiting.to)
            self._screen.posted(key, waiting.client_msg_id)

    def _received(self, message: Message) -> list[Line]:
        peer = None if message.conversation == ids.LOBBY else self.name(message.conversation)
        return self._screen.received(message, peer)

    def _told(self, event: Event) -> list[Line]:
        match event.kind:
            case "stored":
                return self._screen.settled(event.client_msg_id, Settlement())
            case "failed" if event.state != "kept":  # those wait in the data folder for the next start
                unknown = event.code == Code.OUTCOME_UNKNOWN
                reason = str(CimError(event.code, event.text))
                return self._screen.settled(event.client_msg_id, Settlement(reason, unknown))
            case "notice" if event.state == "storage":
                return [note(one_line(event.text), "note.failed")]
            case "connection" if event.state in _STATES:
                told = event.code and event.state != "reconnecting"
                reason = str(CimError(event.code, event.text)) if told else ""
                retry_at = time.time() + event.retry_in_s if event.retry_in_s else 0.0
                self._screen.connection = Connection(event.state, event.server, retry_at, reason)
            case "conversation" if event.text and len(self._peers) < MAX_PEERS:
                self._peers[event.conversation] = event.text
        return []

    async def _print_settled(self, settled: list[Line]) -> None:
        await self._console.show(settled)
        self._refresh()
        self._settled.set()
        self._settled = trio.Event()

    async def _settle(self) -> None:
        """Wait for what is under way, then say what is not known to be stored."""
        away = self._interactive and self._me.state != "connected"
        with trio.move_on_after(0 if away else PROMPT_SETTLE_S if self._interactive else PIPE_SETTLE_S):
            while self._screen.pending:
                await self._settled.wait()
        self.failure = self.failure or self._screen.farewell()

    async def _note(self, text: str, style: str = "note") -> None:
        await self._console.show([note(text, style)])

    def _refresh(self) -> None:
        self._console.status(self._screen.pending_rows(), self._screen.toolbar())


class _Backlog:
    """Lobby messages the SDK delivers after `_greet` has shown the newest, seqs `first` to `head`."""

    def __init__(self, first: int = 0, head: int = 0) -> None:
        self._first = first
        self._head = head
        self._older = 0

    def shown(self, seq: int) -> bool:
        """Whether the message needs no line: it has one, or is older than those that have."""
        self._older += seq < self._first
        return seq <= self._head

    def skipped(self) -> int:
        """How many older ones got no line since the last call."""
        count, self._older = self._older, 0
        return count
