"""What has to be sent: numbers, order, the window, and going back. No I/O.

Each conversation has a lane of unsettled messages in the order of their numbers (I5). A message's `after` is the
unsettled message before it; what was settled or given up is skipped. At most `WINDOW` of a lane are on the wire;
a RETRY sends everything from that message on again, in order, after the time it names; so does a new connection.
A change (anything but a text) blocks its lane until it is answered.

A message to a name waits until its conversation is known, and with it what was sent later to any direct
conversation: it may be the same one, and a later message that overtakes would take its place for good (SUPERSEDED).

A device whose data was copied has to become another (ID_REUSED). Of what it has tried to send the outcome is not
known, and under a new id the store could not tell a second try from a new message. So the old device first *finishes*:
what was ever tried is sent again under its old number until it is stored or known never to be (`disown`), nothing else
is sent, and only then everything left is renumbered. On each connection the first message of a lane goes alone, for it
is the one that meets the copy's numbers: nothing behind it is stored before it.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from cim_common import ids
from cim_common.wire.messages import Change, Send

WINDOW = 32
"""Half of what the server allows: a resend may overlap what it repeats."""

MAX_QUEUED = 10_000
OUT_OF_ORDER_S = 0.05
"""How soon to try again what had to wait for an earlier message."""


class Settled(NamedTuple):
    """How a message ended: `code` 0 is stored. `left`: it was let go, and of it nothing is said."""

    code: int
    seq: int
    message: str = ""
    left: bool = False


class Outgoing:
    """One message until it is settled; `done` is called once.

    `body` is the frame without conversation and numbers. `id` is the public id the program knows it by, "" until it
    needs one. `saved`: whether it stands in the data folder (`Kept`). `tries`: how often this process has sent it under
    its number; `unknown`: it may have been tried before, by this process or an earlier one, and nobody said that it was
    not stored.
    """

    __slots__ = ("body", "conversation", "deadline", "done", "id", "n", "saved", "sent", "to", "tries", "unknown")

    def __init__(
        self,
        n: int,
        to: str,
        body: Send | Change,
        deadline: float | None,
        done: Callable[["Outgoing", Settled], None],
    ) -> None:
        self.n = n
        self.to = to
        self.body = body
        self.deadline = deadline
        self.done = done
        self.conversation = ""
        self.id = ""
        self.sent = False
        self.saved = 0
        self.tries = 0
        self.unknown = False


class _Lane:
    __slots__ = ("paused_until", "waiting")

    def __init__(self) -> None:
        self.waiting: list[Outgoing] = []
        self.paused_until = 0.0


class Outbox:
    """All unsettled messages of a device. `careful`: its numbers may have been copied."""

    def __init__(self, careful: bool = False) -> None:
        self._careful = careful
        self._proven: set[str] = set()
        self._lanes: dict[str, _Lane] = {}
        self._by_n: dict[int, Outgoing] = {}
        self._unresolved: dict[str, list[Outgoing]] = {}
        self.finishing = False

    def __len__(self) -> int:
        return len(self._by_n) + sum(map(len, self._unresolved.values()))

    def _all(self) -> Iterable[Outgoing]:
        return [*self._by_n.values(), *(m for waiting in self._unresolved.values() for m in waiting)]

    def unsettled(self) -> list[Outgoing]:
        """Everything, in order."""
        return sorted(self._all(), key=lambda message: message.n)

    def unresolved(self) -> list[str]:
        """Names whose conversation is not known yet, with messages for it."""
        return list(self._unresolved)

    def add(self, message: Outgoing, conversation: str | None) -> None:
        """Queue a message; without its conversation it waits for `resolved`."""
        if conversation is None:
            self._unresolved.setdefault(message.to, []).append(message)
        else:
            self._queue(message, conversation)

    def _queue(self, message: Outgoing, conversation: str) -> None:
        message.conversation = conversation
        lane = self._lanes.setdefault(conversation, _Lane())
        index = len(lane.waiting)
        while index and lane.waiting[index - 1].n > message.n:
            index -= 1
        lane.waiting.insert(index, message)
        self._by_n[message.n] = message

    def resolved(self, to: str, conversation: str) -> None:
        for message in self._unresolved.pop(to, ()):
            self._queue(message, conversation)

    def unresolvable(self, to: str) -> list[Outgoing]:
        """There is no such name: what was meant for it, no longer queued."""
        return self._unresolved.pop(to, [])

    def frames(self, now: float) -> list[Send | Change]:
        """What to write now."""
        frames: list[Send | Change] = []
        first_unresolved = min((waiting[0].n for waiting in self._unresolved.values()), default=0)
        for conversation, lane in self._lanes.items():
            if lane.paused_until <= now:
                held_from = first_unresolved if ids.direct_users(conversation) is not None else 0
                window = WINDOW if not self._careful or conversation in self._proven else 1
                frames += self._frames_of(lane, held_from, window)
        return frames

    def _frames_of(self, lane: _Lane, held_from: int, window: int) -> list[Send | Change]:
        frames: list[Send | Change] = []
        after = 0
        for message in lane.waiting:
            if self.finishing and not message.unknown:
                continue
            if not window or 0 < held_from < message.n:
                break
            window -= 1
            if not message.sent:
                message.sent = message.unknown = True
                message.tries += 1
                frames.append(message.body._replace(conversation=message.conversation, n=message.n, after=after))
            if isinstance(message.body, Change):
                break
            after = message.n
        return frames

    def proven(self, conversation: str) -> None:
        """The store has taken a message of this device there: its numbers are its own."""
        if self._careful:
            self._proven.add(conversation)

    def settle(self, n: int) -> Outgoing | None:
        """A message is stored, refused or given up; None if it is settled already."""
        message = self._by_n.pop(n, None)
        if message is None:
            return None
        lane = self._lanes[message.conversation]
        lane.waiting.remove(message)
        if not lane.waiting:
            del self._lanes[message.conversation]
        return message

    def give_up(self, message: Outgoing) -> bool:
        """Take a message out whether it was sent or not; False if it is settled already."""
        if self._by_n.get(message.n) is message:
            self.settle(message.n)
            return True
        waiting = self._unresolved.get(message.to, [])
        if message in waiting:
            waiting.remove(message)
            if not waiting:
                del self._unresolved[message.to]
            return True
        return False

    def retry(self, n: int, after_s: float, now: float) -> None:
        """Not now: this message and all behind it go again, in order."""
        message = self._by_n.get(n)
        if message is None:
            return
        lane = self._lanes[message.conversation]
        lane.paused_until = max(lane.paused_until, now + max(after_s, OUT_OF_ORDER_S))
        for behind in lane.waiting[lane.waiting.index(message) :]:
            behind.sent = False

    def get(self, n: int) -> Outgoing | None:
        return self._by_n.get(n)

    def disconnected(self) -> None:
        """Nothing is on the wire any more; silence means unknown, so everything goes again (I7)."""
        self._proven.clear()
        for lane in self._lanes.values():
            lane.paused_until = 0.0
            for message in lane.waiting:
                message.sent = False

    def overdue(self, now: float) -> list[Outgoing]:
        """Messages whose time is up."""
        return [message for message in self._all() if message.deadline is not None and message.deadline <= now]

    # -- becoming another device -------------------------------------------------------------------------

    def finish(self) -> None:
        """The device may give no more numbers: what was tried, or stands in a file, goes out under the one it has."""
        self.finishing = True
        for message in self._all():
            message.unknown = message.unknown or bool(message.saved)

    def disown(self, n: int) -> None:
        """That number was used by another copy of our data: this message never was stored under it, nor will be."""
        self.finishing = True
        message = self._by_n.get(n)
        if message is not None:
            message.unknown = message.sent = False

    def finished(self) -> bool:
        """Whether nothing is left whose outcome under the old id is unknown."""
        return not any(message.unknown for message in self._all())

    def unsure(self) -> list[Outgoing]:
        """What may have been stored under the old id, no longer queued: nobody can tell any more."""
        unsure = [message for message in self._all() if message.unknown]
        for message in unsure:
            self.give_up(message)
        return unsure

    def renumber(self, next_n: Callable[[], int]) -> list[tuple[int, Outgoing]]:
        """The device has a new id: everything unsettled gets new numbers, in order. Returns (old n, message)."""
        changed = [(message.n, message) for message in self.unsettled()]
        self._by_n = {}
        for _, message in changed:
            message.n = next_n()
            message.sent = message.unknown = False
            message.tries = 0
            if message.conversation:
                self._by_n[message.n] = message
        self._proven.clear()
        self.finishing = False
        return changed

    def drain(self) -> list[Outgoing]:
        """The client ends: all that is unsettled."""
        drained = self.unsettled()
        self._lanes, self._by_n, self._unresolved = {}, {}, {}
        return drained
