"""A store that was set back to an older state, by restoring a copy: noticed, and said to everyone (I22)."""

from cim_common.store import keys
from cim_common.store.conversations import new_incarnation
from cim_common.store.flow import Flow
from cim_common.store.scripts import REWIND


def rewind(conversation: str, incarnation: int, known: int) -> Flow[tuple[int, int] | None]:
    """Give the log a new incarnation if it ends below the seq `known` and nobody has done so.

    Returns (head, incarnation), None if there is no log.
    """
    (reply,) = yield [REWIND.call((keys.conv(conversation),), incarnation, new_incarnation(), known)]
    return (reply[0], reply[1]) if reply else None
