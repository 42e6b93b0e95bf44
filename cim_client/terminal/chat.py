"""One chat session: typed lines to the SDK, messages and events to the screen.

Tasks around one `Screen`, which only trio's thread touches:

==========  ============================================================================
type        typed lines -> actions; ends the session at the end of input or at `:q!`
post        what was typed -> SDK (posting.py)
receive     the last lines of the conversation one begins in, then messages -> lines
watch       events -> lines, settled messages, connection state
print       lines -> console, many at a time
release     lines held for those before them -> lines
draw        what stands around the prompt, when it has changed and once a second
directory   the conversation list -> titles, one's part, what is muted, what is unread
marks       what is on the screen -> read marks, once a second
assist      what the input line can complete, and that one is typing
==========  ============================================================================

The first of type and watch that ends, ends the session. Nobody waits for a server while reading the keyboard.
"""

import time
from collections.abc import Sequence

import trio

from cim_client import LOBBY, CimError, Client, Event, Message
from cim_client.terminal.commands.context import Address, Context
from cim_client.terminal.commands.dispatch import Dispatch
from cim_client.terminal.commands.settings import Settings
from cim_client.terminal.commands.syntax import Wrong
from cim_client.terminal.console import Console, PlainConsole
from cim_client.terminal.display import colours, lines
from cim_client.terminal.display.directory import Directory
from cim_client.terminal.display.lines import Line, fitting, note
from cim_client.terminal.display.reading import ReadMarks
from cim_client.terminal.display.screen import MAX_PENDING, Connection, Screen
from cim_client.terminal.display.spool import Spool
from cim_client.terminal.editor.assist import Assist
from cim_client.terminal.posting import Posting

HISTORY_LINES = 20
"""Lines of a conversation shown at the start, and when one goes there."""

HISTORY_TIMEOUT_S = 5.0
"""What going to a conversation may wait for its last lines."""

DRAW_EVERY_S = 0.05
"""How often at most what stands around the prompt is drawn anew."""

RELEASE_EVERY_S = 0.1
"""How often is looked whether held lines need to wait no longer, while there are any."""

PROMPT_SETTLE_S = 1.0
PIPE_SETTLE_S = 30.0
"""How long messages under way are waited for at the end: a prompt shows the state, a pipe has no other chance."""

_STATES = ("connecting", "connected", "reconnecting", "closed")


