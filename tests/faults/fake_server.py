"""A small model of the cluster that keeps the promise, and sixteen ways to break it.

One log per conversation; sends with `n` and `after`, refusals remembered, resends answered from what is stored; each
device gets what stands above its cursor. `Bug` names what may be planted; `harm` counts how often a planted bug did
what must be found. Every method is one atomic step; what is lost and when is decided by `fake_clients.py`.
"""

import random
from collections import defaultdict
from enum import Enum, auto
from typing import NamedTuple

LOBBY = "lobby"
GROUP = "group"
BATCH = 5

Device = tuple[str, str]


class Bug(Enum):
    """What may be planted."""

    LOST_ACK = auto()
    DOUBLE_AFTER_RESEND = auto()
    PUSH_TO_THE_KICKED = auto()
    SEQ_USED_TWICE = auto()
    CURSOR_AHEAD_OF_THE_SHOWN = auto()
    NACK_THEN_DELIVERED = auto()
    ORDER_INVERTED_BY_RETRY = auto()
    ID_CLASH_BETWEEN_USERS = auto()
    REORDER_INSIDE_A_BATCH = auto()
    LOST_FIRST_DIRECT_MESSAGE = auto()
    JOIN_WITHOUT_INTEREST = auto()
    SCHEDULE_FIRED_TWICE = auto()
    STALE_EPOCH_MOVES_A_CURSOR = auto()
    WRONG_SENDER = auto()
    TRUNCATED_BATCH = auto()
    SHOWN_THEN_VANISHED = auto()


class Frame(NamedTuple):
    """A send on its way; `begun` is when its sender wrote it down."""

    user: str
    device: str
    conversation: str
    n: int
    after: int
    text: str
    begun: int


class Entry(NamedTuple):
    """A message in a log. One that a bug has lost is a hole: `text` is empty."""

    seq: int
    id: str
    sender: str
    device: str
    text: str
    begun: int


class Reply(NamedTuple):
    """The answer to a send: "ack", "nack" or "retry"."""

    kind: str
    n: int
    seq: int = 0
    id: str = ""


class Push(NamedTuple):
    """What a device gets next of a conversation; once it is shown its cursor is at `end`, an index of the log."""

    conversation: str
    entries: list[Entry]
    end: int


