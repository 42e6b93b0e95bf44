"""What one chat window shows: messages, events and states in, lines out. Prints nothing and waits for nothing.

One's own message is *pending* from Enter until the log has it: it stands above the prompt, where it can be taken away
again, for printed lines cannot be edited. Once settled it is printed with its mark, in its place in the log
(ordering.py), so the scrollback holds one line per message. What happens to messages later is told in lines of its own;
how far one's newest message has got, in the bar.
"""

import math
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple

from cim_client import LOBBY, Event, Message, direct_users
from cim_client.terminal.commands.settings import Settings
from cim_client.terminal.display import happenings, lines, status
from cim_client.terminal.display.conversations import Conversations
from cim_client.terminal.display.lines import Line
from cim_client.terminal.display.ordering import Given, Ordering
from cim_client.terminal.display.outgoing import MAX_PENDING, Outgoing, Pending, Settlement
from cim_client.terminal.display.receipts import Receipts
from cim_client.terminal.display.recent import Recent
from cim_client.terminal.display.sanitize import one_line, shown_name
from cim_client.terminal.display.typists import Typists
from cim_client.terminal.display.writer import Writer

__all__ = ["MAX_PENDING", "Connection", "Screen", "Settlement"]

MAX_PENDING_ROWS = 5
"""Rows above the prompt; the rest is counted."""

_OF_A_MESSAGE = ("edited", "recalled", "reaction")


class Connection(NamedTuple):
    """The connection as last heard of; `retry_at` is on the same clock as `Screen`'s, 0.0 if unknown."""

    state: str
    server: str = ""
    retry_at: float = 0.0
    reason: str = ""


