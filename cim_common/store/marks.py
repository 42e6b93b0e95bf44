"""Read marks: per user and conversation, forward only (I21).

A mark is "seq base": the last seq read, and how many texts of others stand up to there. So the number of unread
messages is a difference of two counts, the same on every device, and costs nothing while messages come in.
"""

from cim_common.store import keys
from cim_common.store.flow import Flow
from cim_common.store.scripts import COUNT, MARK


def marks_of(record: bytes | None) -> tuple[int, int]:
    """(seq, base) of a mark."""
    if record is None:
        return 0, 0
    seq, base = record.split()
    return int(seq), int(base)


def move(user: int, conversation: str, seq: int) -> Flow[int | None]:
    """The user has read up to `seq`; returns the seq of the mark now, None if the user takes no part there."""
    (record,) = yield [("HGET", keys.marks(user), conversation)]
    old, base = marks_of(record)
    while True:
        (counted,) = yield [COUNT.call((keys.conv(conversation), keys.log(conversation)), user, seq, old, base)]
        if not counted:
            return None
        at, base = counted
        if at <= old:
            return old
        (moved,) = yield [MARK.call((keys.marks(user),), conversation, at, base)]
        if moved != at or at >= seq:
            return int(moved)
        (head,) = yield [("HGET", keys.conv(conversation), "l")]
        if at >= int(head or 0):
            return int(at)
        old = at
