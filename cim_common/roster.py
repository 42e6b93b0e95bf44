"""What a log has made of a conversation: a fold over its entries (I19). No I/O.

The append script keeps the same state in `conv` and the overlay as it appends; a server uses `taken_out` to end
delivery to those who may read no further (I20). Folding the whole log gives what the store answers: a test compares
the two after every step.
"""

from collections.abc import Callable
from typing import NamedTuple

from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Entry

MAX_PINS = 50


class Standing(NamedTuple):
    """A user's role and the seq by which it came in."""

    role: str
    joined: int


def taken_out(entry: Entry) -> frozenset[int]:
    """The users who may not read what comes after this entry."""
    if entry.kind == Kind.LEFT:
        return frozenset((entry.sender,))
    if entry.kind in (Kind.KICKED, Kind.BANNED):
        return frozenset(target.user for target in entry.targets)
    return frozenset()


class Roster:
    """State of one conversation after the entries applied so far, which have to come in order."""

    def __init__(self) -> None:
        self.name = ""
        self.topic = ""
        self.members: dict[int, Standing] = {}
        self.banned: set[int] = set()
        self.blocked: set[int] = set()
        self.dissolved = False
        self.edited: dict[int, int] = {}
        self.recalled: dict[int, int] = {}
        self.reactions: dict[int, dict[str, set[int]]] = {}
        self.pins: list[int] = []

    @property
    def roles(self) -> dict[int, str]:
        return {user: standing.role for user, standing in self.members.items()}

    def apply(self, entry: Entry) -> None:
        fold = _FOLDS.get(entry.kind)
        if fold is not None:
            fold(self, entry)

    def _created(self, entry: Entry) -> None:
        self._renamed(entry)
        self.members = {target.user: Standing("member", entry.seq) for target in entry.targets}
        self.members[entry.sender] = Standing("owner", entry.seq)

    def _renamed(self, entry: Entry) -> None:
        self.name, self.topic = entry.text, entry.topic

    def _joined(self, entry: Entry) -> None:
        for user, _ in entry.targets:
            self.members.setdefault(user, Standing("member", entry.seq))

    def _removed(self, entry: Entry) -> None:
        leaves = self.members.get(entry.sender) if entry.kind == Kind.LEFT else None
        for user in taken_out(entry):
            self.members.pop(user, None)
        if entry.kind == Kind.BANNED:
            self.banned |= taken_out(entry)
        if leaves is not None and leaves.role == "owner":
            self._succeed()

    def _succeed(self) -> None:
        """The owner has left: the admin, else the member, of longest standing follows, the lower id among equals."""
        if not self.members:
            self.dissolved = True
            return
        heir = min(self.members, key=lambda user: (self.members[user].role != "admin", self.members[user].joined, user))
        self.members[heir] = self.members[heir]._replace(role="owner")

    def _unbanned(self, entry: Entry) -> None:
        self.banned -= {target.user for target in entry.targets}

    def _role(self, entry: Entry) -> None:
        (target,) = entry.targets
        self.members[target.user] = self.members[target.user]._replace(role=entry.role)
        if entry.role == "owner":
            self.members[entry.sender] = self.members[entry.sender]._replace(role="admin")

    def _dissolved(self, entry: Entry) -> None:
        self.dissolved = True

    def _edited(self, entry: Entry) -> None:
        self.edited[entry.ref] = entry.seq

    def _recalled(self, entry: Entry) -> None:
        self.edited.pop(entry.ref, None)
        self.recalled[entry.ref] = entry.seq

    def _reaction(self, entry: Entry) -> None:
        users = self.reactions.setdefault(entry.ref, {}).setdefault(entry.text, set())
        if entry.removed:
            users.discard(entry.sender)
        else:
            users.add(entry.sender)

    def _pinned(self, entry: Entry) -> None:
        self.pins = [pin for pin in self.pins if pin != entry.ref]
        if not entry.removed:
            self.pins = [*self.pins, entry.ref][-MAX_PINS:]

    def _blocked(self, entry: Entry) -> None:
        self.blocked |= {target.user for target in entry.targets}

    def _unblocked(self, entry: Entry) -> None:
        self.blocked -= {target.user for target in entry.targets}


_FOLDS: dict[int, Callable[[Roster, Entry], None]] = {
    Kind.CREATED: Roster._created,
    Kind.JOINED: Roster._joined,
    Kind.LEFT: Roster._removed,
    Kind.KICKED: Roster._removed,
    Kind.BANNED: Roster._removed,
    Kind.UNBANNED: Roster._unbanned,
    Kind.ROLE: Roster._role,
    Kind.RENAMED: Roster._renamed,
    Kind.DISSOLVED: Roster._dissolved,
    Kind.EDITED: Roster._edited,
    Kind.RECALLED: Roster._recalled,
    Kind.REACTION: Roster._reaction,
    Kind.PINNED: Roster._pinned,
    Kind.BLOCKED: Roster._blocked,
    Kind.UNBLOCKED: Roster._unblocked,
}
