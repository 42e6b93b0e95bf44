"""One's own messages from Enter until it is known what became of them. Pure.

A message has a key until `post` has returned its id; what became of it may be told before that. Those that were refused
are kept, so that they can be sent again, unless that would not help; one whose outcome is unknown may have been stored,
and is not.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from cim_client import CimError, Code, Waiting, direct_users, is_group

MAX_PENDING = 256
"""Own messages under way; more are not taken from the user until some are settled."""

MAX_EARLY = 64
"""Settlements that came before `post` told us the message's id, or that belong to an earlier run."""

MAX_FAILED = 20
"""Refused messages that can be sent again."""

_HOPELESS = (Code.BAD_REQUEST, Code.EMPTY_TEXT, Code.TEXT_TOO_LONG, Code.TOO_LARGE, Code.NO_SUCH_MESSAGE)
"""It is the message itself that is refused, whatever becomes of the conversation."""


class Pending(NamedTuple):
    """A message under way. `to` is what the SDK takes, `name` how it is called; `time` when it was typed."""

    to: str
    name: str
    text: str
    reply_to: int
    time: float


class Settlement(NamedTuple):
    """How a message ended: stored at `seq` if there is no `reason`.

    `unknown`: it may have been stored. `hopeless`: it would be refused again.
    """

    reason: str = ""
    unknown: bool = False
    conversation: str = ""
    seq: int = 0
    hopeless: bool = False

    @property
    def again(self) -> bool:
        """Whether it can be sent once more, and that may help."""
        return bool(self.reason) and not (self.unknown or self.hopeless)


def failed(error: CimError) -> Settlement:
    """How a message ended of which the SDK says that."""
    return Settlement(str(error), error.code == Code.OUTCOME_UNKNOWN, hopeless=error.code in _HOPELESS)


class Outgoing:
    """Messages under way, oldest first, and those that failed. `taken` is called when there is one less under way."""

    def __init__(self) -> None:
        self.taken: Callable[[], None] = lambda: None
        self.pending: OrderedDict[int, Pending] = OrderedDict()
        self._keys: dict[str, int] = {}
        self._early: OrderedDict[str, Settlement] = OrderedDict()
        self._failed: deque[Pending] = deque(maxlen=MAX_FAILED)
        self._lost = False
        self._last_key = 0

    @property
    def all_stored(self) -> bool:
        """Whether nothing is under way, in doubt, or refused and not sent again."""
        return not (self.pending or self._failed or self._lost)

    def sending(self, message: Pending) -> int:
        """It was typed. The answer names it until it has an id."""
        self._last_key += 1
        self.pending[self._last_key] = message
        return self._last_key

    def found(self, waiting: Iterable[Waiting], now: float, group_name: Callable[[str], str]) -> None:
        """What an earlier run has posted and is still on its way; `group_name` says what a group is called."""
        for posted in waiting:
            if len(self.pending) < MAX_PENDING:
                name = posted.to if direct_users(posted.to) is None else "(private)"
                name = group_name(posted.to) if is_group(posted.to) else name
                key = self.sending(Pending(posted.to, name, posted.text, posted.reply_to, now))
                self._keys[posted.client_msg_id] = key

    def posted(self, key: int, client_msg_id: str) -> Settlement | None:
        """The SDK took it; the answer is what became of it, if that is known already."""
        early = self._early.pop(client_msg_id, None)
        if early is None:
            self._keys[client_msg_id] = key
        return early

    def settled(self, client_msg_id: str, settlement: Settlement) -> int | None:
        """It is known what became of a message; the answer is its key, None if it has not been posted yet."""
        key = self._keys.pop(client_msg_id, None)
        if key is None:
            self._early[client_msg_id] = settlement
            if len(self._early) > MAX_EARLY:
                self._early.popitem(last=False)
        return key

    def take(self, key: int, settlement: Settlement) -> Pending:
        """It is shown with what became of it, and is under way no more."""
        message = self.pending.pop(key)
        if settlement.again:
            self._failed.append(message)
        elif settlement.reason:
            self._lost = True
        self.taken()
        return message

    def take_failed(self) -> list[Pending]:
        """All that can be sent again, oldest first; they are forgotten here."""
        failed = list(self._failed)
        self._failed.clear()
        return failed

    def farewell(self) -> str | None:
        """What is to be said of messages still pending when the program ends."""
        if not self.pending:
            return None
        kept = len(self._keys)
        parts = [f"{kept} not known to be stored, sent again at the next start"] if kept else []
        if lost := len(self.pending) - kept:
            parts.append(f"{lost} not sent")
        return "messages under way: " + ", ".join(parts)
