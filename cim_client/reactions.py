"""The reactions of a kept message, as they change entry by entry. No I/O.

A log may say the same reaction twice, and a message may be read back with counts only, so both are kept: how many users
there are, and those of them that are known.
"""

import json
from collections.abc import Iterable, Sequence

from cim_client.types import Reaction
from cim_common.wire.messages import Entry

MAX_KNOWN = 100
"""Users remembered for an emoji. Of more than that a reaction said twice counts twice."""

MAX_EMOJI = 20
"""As the cluster allows."""

Counts = dict[str, tuple[int, bool, list[int]]]
"""By emoji: users, whether one is among them, and those known."""


def loads(kept: str) -> Counts:
    return {} if not kept else {emoji: (users, mine, known) for emoji, users, mine, known in json.loads(kept)}


def dumps(counts: Counts) -> str:
    if not counts:
        return ""
    return json.dumps([[emoji, *count] for emoji, count in counts.items()], ensure_ascii=False, separators=(",", ":"))


def counted(reactions: Iterable[Sequence[object]]) -> str:
    """Reactions as they were read back: (emoji, users, mine)."""
    return dumps({str(emoji): (int(str(users)), bool(mine), []) for emoji, users, mine in reactions})


def told(kept: str) -> tuple[Reaction, ...]:
    """As programs see them."""
    return tuple([Reaction(emoji, users, mine) for emoji, (users, mine, _) in loads(kept).items()]) if kept else ()


def changed(kept: str, entry: Entry, me: int) -> str:
    """What a REACTION makes of them."""
    counts = loads(kept)
    users, mine, known = counts.get(entry.text, (0, False, []))
    if _there(entry, me, users, mine, known) is not entry.removed:
        return kept
    if entry.removed:
        users, known = users - 1, [user for user in known if user != entry.sender]
    elif entry.text in counts or len(counts) < MAX_EMOJI:
        users, known = users + 1, ([*known, entry.sender] if len(known) < MAX_KNOWN else known)
    if entry.sender == me:
        mine = not entry.removed
    counts[entry.text] = (users, mine, known)
    return dumps({emoji: count for emoji, count in counts.items() if count[0] > 0})


def _there(entry: Entry, me: int, users: int, mine: bool, known: list[int]) -> bool:
    """Whether the sender's reaction was there before; where one can not know, it is not said again."""
    if entry.sender == me:
        return mine
    return entry.sender in known or (users > len(known) and entry.removed)
