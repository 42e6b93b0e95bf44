"""What a conversation is, without a store: the promise as a small program, for `test_model.py` to compare with.

Written from docs/protocol.md, not from the scripts: `Sender` says what becomes of a number, `Model` who may do what and
what it makes of the log, who takes part, what each may read and how much of it is unread.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind

MAX_SPANS = 8
MAX_PINS = 50
MAX_STEPS = 64
"""So far a device's own messages are looked through; of an older one the store does not tell."""

RANK = {"owner": 3, "admin": 2, "member": 1}
OF_GROUPS = frozenset(
    (
        Kind.JOINED, Kind.LEFT, Kind.KICKED, Kind.BANNED, Kind.UNBANNED, Kind.ROLE, Kind.RENAMED, Kind.DISSOLVED,
    )
)  # fmt: skip


class Asked(NamedTuple):
    """A message or change, as its sender means it."""

    kind: Kind = Kind.TEXT
    text: str = ""
    ref: int = 0
    targets: tuple[int, ...] = ()
    role: str = ""
    removed: bool = False


class Fact(NamedTuple):
    """One entry of a log."""

    seq: int
    sender: int
    device: str
    n: int
    asked: Asked


class Answer(NamedTuple):
    """How a send ends: STORED, KNOWN, REFUSED, RETRY or UNRESOLVED, with a seq or a code."""

    status: str
    seq: int = 0
    code: int = 0


@dataclass(slots=True)
class Sender:
    """What is known of a device's numbers in one conversation: each is decided once, for ever."""

    last: int = 0
    stored: dict[int, Fact] = field(default_factory=dict)
    refusal: int = 0
    """The code with which the last number was refused."""

    def earlier(self, n: int, after: int, asked: Asked) -> Answer | None:
        """What an earlier try has come to; None when this number is new."""
        if n > self.last:
            return Answer("RETRY", 0, Code.OUT_OF_ORDER) if self.last < after else None
        if n == self.last and self.refusal:
            return Answer("REFUSED", 0, self.refusal)
        if sum(stored > n for stored in self.stored) >= MAX_STEPS:
            return Answer("UNRESOLVED")
        if n in self.stored:
            fact = self.stored[n]
            same = fact.asked == asked
            return Answer("KNOWN", fact.seq) if same else Answer("REFUSED", fact.seq, Code.ID_REUSED)
        return Answer("REFUSED", 0, Code.SUPERSEDED)


@dataclass(slots=True)
class Standing:
    """One user: its role, and from where to where it may read (None: on)."""

    role: str
    joined: int
    spans: list[tuple[int, int | None]]

    def may_read(self, seq: int) -> bool:
        return any(first <= seq and (last is None or seq <= last) for first, last in self.spans)

    def close(self, seq: int) -> None:
        if self.spans and self.spans[-1][1] is None:
            self.spans[-1] = (self.spans[-1][0], seq)


