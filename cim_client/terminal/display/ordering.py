"""The order in which lines are printed: of each conversation that of its log, each seq once.

What there is to print comes from three sides: messages (in the order of the log), events and one's own messages (told
as soon as the SDK knows of them, perhaps before a message below them was taken), and history, which may run ahead of
the messages still to come. A printed line cannot be moved or taken back. So what comes early is *held* until the SDK
has given all that is below it, and what history has shown is *covered*: nothing up to there is printed again.

Pure: the caller says what time it is, on any clock, and up to where the SDK has given everything.
"""

from bisect import insort
from collections.abc import Callable
from typing import NamedTuple

from cim_client.terminal.display.lines import Line

HOLD_S = 0.3
"""How long something is held of a conversation of which the SDK knows nothing yet."""

MAX_HOLD_S = 30.0
"""How long while what is below it is known to be missing: a server that died is given up before that."""

MAX_HELD = 256
"""Held in all conversations together; above that the oldest is printed where it is."""

MAX_CONVERSATIONS = 10_000

Given = Callable[[str], int | None]
"""Up to which seq of a conversation everything has been given; None if that is not known."""

Print = Callable[[], list[Line]]
"""Makes the lines at the moment they are printed: until then one may have gone to another conversation."""


class _Held(NamedTuple):
    seq: int
    number: int
    since: float
    print: Print


class _Log:
    """A conversation's log: all up to `known` has come; `first` to `head` was shown as history."""

    __slots__ = ("first", "head", "held", "known", "skipped")

    def __init__(self) -> None:
        self.known = 0
        self.first = 0
        self.head = 0
        self.skipped = 0
        self.held: list[_Held] = []


class Ordering:
    """Of all conversations. Each method returns what is to be printed now, in order."""

    def __init__(self, given: Given = lambda conversation: None) -> None:
        self._given = given
        self._logs: dict[str, _Log] = {}
        self._held: dict[str, None] = {}
        self._count = 0

    @property
    def held(self) -> int:
        return sum(len(self._logs[conversation].held) for conversation in self._held)

    def message(self, conversation: str, seq: int, print_it: Print) -> list[Line]:
        """A message has come from the log: everything below it has come too, or never will."""
        log = self._log(conversation)
        if seq <= log.head:
            log.skipped += seq < log.first
            return []
        lines = self._release(conversation, log, seq - 1)
        log.known = max(log.known, seq)
        return [*lines, *print_it(), *self._release(conversation, log)]

    def early(self, conversation: str, seq: int, now: float, print_it: Print) -> list[Line]:
        """One's own message, or a change, has that seq: it may be before its turn."""
        log = self._log(conversation)
        log.known = max(log.known, self._given(conversation) or 0)
        if seq <= log.known + 1:
            log.known = max(log.known, seq)
            return [*print_it(), *self._release(conversation, log)]
        self._count += 1
        insort(log.held, _Held(seq, self._count, now, print_it), key=lambda held: held[:2])
        self._held[conversation] = None
        return self._give_up_oldest() if self.held > MAX_HELD else []

    def due(self, now: float) -> list[Line]:
        """What is in its place now, or was held long enough."""
        lines: list[Line] = []
        for conversation in list(self._held):
            log, given = self._logs[conversation], self._given(conversation)
            log.known = max(log.known, given or 0)
            patience_s = HOLD_S if given is None else MAX_HOLD_S
            late = [held.seq for held in log.held if now - held.since >= patience_s]
            lines += self._release(conversation, log, max(late, default=0))
        return lines

    def covered(self, conversation: str, first: int, head: int) -> list[Line]:
        """History shows the log from `first` up to `head`; what is returned was held and is printed before it."""
        log = self._log(conversation)
        if head <= log.head:
            return []
        log.first = first if first > log.head + 1 else log.first
        log.head = head
        lines = self._release(conversation, log, head)
        log.known = max(log.known, head)
        return lines

    def follow(self, conversation: str) -> list[Line]:
        """What was held and follows on what history has shown."""
        return self._release(conversation, self._log(conversation))

    def is_covered(self, conversation: str, seq: int) -> bool:
        """Whether history has shown, or left out, what stands there."""
        return conversation in self._logs and seq <= self._logs[conversation].head

    def skipped(self, conversation: str) -> int:
        """How many messages have come since the last call that are older than all that is shown of it."""
        log = self._log(conversation)
        count, log.skipped = log.skipped, 0
        return count

    def rewound(self, conversation: str, seq: int) -> None:
        """The log goes up to `seq` only: numbers above it are given anew."""
        log = self._log(conversation)
        log.known, log.head = min(log.known, seq), min(log.head, seq)

    def _log(self, conversation: str) -> _Log:
        log = self._logs.get(conversation)
        if log is None:
            if len(self._logs) >= MAX_CONVERSATIONS:
                self._forget_one()
            log = self._logs[conversation] = _Log()
        return log

    def _forget_one(self) -> None:
        del self._logs[next(conversation for conversation in self._logs if conversation not in self._held)]

    def _release(self, conversation: str, log: _Log, up_to: int = 0) -> list[Line]:
        """What is held up to a seq, and what follows on it without a gap."""
        lines: list[Line] = []
        while log.held and log.held[0].seq <= max(up_to, log.known + 1):
            held = log.held.pop(0)
            log.known = max(log.known, held.seq)
            lines += held.print()
        if not log.held:
            self._held.pop(conversation, None)
        return lines

    def _give_up_oldest(self) -> list[Line]:
        oldest = min(self._held, key=lambda conversation: self._logs[conversation].held[0].number)
        log = self._logs[oldest]
        return self._release(oldest, log, log.held[0].seq)
