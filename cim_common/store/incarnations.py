"""Incarnations: a store that was set back to an older state, by restoring a copy, is noticed and said (I22).

A position in a log means something in one incarnation of that log only. A log gets a new one

- when Redis was started anew: what runs then may be an older copy, and nothing in it tells. Each log goes on as
  another one from where it ends, before anything is appended to it and before any server holds it;
- when somebody knows more of it than there is.

Of the last 16 incarnations the log remembers where they ended. Two histories are the same up to the lowest end from
the older one on: a position at or below that is good in the new one too, a higher one goes back to it.
"""

import re
from collections.abc import Sequence

from cim_common.store import interest, keys
from cim_common.store.conversations import new_incarnation
from cim_common.store.flow import Command, Flow
from cim_common.store.interest import Taken
from cim_common.store.scripts import REWIND

ENDS_KEPT = 16
_FIELDS = tuple(f"e{index}" for index in range(ENDS_KEPT))


def start_of(info: bytes) -> int:
    """A number for the run of Redis whose INFO that is, by which scripts tell it from others."""
    found = re.search(rb"^run_id:([0-9a-f]{12})", info, re.MULTILINE)
    return 1 + int(found.group(1), 16) if found else 0


def rewind(conversation: str, incarnation: int, known: int) -> Flow[tuple[int, int] | None]:
    """Give a log known up to `known` a new incarnation, unless somebody has, or it has grown that far after all.

    Returns up to where it is the log that was known, and its incarnation; None if there is no such log.
    """
    (reply,) = yield [REWIND.call((keys.conv(conversation),), incarnation, new_incarnation(), known)]
    if not reply:
        return None
    head, now = reply
    return (head if now == incarnation else (yield from common_end(conversation, incarnation))), now


def common_end(conversation: str, incarnation: int) -> Flow[int]:
    """Up to where an older incarnation of the log and the present one are the same."""
    (fields,) = yield [ends(conversation)]
    return lowest_end(incarnation, fields)


def ends(conversation: str) -> Command:
    """Asks for what `lowest_end` wants to know."""
    return ("HMGET", keys.conv(conversation), "en", *_FIELDS)


def lowest_end(incarnation: int, fields: Sequence[bytes | None]) -> int:
    """Where the histories part, from a reply to `ends`.

    Of an incarnation that is not known any more, for there were too many since, nothing better can be said than the
    lowest end that is; of one that never was, nothing is the same.
    """
    total, records = int(fields[0] or 0), fields[1:]
    kept = [records[index % ENDS_KEPT] or b"0 0" for index in range(max(0, total - ENDS_KEPT), total)]
    known = [(int(old), int(end)) for old, end in map(bytes.split, kept)]
    since = next((index for index, (old, _) in enumerate(known) if old == incarnation), None)
    if since is None:
        since = 0 if total > ENDS_KEPT else len(known)
    return min((end for _, end in known[since:]), default=0)


def take_again(
    conversation: str, server: str, generation: int, start: int, incarnation: int
) -> Flow[tuple[Taken, int | None] | None]:
    """Take interest in a log known by an incarnation; also up to where it is that log still, None: it is the same."""
    taken = yield from interest.take(conversation, server, generation, start)
    if taken is None:
        return None
    if taken.incarnation == incarnation:
        return taken, None
    return taken, (yield from common_end(conversation, incarnation))
