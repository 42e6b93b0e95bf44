"""Member records of a conversation (scripts/parts/members.lua writes them) and lists of members."""

from typing import NamedTuple

from cim_common import ids
from cim_common.ids import MAX_SEQ
from cim_common.store import keys
from cim_common.store.flow import Flow
from cim_common.store.marks import marks_of
from cim_common.wire.limits import MAX_MEMBER_PAGE
from cim_common.wire.messages import Member

ROLES = {b"o": "owner", b"a": "admin", b"m": "member", b"b": "blocked", b"l": "left", b"x": "banned"}
TAKING_PART: frozenset[bytes] = frozenset((b"o", b"a", b"m", b"b"))
NAMES_OF_TAKING_PART = frozenset(ROLES[letter] for letter in TAKING_PART)


class MemberRecord(NamedTuple):
    """How a user stands in a conversation: the name of its role, what counts as read from the start, and the first and
    the last seq it may read, the last MAX_SEQ while that goes on."""

    role: str
    base: int
    readable_from: int
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
    first = spans.partition(b"-")[0] or 1
    return MemberRecord(ROLES[role], int(base), int(first), int(last))


def role_of(conversation: str, user: int) -> Flow[str | None]:
    """The name of the user's role; None for a stranger or where there is no such conversation."""
    (record,) = yield [("HGET", keys.conv(conversation), f"m:{user}")]
    member = parse(record)
    return member.role if member else None


def count(conversation: str) -> Flow[int]:
    """How many take part."""
    (found,) = yield [("HGET", keys.conv(conversation), "mc")]
    return int(found or 0)


def page(conversation: str, after: int, limit: int, reads: bool) -> Flow[tuple[list[Member], bool]]:
    """Members with an id above `after`, by id, and whether there are more; `reads`: with their read marks.

    What it costs grows with the page, not with the group.
    """
    most = max(1, min(limit or MAX_MEMBER_PAGE, MAX_MEMBER_PAGE))
    rest = yield from _above(conversation, after, most + 1)
    shown = rest[:most]
    if not shown:
        return [], False
    records, *rows = yield [
        ("HMGET", keys.conv(conversation), *[f"m:{user}" for user in shown]),
        *[("HMGET", keys.user(user), "name", "no_receipts") for user in shown],
        *[("HGET", keys.marks(user), conversation) for user in shown if reads],
    ]
    names, marks = rows[: len(shown)], rows[len(shown) :] or [None] * len(shown)
    found = [
        Member(user, (name or b"").decode(), member.role, 0 if silent else marks_of(mark)[0])
        for user, record, (name, silent), mark in zip(shown, records, names, marks, strict=True)
        if (member := parse(record)) is not None and member.role in NAMES_OF_TAKING_PART
    ]
    return found, len(rest) > len(shown)


def _above(conversation: str, after: int, most: int) -> Flow[list[int]]:
    """User ids of those who take part, the lowest first."""
    direct = ids.direct_users(conversation)
    if direct is not None:
        return [user for user in sorted(set(direct)) if user > after]
    (found,) = yield [("ZRANGE", keys.members(conversation), f"({after}", "+inf", "BYSCORE", "LIMIT", 0, most)]
    return [int(user) for user in found]
