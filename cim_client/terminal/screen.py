"""What is on its way and how the connection is: decides what is printed, prints nothing and waits for nothing.

One's own message is *pending* from Enter until the log has it: it stands above the prompt, where it can be taken away
again, for printed lines cannot be edited. Once settled it is printed with its mark, so the scrollback holds one line
per message, in the order in which messages became durable.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from cim_client.terminal import lines
from cim_client.terminal.lines import STORED, Line
from cim_client.terminal.sanitize import one_line, shown_name
from cim_client.types import Message
from cim_common import ids

MAX_PENDING = 256
"""Own messages under way; more are not taken from the user until some are settled."""

MAX_PENDING_ROWS = 5
"""Rows above the prompt; the rest is counted."""

MAX_EARLY = 64
"""Settlements that came before `post` told us the message's id, or that belong to an earlier run."""


class Pending(NamedTuple):
    text: str
    to: str | None
    time: float


class Settlement(NamedTuple):
    """How a message ended: stored if there is no `reason`; `unknown`: it may have been stored."""

    reason: str = ""
    unknown: bool = False


class Connection(NamedTuple):
    """The connection as last heard of; `retry_at` is on the same clock as `Screen`'s, 0.0 if unknown."""

    state: str
    server: str = ""
    retry_at: float = 0.0
    reason: str = ""


class Screen:
    """The model of one chat window. `width` tells the columns (None: do not fold), `now` the wall clock."""

    def __init__(
        self,
        me: str,
        user_id: int,
        width: Callable[[], int | None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.me = me
        self.user_id = user_id
        self.connection = Connection("connecting")
        self._width = width
        self._now = now
        self._pending: OrderedDict[int, Pending] = OrderedDict()
        self._keys: dict[str, int] = {}
        self._early: OrderedDict[str, Settlement] = OrderedDict()
        self._last_key = 0

    @property
    def pending(self) -> int:
        return len(self._pending)

    def received(self, message: Message, peer: str | None) -> list[Line]:
        """A message from the log; one's own comes from another device or is history.

        `peer`: the other side of a private conversation or the name of a group; None for the lobby.
        """
        if message.sender_id == self.user_id:
            return lines.own(message.text, peer, message.time_ms / 1000, self._now(), self._width(), STORED)
        to = peer if peer is None or ids.is_group(message.conversation) else "me"
        return lines.received(message, to, self._now(), self._width())

    def sending(self, text: str, to: str | None) -> int:
        """A message was typed: it is pending from now on. The answer names it until it has an id."""
        self._last_key += 1
        self._pending[self._last_key] = Pending(text, to, self._now())
        return self._last_key

    def posted(self, key: int, client_msg_id: str) -> list[Line]:
        """The SDK took it; if it was settled even before that, this is what to print."""
        early = self._early.pop(client_msg_id, None)
        if early is not None:
            return self.settled_key(key, early)
        self._keys[client_msg_id] = key
        return []

    def settled(self, client_msg_id: str, settlement: Settlement) -> list[Line]:
        key = self._keys.pop(client_msg_id, None)
        if key is not None:
            return self.settled_key(key, settlement)
        self._early[client_msg_id] = settlement
        if len(self._early) > MAX_EARLY:
            self._early.popitem(last=False)
        return []

    def settled_key(self, key: int, settlement: Settlement) -> list[Line]:
        message = self._pending.pop(key)
        mark = _mark(settlement)
        shown = lines.own(message.text, message.to, message.time, self._now(), self._width(), mark)
        return [*shown, lines.note(settlement.reason, "note.failed")] if settlement.reason else shown

    def pending_rows(self) -> list[Line]:
        """What stands above the prompt, oldest first."""
        width = self._width() or 80
        first = [m for m, _ in zip(self._pending.values(), range(MAX_PENDING_ROWS), strict=False)]
        rows = [lines.own_pending(m.text, m.to, m.time, self._now(), width) for m in first]
        if len(self._pending) > len(first):
            rows.append(lines.note(f"and {len(self._pending) - len(first)} more pending", "mark.pending"))
        return rows

    def toolbar(self) -> str:
        parts = [shown_name(self.me), self.connection_state()]
        if self._pending:
            parts.append(f"{len(self._pending)} pending")
        return " " + " · ".join([*parts, ":all lists the commands"])

    def farewell(self) -> str | None:
        """What is to be said of messages still pending when the program ends."""
        if not self._pending:
            return None
        kept = len(self._keys)
        parts = [f"{kept} not known to be stored, sent again at the next start"] if kept else []
        if lost := len(self._pending) - kept:
            parts.append(f"{lost} not sent")
        return "messages under way: " + ", ".join(parts)

    def connection_state(self) -> str:
        """`connected to s1`, `reconnecting in 2 s`, `closed: reason`."""
        state, server, retry_at, reason = self.connection
        if state == "connected":
            return f"connected to {shown_name(server)}" if server else state
        if state == "reconnecting" and (wait := round(retry_at - self._now())) > 0:
            return f"reconnecting in {wait} s"
        return one_line(f"{state}: {reason}" if reason else state)


def _mark(settlement: Settlement) -> tuple[str, str]:
    if not settlement.reason:
        return STORED
    return ("mark.failed", "? may not be sent" if settlement.unknown else "✗ not sent")