class Screen:
    """The model of one chat window.

    `width` tells the columns (None: do not fold), `now` the wall clock, `moment` a clock that only goes forward,
    `given` up to where the SDK has given all of a conversation.
    """

    def __init__(
        self,
        me: str,
        user_id: int,
        width: Callable[[], int | None] = lambda: None,
        now: Callable[[], float] = time.time,
        moment: Callable[[], float] = time.monotonic,
        settings: Settings | None = None,
        given: Given = lambda conversation: None,
    ) -> None:
        self.me = me
        self.user_id = user_id
        self.connection = Connection("connecting")
        self.answering = False
        self.outgoing = Outgoing()
        self.ringing = False
        self._width = width
        self._now = now
        self._moment = moment
        self._settings = settings or Settings()
        self.conversations = Conversations(self._settings)
        self._writer = Writer(me, self.conversations, self._settings, width, now)
        self._order = Ordering(given)
        self._receipts = Receipts(me)
        self._typists = Typists()

    # -- messages of the log -----------------------------------------------------------------------------

    @property
    def recent(self) -> Recent:
        """How messages that were shown lately begin."""
        return self._writer.recent

    @property
    def held(self) -> int:
        """How many lines wait for others that come before them."""
        return self._order.held

    def due(self) -> list[Line]:
        """Held lines that need to wait no longer."""
        return self._order.due(self._moment())

    def all_held(self) -> list[Line]:
        """Held lines, for nothing comes any more."""
        return self._order.due(math.inf)

    def received(self, message: Message) -> list[Line]:
        """A message the SDK gives; one's own comes from another device. Nothing, if history has shown it."""
        place = message.conversation, message.seq
        if self._order.is_covered(*place):
            return self._order.message(*place, lambda: [])
        left_out = self._order.skipped(message.conversation)
        before = self._left_out(message.conversation, left_out) if left_out else []
        return before + self._order.message(*place, lambda: self._printed(message))

    def _left_out(self, conversation: str, count: int) -> list[Line]:
        told = happenings.line_of([f"{count} earlier messages of ", self._label(conversation), " are not shown"])
        return lines.fitting([told], self._width())

    def _printed(self, message: Message) -> list[Line]:
        own = message.sender_id == self.user_id
        self.conversations.arrived(message.conversation, message.seq, own)
        if not own and direct_users(message.conversation) is not None:
            self.conversations.named(message.conversation, message.sender)
        self._typists.wrote(message.conversation, message.sender)
        if own:
            self._receipts.stored(message.conversation, message.seq)
        else:
            self._ring(message)
        return self._writer.message(message, own) if self.conversations.prints(message.conversation) else []

    def _ring(self, message: Message) -> None:
        bell = self._settings.bell
        if bell == "off" or self.conversations.chat(message.conversation).muted:
            return
        private = direct_users(message.conversation) is not None
        self.ringing = self.ringing or bell == "all" or private or self._writer.mention.search(message.text) is not None

    # -- history -----------------------------------------------------------------------------------------

    def switch(self, conversation: str, last: Sequence[Message]) -> list[Line]:
        """Go to a conversation; `last` are its last messages, oldest first, as far as they are to be had."""
        since = self.conversations.switch(conversation)
        private = direct_users(conversation) is not None
        header = lines.header(self.conversations.label(conversation), private, self._width())
        return [header, *self.recap(conversation, last, since)]

    def recap(self, conversation: str, last: Sequence[Message], since: int = 0) -> list[Line]:
        """Messages as history has them, oldest first; `since` is the last one seen before, 0 if that is not known.

        What is above all that was shown so far counts as shown by this.
        """
        if not last:
            return []
        rows = self._order.covered(conversation, last[0].seq, last[-1].seq)
        told = not since
        for message in last:
            own = message.sender_id == self.user_id
            if not told and message.seq > since and not own:
                rows.append(lines.rule("new since you left", "rule.new"))
                told = True
            self.conversations.arrived(conversation, message.seq, own)
            rows += self._writer.message(message, own)
        return rows + self._order.follow(conversation)

    # -- one's own messages ------------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        return len(self.outgoing.pending)

    def sending(self, text: str, to: str = LOBBY, name: str = "", reply_to: int = 0) -> int:
        """A message was typed: it is pending from now on. The answer names it until it has an id.

        `to` is a conversation or what the SDK takes for one, `name` how that is called.
        """
        return self.outgoing.sending(Pending(to, name or to, text, reply_to, self._now()))

    def posted(self, key: int, client_msg_id: str) -> list[Line]:
        """The SDK took it; if it was settled even before that, this is what to print."""
        early = self.outgoing.posted(key, client_msg_id)
        return [] if early is None else self.settled_key(key, early)

    def settled(self, client_msg_id: str, settlement: Settlement) -> list[Line]:
        key = self.outgoing.settled(client_msg_id, settlement)
        return [] if key is None else self.settled_key(key, settlement)

    def settled_key(self, key: int, settlement: Settlement) -> list[Line]:
        if not settlement.seq:
            return self._settled(key, settlement)
        place = settlement.conversation, settlement.seq
        self._receipts.stored(*place)
        if self._order.is_covered(*place):
            self.outgoing.take(key, settlement)
            return []
        return self._order.early(*place, self._moment(), lambda: self._settled(key, settlement))

    def _settled(self, key: int, settlement: Settlement) -> list[Line]:
        message = self.outgoing.take(key, settlement)
        if settlement.seq:
            if self._order.is_covered(settlement.conversation, settlement.seq):
                return []
            self.conversations.arrived(settlement.conversation, settlement.seq, own=True)
        return self._writer.settled(message, settlement)

    # -- what happens ------------------------------------------------------------------------------------

    def happened(self, event: Event) -> list[Line]:
        """An event that is not about one's own sending or the connection."""
        match event.kind:
            case "typing" if event.user != self.me:
                self._typists.typing(event.conversation, event.user, self._moment())
            case "delivered":
                self._receipts.delivered(event.conversation, event.user, event.seq)
            case "read":
                self._receipts.read(event.conversation, event.user, event.seq)
            case "conversation" if event.state in ("new", "renamed"):
                self.conversations.named(event.conversation, event.text)
        if event.kind == "notice":
            return self._noticed(event)
        if not event.seq or event.kind in ("typing", "delivered", "read"):
            return []
        return self._order.early(event.conversation, event.seq, self._moment(), lambda: self._told(event))

    def _noticed(self, event: Event) -> list[Line]:
        if event.state == "rewound":
            for known in (self._order, self.conversations, self._writer.recent):
                known.rewound(event.conversation, event.seq)
            self._receipts.rewound(event.conversation)
        if event.state == "storage":
            return lines.fitting([lines.note(event.text, "note.failed")], self._width())
        return self._told(event)

    def _told(self, event: Event) -> list[Line]:
        conversation = event.conversation
        if event.kind in _OF_A_MESSAGE:
            chat = self.conversations.chat(conversation)
            if event.ref > max(chat.newest, chat.left):
                return []  # the message has not been shown: it will be as it is now
            if event.kind != "reaction":
                self._writer.recent.edited(conversation, event.ref, event.text if event.kind == "edited" else "")
        line = happenings.told(event, self.me)
        if line is None or (conversation and not self.conversations.prints(conversation)):
            return []
        if event.seq and event.kind != "notice" and self._order.is_covered(conversation, event.seq):
            return []
        if conversation and conversation != self.conversations.current:
            line[1:1] = happenings.line_of([self._label(conversation), ": "])[1:]
        return lines.fitting([line], self._width())

    def _label(self, conversation: str) -> happenings.Foreign:
        return happenings.title(self.conversations.label(conversation))

    # -- around the prompt -------------------------------------------------------------------------------

    def pending_rows(self) -> list[Line]:
        """What stands above the prompt, oldest first."""
        pending = self.outgoing.pending
        rows = [self._writer.pending(message) for message in islice(pending.values(), MAX_PENDING_ROWS)]
        if len(pending) > len(rows):
            rows.append(lines.note(f"and {len(pending) - len(rows)} more pending", "mark.pending"))
        return rows

    def toolbar(self) -> str:
        current = self.conversations.current
        told = status.Status(
            self.me,
            self.connection_state(),
            self.connection.state == "connected",
            self.conversations.label(current),
            self.conversations.unread(),
            self._typists.shown(current, self._moment()),
            self.pending,
            self._receipts.state(current),
            self.answering,
        )
        return status.bar(told, self._width())

    def farewell(self) -> str | None:
        """What is to be said of messages still pending when the program ends."""
        return self.outgoing.farewell()

    def connection_state(self) -> str:
        """`connected to s1`, `reconnecting in 2 s`, `closed: reason`."""
        state, server, retry_at, reason = self.connection
        if state == "connected":
            return f"connected to {shown_name(server)}" if server else state
        if state in ("reconnecting", "connecting") and (wait := round(retry_at - self._now())) > 0:
            return f"{state} in {wait} s"
        return one_line(f"{state}: {reason}" if reason else state)