class FakeServer:
    """All servers and their store as one."""

    def __init__(self, rng: random.Random, bug: Bug | None = None) -> None:
        self._rng = rng
        self.bug = bug
        self.harm = 0
        self.logs: dict[str, list[Entry]] = defaultdict(list)
        self.group: set[str] = set()
        self.left_at: dict[str, int] = {}
        self.joined_at: dict[str, int] = {}
        """When a leave or join was answered last: what was begun later counts."""

        self._last: dict[tuple[str, ...], int] = {}
        self._stored: dict[tuple[str, ...], dict[int, Entry | None]] = defaultdict(dict)
        self._cursors: dict[tuple[Device, str], int] = {}
        self._sent: dict[tuple[Device, str], int] = {}
        self._deaf: dict[str, int] = {}

    def _planted(self, bug: Bug, chance: float = 1.0) -> bool:
        return self.bug is bug and self._rng.random() < chance

    def takes_part(self, user: str, conversation: str) -> bool:
        if conversation == GROUP:
            return user in self.group
        return conversation == LOBBY or user in conversation.split("-")

    # -- sends -----------------------------------------------------------------------------------------------

    def send(self, frame: Frame) -> Reply:
        """Dedupe first, then the order, then membership, then write."""
        clash = self.bug is Bug.ID_CLASH_BETWEEN_USERS
        chain = (frame.conversation, frame.device) if clash else (frame.conversation, frame.user, frame.device)
        last = self._last.get(chain, 0)
        stored = self._stored[chain]
        if frame.n in stored or (frame.n < last and self.bug is not Bug.ORDER_INVERTED_BY_RETRY):
            return self._again(frame, stored.get(frame.n))
        if last < frame.after and self.bug is not Bug.ORDER_INVERTED_BY_RETRY:
            return Reply("retry", frame.n)
        self._last[chain] = max(last, frame.n)
        if not self.takes_part(frame.user, frame.conversation) or not frame.text.isprintable():
            stored[frame.n] = None
            return Reply("nack", frame.n)
        if self.bug is Bug.ORDER_INVERTED_BY_RETRY:
            self.harm += any(n > frame.n and later is not None for n, later in stored.items())
        entry = stored[frame.n] = self._append(frame, f"{frame.device}:{frame.n}" if clash else "")
        if self._planted(Bug.NACK_THEN_DELIVERED, 0.05):
            self.harm += 1
            return Reply("nack", frame.n)
        if self._planted(Bug.LOST_ACK, 0.05):
            self.harm += 1
            self.logs[frame.conversation][-1] = entry._replace(text="")
        return Reply("ack", frame.n, entry.seq, entry.id)

    def _again(self, frame: Frame, entry: Entry | None) -> Reply:
        if entry is None:
            return Reply("nack", frame.n)
        if self._planted(Bug.DOUBLE_AFTER_RESEND, 0.3):
            self.harm += 1
            self._append(frame)
        self.harm += entry.sender != frame.user and self.bug is Bug.ID_CLASH_BETWEEN_USERS
        return Reply("ack", frame.n, entry.seq, entry.id)

    def _append(self, frame: Frame, message_id: str = "") -> Entry:
        log = self.logs[frame.conversation]
        seq = log[-1].seq + 1 if log else 1
        if log and self._planted(Bug.SEQ_USED_TWICE, 0.05):
            self.harm += 1
            seq -= 1
        sender = frame.user
        if self._planted(Bug.WRONG_SENDER, 0.05):
            self.harm += 1
            sender = "mallory"
        entry = Entry(
            seq, message_id or f"{frame.user}:{frame.device}:{frame.n}", sender, frame.device, frame.text, frame.begun
        )
        log.append(entry)
        if seq == 1 and frame.conversation not in (LOBBY, GROUP) and self._planted(Bug.LOST_FIRST_DIRECT_MESSAGE):
            self.harm += 1
            log[0] = entry._replace(text="")
        return entry

    def fire(self, frame: Frame) -> Reply:
        """A schedule is due: its message enters the log, outside of the device's chain."""
        entry = self._append(frame, f"sched:{frame.user}:{frame.device}:{frame.n}")
        if self._planted(Bug.SCHEDULE_FIRED_TWICE, 0.5):
            self.harm += 1
            self._append(frame, f"sched:{frame.user}:{frame.device}:{frame.n}")
        return Reply("ack", frame.n, entry.seq, entry.id)

    # -- members ---------------------------------------------------------------------------------------------

    def join(self, user: str, devices: list[Device]) -> None:
        """What is appended from now on is for this user."""
        self.group.add(user)
        for device in devices:
            self._cursors[device, GROUP] = self._sent[device, GROUP] = len(self.logs[GROUP])
        if self._planted(Bug.JOIN_WITHOUT_INTEREST):
            self._deaf[user] = len(self.logs[GROUP]) + 3

    def leave(self, user: str) -> None:
        self.group.discard(user)
        self.left_at.pop(user, None)
        self._deaf.pop(user, None)

    # -- deliveries ------------------------------------------------------------------------------------------

    def connect(self, device: Device, on_its_way: list[Push]) -> None:
        """A new connection begins where the device's cursors stand; what was on its way to the old one is lost."""
        for push in on_its_way:
            if self.bug is Bug.STALE_EPOCH_MOVES_A_CURSOR:
                self.confirm(device, push)
            if self.bug in (Bug.STALE_EPOCH_MOVES_A_CURSOR, Bug.CURSOR_AHEAD_OF_THE_SHOWN):
                self.harm += self.takes_part(device[0], push.conversation)
        for known, conversation in list(self._sent):
            if known == device:
                self._sent[device, conversation] = self._cursors.get((device, conversation), 0)

    def begin_at_heads(self, device: Device) -> dict[str, int]:
        """A device that starts late, and where."""
        for conversation, log in self.logs.items():
            self._cursors[device, conversation] = self._sent[device, conversation] = len(log)
        return {conversation: log[-1].seq for conversation, log in self.logs.items() if log}

    def push(self, device: Device, conversation: str) -> Push | None:
        """The next batch for a device, one's own messages left out."""
        user, name = device
        log = self.logs[conversation]
        begin = self._sent.get((device, conversation), 0)
        end = min(len(log), begin + BATCH)
        if not self._gets(user, conversation, log[begin:end]):
            return None
        batch = [entry for entry in log[begin:end] if entry.text and (entry.sender, entry.device) != (user, name)]
        if conversation == GROUP and begin < self._deaf.get(user, 0):
            kept = [entry for entry in batch if log.index(entry) >= self._deaf[user]]
            self.harm += any(e not in kept and e.begun > self.joined_at.get(user, 0) for e in batch)
            batch = kept
        self._sent[device, conversation] = end
        if len(batch) > 1 and self._planted(Bug.REORDER_INSIDE_A_BATCH, 0.2):
            self.harm += 1
            batch[0], batch[1] = batch[1], batch[0]
        if len(batch) > 1 and self._planted(Bug.TRUNCATED_BATCH, 0.2):
            self.harm += 1
            del batch[-1]
        if self.bug is Bug.CURSOR_AHEAD_OF_THE_SHOWN:
            self._cursors[device, conversation] = end
        return Push(conversation, batch, end)

    def _gets(self, user: str, conversation: str, entries: list[Entry]) -> bool:
        if not entries or self.takes_part(user, conversation):
            return bool(entries)
        return conversation == GROUP and user in self.left_at and self.bug is Bug.PUSH_TO_THE_KICKED

    def confirm(self, device: Device, push: Push) -> None:
        """The device has shown a batch."""
        user = device[0]
        if not self.takes_part(user, push.conversation) and user in self.left_at:
            self.harm += any(entry.begun > self.left_at[user] for entry in push.entries)
        cursor = self._cursors.get((device, push.conversation), 0)
        self._cursors[device, push.conversation] = max(cursor, push.end)

    def lose_one_shown(self) -> None:
        """Something everybody has seen is gone from its log."""
        if self._planted(Bug.SHOWN_THEN_VANISHED):
            self.harm += 1
            del self.logs[LOBBY][self._rng.randrange(len(self.logs[LOBBY]))]