class Session:
    """A logged-in client `me`, a console and the screen between them: the `Window` of the commands.

    `run` returns when the user has finished or the connection is closed for good; `failure` is then the sentence to
    leave with, None if all is well.
    """

    def __init__(self, me: Client, console: Console, route: str, interactive: bool, to: str = LOBBY) -> None:
        self.failure: str | None = None
        self._me = me
        self._console = console
        self._interactive = interactive
        self._settings = Settings(me.local.setting, me.local.set_setting)
        self._context = Context(me, route, self, self._settings)
        self._screen = Screen(me.name, me.user_id, lambda: console.width, settings=self._settings, given=self._given)
        self._screen.recent.look_up = self._kept
        self._in_hand = ""
        self._spool = Spool(console, self._draw)
        self._posting = Posting(me, self._screen, self._print, self._redraw_soon)
        self._drawn_anew = trio.Event()
        self._some_held = trio.Event()
        self._leaving = False
        self._unsent = False
        self._first = to
        self._greeted = False
        self._marks = ReadMarks(me)
        self._directory = Directory(me, self._screen.conversations)
        self._assist = Assist(me, console, self._screen)

    async def run(self) -> None:
        self._screen.connection = Connection(self._me.state, self._me.server)
        self._screen.outgoing.found(self._me.waiting(), time.time(), lambda group: self._me.group(group).name)
        self._draw()
        self._take_up_draft()
        if connected := self._me.state == "connected":
            await self._greet()
        else:
            self._print(self._screen.recap(LOBBY, self._local(LOBBY)))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._receive, connected)
            for task in (self._posting.run, self._spool.run, self._release):
                nursery.start_soon(task)
            for task in (self._redraw, self._directory.run, self._marks.run, self._assist.run):
                nursery.start_soon(task)
            nursery.start_soon(self._watch, nursery.cancel_scope)
            await self._type(nursery)
            await self._settle()
            with trio.move_on_after(PROMPT_SETTLE_S):
                await self._marks.write()
            await self._spool.flush()
            nursery.cancel_scope.cancel()

    # the tasks

    async def _type(self, nursery: trio.Nursery) -> None:
        dispatch = Dispatch(self._context, nursery, self._interactive)
        if self._first != LOBBY:
            try:
                await self._context.switch(self._first)
            except (Wrong, CimError) as error:  # what is typed next was not meant for the lobby
                self.failure = f"not begun with {self._first}: {error}"
                return
        async for line in self._console.lines():
            await dispatch.line(line)
            self._unsent = dispatch.unsent
            self._assist.keep_draft()
            self._redraw_soon()
            if self._leaving:
                return

    async def _receive(self, greeted: bool) -> None:
        if not greeted:
            try:
                await self._me.ready()
            except CimError:
                return  # `watch` ends the session
            await self._greet()
        async for message in self._me.messages():
            self._in_hand = message.conversation
            while self._me.queues["events"]:  # of what stands below the message, watch may have something to print
                await self._spool.room()
                await trio.lowlevel.checkpoint()
            self._in_hand = ""
            self._print(self._screen.received(message))
            self._assist.met(message.sender)
            if self._screen.conversations.prints(message.conversation):
                self._marks.shown(message)
            await self._spool.room()

    async def _watch(self, session: trio.CancelScope) -> None:
        """Events end when the client is closed, and so does the session."""
        async for event in self._me.events():
            self._told(event)
            await self._spool.room()
        await self._spool.flush()
        self.failure = ", ".join(filter(None, [self._screen.connection_state(), self._screen.farewell()]))
        session.cancel()

    async def _release(self) -> None:
        while True:
            await self._some_held.wait()
            self._some_held = trio.Event()
            while self._screen.held:
                await trio.sleep(RELEASE_EVERY_S)
                self._print(self._screen.due())

    async def _redraw(self) -> None:
        while True:
            with trio.move_on_after(1):
                await self._drawn_anew.wait()
            self._drawn_anew = trio.Event()
            self._draw()
            await trio.sleep(DRAW_EVERY_S)

    # what commands do with the window

    @property
    def current(self) -> Address:
        current = self._screen.conversations.current
        return Address(current, self._screen.conversations.title(current))

    @property
    def width(self) -> int | None:
        return self._console.width

    async def switch(self, to: Address) -> None:
        before = self._screen.conversations.current
        last: list[Message] = []
        if to.to != before:  # else what was said here stands above
            kept = self._local(to.to)
            last = kept if len(kept) == HISTORY_LINES else await self._last(to.to)
        conversation = last[0].conversation if last else to.to
        self._screen.conversations.named(conversation, to.name)
        self._print(self._screen.switch(conversation, last))
        if conversation != before and not isinstance(self._console, PlainConsole):
            local = self._me.local
            local.set_draft(before, self._console.switched(local.draft(conversation)))
        self._read_up_to(last)
        self._redraw_soon()
        await self._spool.room()

    async def say(self, to: Address, text: str, reply_to: int = 0) -> None:
        if self._interactive and self._posting.full:
            await self._note(f"not taken: {MAX_PENDING} messages are pending already", "note.failed")
            return
        await self._posting.room()
        self._posting.say(to, text, reply_to)

    async def show(self, lines: list[Line]) -> None:
        self._print(fitting(lines, self._console.width))
        await self._spool.room()

    def history(self, messages: Sequence[Message]) -> list[Line]:
        return self._screen.recap(messages[0].conversation, messages) if messages else []

    def label(self, conversation: str) -> str:
        return self._screen.conversations.label(conversation)

    def renamed(self, conversation: str, name: str) -> None:
        self._screen.conversations.named(conversation, name)
        self._redraw_soon()

    async def settled(self) -> None:
        await self._posting.settled()

    def newest(self, conversation: str, own: bool) -> int:
        chat = self._screen.conversations.chat(conversation)
        return chat.newest_own if own else chat.newest

    def state(self) -> list[tuple[str, str]]:
        return [("state", self._screen.connection_state()), ("pending", str(self._screen.pending))]

    async def retry(self) -> None:
        failed = self._screen.outgoing.take_failed()
        if not failed:
            await self._note("nothing has failed")
        for message in failed:
            await self.say(Address(message.to, message.name), message.text, message.reply_to)

    async def next_unread(self) -> None:
        found = self._screen.conversations.next_unread()
        if found is None:
            await self._note("nothing is unread")
        else:
            await self.switch(Address(found, self._screen.conversations.title(found)))

    def quit(self) -> None:
        self._leaving = True

    # what they do

    async def _greet(self) -> None:
        """The last lines of the lobby; the messages the SDK still has for us begin in the middle of them."""
        with trio.move_on_after(HISTORY_TIMEOUT_S):
            await self._directory.read()
        last = [message for message in await self._last(LOBBY) if not self._screen.recent.has(message)]
        self._greeted = True
        self._print(self._screen.recap(LOBBY, last, self._screen.conversations.chat(LOBBY).left))
        self._read_up_to(last)

    async def _last(self, conversation: str) -> list[Message]:
        """The last messages of a conversation, oldest first, as the cluster has them; else those that are kept here."""
        if self._me.state != "connected":
            return self._local(conversation)
        try:
            with trio.fail_after(HISTORY_TIMEOUT_S):
                return [message async for message in self._me.history(conversation, HISTORY_LINES)][::-1]
        except (CimError, trio.TooSlowError) as error:
            await self._note(f"these are the last lines kept here: {error or 'no answer'}", "note.failed")
            return self._local(conversation)

    def _local(self, conversation: str) -> list[Message]:
        return self._me.local.messages(conversation, HISTORY_LINES)[::-1]

    def _kept(self, conversation: str, seq: int) -> Message | None:
        """A message that was not shown in this run."""
        found = self._me.local.messages(conversation, 1, seq + 1)
        return found[0] if found and found[0].seq == seq else None

    def _take_up_draft(self) -> None:
        if draft := self._me.local.draft(LOBBY):
            self._console.switched(draft)

    def _read_up_to(self, last: list[Message]) -> None:
        if last:
            self._marks.shown(last[-1])

    def _told(self, event: Event) -> None:
        match event.kind:
            case "stored" | "failed":
                self._posting.happened(event)
            case "connection":
                if event.state in _STATES:
                    self._connection(event)
            case _:
                if event.kind == "conversation" and event.state == "settings":
                    self._directory.changed()
                self._print(self._screen.happened(event))

    def _connection(self, event: Event) -> None:
        told = event.code and event.state != "reconnecting"
        reason = str(CimError(event.code, event.text)) if told else ""
        retry_at = time.time() + event.retry_in_s if event.retry_in_s else 0.0
        self._screen.connection = Connection(event.state, event.server, retry_at, reason)
        if event.state == "connected":
            self._screen.user_id = self._me.user_id
            self._directory.changed()
        self._redraw_soon()

    def _given(self, conversation: str) -> int | None:
        """Up to where all of a conversation is printed, as far as one can say."""
        early = conversation == self._in_hand or (conversation == LOBBY and not self._greeted)
        return 0 if early else self._me.taken_up_to(conversation)

    async def _settle(self) -> None:
        """Wait for what is under way, then say what is not known to be stored."""
        away = self._interactive and self._me.state != "connected"
        with trio.move_on_after(0 if away else PROMPT_SETTLE_S if self._interactive else PIPE_SETTLE_S):
            await self._posting.settled()
        self._print(self._screen.all_held())
        self.failure = self.failure or self._screen.farewell()
        if not self._interactive and (self._unsent or not self._screen.outgoing.all_stored):
            self.failure = self.failure or "not all of it was sent"

    async def _note(self, text: str, style: str = "note") -> None:
        await self.show([note(text, style)])

    def _print(self, rows: list[Line]) -> None:
        self._spool.add(self._coloured(rows))
        if self._screen.held:
            self._some_held.set()

    def _coloured(self, rows: list[Line]) -> list[Line]:
        return rows if self._settings.colours else [colours.without_colours(row) for row in rows]

    def _redraw_soon(self) -> None:
        self._drawn_anew.set()

    def _draw(self) -> None:
        self._screen.answering = self._context.answering
        conversations = self._screen.conversations
        at_home = conversations.current == LOBBY
        label = "" if at_home else lines.entry_label(conversations.label(conversations.current), self._console.width)
        self._console.status(self._coloured(self._screen.pending_rows()), self._screen.toolbar(), label)
        if self._screen.ringing:
            self._screen.ringing = False
            self._console.bell()