class Model:
    """One conversation, direct from the start or a group once it is created."""

    def __init__(self, direct: tuple[int, ...] = ()) -> None:
        self.direct = bool(direct)
        self.log: list[Fact] = []
        self.senders: dict[tuple[int, str], Sender] = defaultdict(Sender)
        self.users = {user: Standing("member", 0, [(1, None)]) for user in direct}
        self.listed: set[int] = set(direct)
        self.created = self.direct
        self.dissolved = False
        self.title = ""
        self.edits: dict[int, int] = {}
        self.recalls: dict[int, int] = {}
        self.reactions: dict[int, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        self.pins: list[int] = []
        self.marks: dict[int, int] = {}

    @property
    def head(self) -> int:
        return len(self.log)

    def role(self, user: int) -> str:
        return self.users[user].role if user in self.users else ""

    def rank(self, user: int) -> int:
        return RANK.get(self.role(user), 0)

    @property
    def members(self) -> dict[int, str]:
        return {user: standing.role for user, standing in self.users.items() if standing.role in (*RANK, "blocked")}

    # -- writing -------------------------------------------------------------------------------------------

    def append(self, user: int, device: str, n: int, after: int, asked: Asked) -> Answer:
        """A copy of a send has come to the store."""
        sender = self.senders[user, device]
        if (answer := sender.earlier(n, after, asked)) is not None:
            return answer
        code = self._refusal(user, asked)
        sender.last, sender.refusal = n, code or 0
        if code is not None:
            return Answer("REFUSED", 0, code)
        fact = sender.stored[n] = Fact(self.head + 1, user, device, n, asked)
        self.log.append(fact)
        self._apply(fact)
        return Answer("STORED", fact.seq)

    def _refusal(self, user: int, asked: Asked) -> Code | None:
        if asked.kind is Kind.CREATED:
            return Code.ID_TAKEN if self.created else None
        if not self.created:
            return Code.NO_SUCH_CONVERSATION
        if self.dissolved:
            return Code.DISSOLVED
        role = self.role(user)
        if role == "banned" or (role == "blocked" and asked.kind not in (Kind.BLOCKED, Kind.UNBLOCKED)):
            return Code.BLOCKED
        if role in ("", "left"):
            return Code.NOT_A_MEMBER
        if asked.kind in OF_GROUPS:
            return Code.FORBIDDEN if self.direct else self._of_group(user, asked)
        return self._of_message(user, asked)

    def _of_group(self, user: int, asked: Asked) -> Code | None:
        kind, rank = asked.kind, self.rank(user)
        target = asked.targets[0] if asked.targets else 0
        taking_part = self.rank(target) > 0
        if kind is Kind.JOINED:
            if self.role(target) == "banned":
                return Code.BANNED
            return Code.ALREADY_A_MEMBER if taking_part else None
        if kind is Kind.LEFT:
            return None
        if kind is Kind.KICKED and not taking_part:
            return Code.THEY_ARE_NOT_MEMBERS
        if kind in (Kind.KICKED, Kind.BANNED):
            return None if rank >= 2 and rank > self.rank(target) else Code.FORBIDDEN
        if kind in (Kind.ROLE, Kind.DISSOLVED) and (rank < 3 or target == user):
            return Code.FORBIDDEN
        if rank < 2:
            return Code.FORBIDDEN
        if kind is Kind.ROLE and not taking_part:
            return Code.THEY_ARE_NOT_MEMBERS
        if kind is Kind.UNBANNED and self.role(target) != "banned":
            return Code.THEY_ARE_NOT_BANNED
        return None

    def _of_message(self, user: int, asked: Asked) -> Code | None:
        kind = asked.kind
        if kind in (Kind.BLOCKED, Kind.UNBLOCKED):
            return None if self.direct and asked.targets[0] != user else Code.FORBIDDEN
        if kind is Kind.TEXT:
            return None
        if kind is Kind.PINNED and not self.direct and self.rank(user) < 2:
            return Code.FORBIDDEN
        if not 1 <= asked.ref <= self.head or asked.ref in self.recalls:
            return Code.NO_SUCH_MESSAGE
        message = self.log[asked.ref - 1]
        if message.asked.kind is not Kind.TEXT:
            return Code.NO_SUCH_MESSAGE
        own = message.sender == user
        if kind is Kind.EDITED and not own:
            return Code.FORBIDDEN
        if kind is Kind.RECALLED and not own and (self.direct or self.rank(user) < 2):
            return Code.FORBIDDEN
        return None

    def _apply(self, fact: Fact) -> None:
        seq, asked = fact.seq, fact.asked
        match asked.kind:
            case Kind.CREATED:
                self.created, self.title = True, asked.text
                for user in (*asked.targets, fact.sender):
                    self.users[user] = Standing("member", seq, [(1, None)])
                self.users[fact.sender].role = "owner"
                self.listed |= set(self.users)
            case Kind.JOINED:
                self._join(asked.targets[0], seq)
            case Kind.LEFT:
                self._leave(fact.sender, seq)
            case Kind.KICKED:
                self._take_out(asked.targets[0], "left", seq)
            case Kind.BANNED:
                self._take_out(asked.targets[0], "banned", seq)
            case Kind.UNBANNED:
                self.users[asked.targets[0]].role = "left"
            case Kind.ROLE:
                self.users[asked.targets[0]].role = asked.role
                if asked.role == "owner":
                    self.users[fact.sender].role = "admin"
            case Kind.RENAMED:
                self.title = asked.text
            case Kind.DISSOLVED:
                self.dissolved = True
            case Kind.BLOCKED if self.role(asked.targets[0]) == "member":
                self.users[asked.targets[0]].role = "blocked"
            case Kind.UNBLOCKED if self.role(asked.targets[0]) == "blocked":
                self.users[asked.targets[0]].role = "member"
            case _:
                self._revise(fact)

    def _join(self, user: int, seq: int) -> None:
        standing = self.users.setdefault(user, Standing("", 0, []))
        standing.role, standing.joined = "member", seq
        standing.spans = [*standing.spans, (seq, None)][-MAX_SPANS:]
        self.listed.add(user)

    def _take_out(self, user: int, role: str, seq: int) -> None:
        standing = self.users.setdefault(user, Standing("", 0, []))
        standing.role = role
        standing.close(seq)

    def _leave(self, user: int, seq: int) -> None:
        owner = self.role(user) == "owner"
        self._take_out(user, "left", seq)
        heirs = [other for other in self.users if self.rank(other)]
        if owner and heirs:
            heir = min(heirs, key=lambda other: (-self.rank(other), self.users[other].joined, other))
            self.users[heir].role = "owner"
        self.dissolved = not heirs

    def _revise(self, fact: Fact) -> None:
        ref, asked = fact.asked.ref, fact.asked
        if asked.kind is Kind.EDITED:
            self.edits[ref] = fact.seq
        elif asked.kind is Kind.RECALLED:
            self.edits.pop(ref, None)
            self.recalls[ref] = fact.seq
        elif asked.kind is Kind.REACTION:
            users = self.reactions[ref][asked.text]
            (users.discard if asked.removed else users.add)(fact.sender)
        elif asked.kind is Kind.PINNED:
            pins = [pin for pin in self.pins if pin != ref]
            self.pins = pins if asked.removed else [*pins, ref][-MAX_PINS:]

    # -- reading -------------------------------------------------------------------------------------------

    def may_ask(self, user: int) -> bool:
        return user in self.users

    def readable(self, user: int, above: int) -> list[int]:
        """The seqs above one that the user may read."""
        return [seq for seq in range(above + 1, self.head + 1) if self.users[user].may_read(seq)]

    def hidden(self, user: int, above: int) -> list[int]:
        """The seqs between that are answered with NOT_A_MEMBER."""
        readable = self.readable(user, above)
        return sorted(set(range(above + 1, max(readable, default=above) + 1)) - set(readable))

    def shown(self, seq: int, user: int = 0) -> Fact:
        """What is given out of an entry: as it was written, or to a user as it is now. A recalled text never is."""
        fact = self.log[seq - 1]
        if fact.asked.kind is Kind.TEXT:
            edit = self.edit_of(seq, user) if user else 0
            text = "" if seq in self.recalls else self.log[(edit or seq) - 1].asked.text
            return fact._replace(asked=fact.asked._replace(text=text))
        if fact.asked.kind is Kind.EDITED and fact.asked.ref in self.recalls:
            return fact._replace(asked=fact.asked._replace(text=""))
        return fact

    def edit_of(self, seq: int, user: int) -> int:
        """The last edit of a message, if the user may read it; 0 for none."""
        edit = self.edits.get(seq, 0)
        return edit if edit and self.users[user].may_read(edit) else 0

    def mark(self, user: int, seq: int) -> int | None:
        """The user has read up to there; where the mark stands then. Not for those who take no part."""
        if user not in self.members:
            return None
        self.marks[user] = max(self.marks.get(user, 0), min(seq, self.head))
        return self.marks[user]

    def unread(self, user: int) -> int:
        """Texts of others above the mark and since the user came; none for who has left."""
        standing = self.users[user]
        if standing.role in ("left", "banned"):
            return 0
        above = max(self.marks.get(user, 0), standing.joined)
        return sum(fact.asked.kind is Kind.TEXT and fact.sender != user for fact in self.log[above:])
