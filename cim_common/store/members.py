"""Member records of a conversation (scripts/parts/members.lua writes them) and lists of members."""

from collections.abc import Sequence
from typing import NamedTuple

from cim_common.ids import MAX_SEQ
from cim_common.store import keys
from cim_common.store.flow import Flow
from cim_common.store.marks import marks_of
from cim_common.store.sessions import pairs
from cim_common.wire.limits import MAX_MEMBER_PAGE
from cim_common.wire.messages import Member

ROLES = {b"o": "owner", b"a": "admin", b"m": "member", b"b": "blocked", b"l": "left", b"x": "banned"}
TAKING_PART = frozenset((b"o", b"a", b"m", b"b"))
NAMES_OF_TAKING_PART = frozenset(ROLES[letter] for letter in TAKING_PART)

SCAN_COUNT = 1_000


class MemberRecord(NamedTuple):
    """How a user stands in a conversation: the name of its role, what counts as read from the start, and the last seq
    it may read, MAX_SEQ while that goes on."""

    role: str
    base: int
    readable_to: int

    @property
    def is_out(self) -> bool:
        """Whether the user was there and is no more."""
        return self.role in ("left", "banned")


def parse(record: bytes | None) -> MemberRecord | None:
    if record is None:
        return None
    role, spans, base, _ = record.split()
    last = spans.rpartition(b"-")[2] or (MAX_SEQ if spans != b"-" else 0)
    return MemberRecord(ROLES[role], int(base), int(last))


def role_of(conversation: str, user: int) -> Flow[str | None]:
    """The name of the user's role; None for a stranger or where there is no such conversation."""
    (record,) = yield [("HGET", keys.conv(conversation), f"m:{user}")]
    member = parse(record)
    return member.role if member else None


def count(conversation: str) -> Flow[int]:
    """How many take part."""
    (found,) = yield [("HGET", keys.conv(conversation), "mc")]
    return int(found or 0)


def everyone(conversation: str) -> Flow[dict[int, str]]:
    """User id -> role of all who take part, read in steps: a large group is no single reply."""
    found: dict[int, str] = {}
    cursor: bytes | int = 0
    while True:
        ((cursor, fields),) = yield [("HSCAN", keys.conv(conversation), cursor, "MATCH", "m:*", "COUNT", SCAN_COUNT)]
        for field, record in pairs(fields):
            member = parse(record)
            if member is not None and record[:1] in TAKING_PART:
                found[int(field[2:])] = member.role
        if int(cursor) == 0:
            return found


def page(conversation: str, after: int, limit: int, reads: bool) -> Flow[tuple[list[Member], bool]]:
    """Members with an id above `after`, by id, and whether there are more; `reads`: with their read marks."""
    all_of_them = yield from everyone(conversation)
    rest = sorted(user for user in all_of_them if user > after)
    shown = rest[: max(1, min(limit or MAX_MEMBER_PAGE, MAX_MEMBER_PAGE))]
    if not shown:
        return [], False
    names = yield [("HMGET", keys.user(user), "name", "no_receipts") for user in shown]
    marks: Sequence[bytes | None] = [None] * len(shown)
    if reads:
        marks = yield [("HGET", keys.marks(user), conversation) for user in shown]
    found = [
        Member(user, (name or b"").decode(), all_of_them[user], 0 if silent else marks_of(mark)[0])
        for user, (name, silent), mark in zip(shown, names, marks, strict=True)
    ]
    return found, len(rest) > len(shown)
