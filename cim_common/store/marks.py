"""Read marks: per user and conversation, forward only (I21).

A mark is "seq base": the last seq read, and how many texts of others stand up to there. So the number of unread
messages is a difference of two counts, the same on every device, and costs nothing while messages come in.
"""

from cim_common.store import keys
from cim_common.store.flow import Command, Flow
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
    moves: list[Command] = []
    while True:
        *_, counted = yield [
            *moves,
            COUNT.call((keys.conv(conversation), keys.log(conversation)), user, seq, old, base),
        ]
        if not counted:
            return None
        at, base, head = counted
        if at <= old:
            return old
        # A mark on the way is written as well: who has to ask again goes on from there.
        moves = [MARK.call((keys.marks(user),), conversation, at, base)]
        if at >= min(seq, head):
            (moved,) = yield moves
            return int(moved)
        old = at
