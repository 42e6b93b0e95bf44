"""Retention: removing what is too old or too much, in small steps that may run beside everything else.

One script decides and removes, so a step is safe against writers, readers and other steps; whoever walks over the
conversations takes a lock only to spare the store doing it twice.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cim_common.retention import Rule
from cim_common.store import keys
from cim_common.store.flow import Command, Flow
from cim_common.store.scripts import LOCK, TRIM
from cim_common.store.sessions import pairs

MOST_AT_ONCE = 500
"""Entries one call removes: Redis answers nobody else meanwhile, a few ms."""

MOST_IN_PASSING = 50
"""The same for each of many conversations looked at in one pipeline."""

LOCK_MS = 30_000
OVERLAY_COUNT = 500


class Trimmed(NamedTuple):
    """A step's outcome. `more`: there may be more to remove; `overlay`: it may hold fields of what is gone."""

    first_kept: int
    removed: int
    more: bool
    overlay: bool


def trim(conversation: str, rule: Rule, now_ms: int) -> Flow[Trimmed | None]:
    """One step in one conversation; None if there is no such conversation."""
    (reply,) = yield [_command(conversation, rule, now_ms, MOST_AT_ONCE)]
    return _trimmed(reply)


def trim_in_passing(conversations: Sequence[tuple[str, Rule]], now_ms: int) -> Flow[list[Trimmed | None]]:
    """A small step in each of many conversations, in one pipeline."""
    replies = yield [_command(conversation, rule, now_ms, MOST_IN_PASSING) for conversation, rule in conversations]
    return [_trimmed(reply) for reply in replies]


def _command(conversation: str, rule: Rule, now_ms: int, most: int) -> Command:
    return TRIM.call(
        (keys.conv(conversation), keys.log(conversation)),
        max(now_ms - rule.age_ms, 1) if rule.age_ms else 0,
        rule.newest,
        most,
    )


def _trimmed(reply: list[int]) -> Trimmed | None:
    if not reply:
        return None
    first_kept, removed, more, overlay = reply
    return Trimmed(first_kept, removed, more == 1, overlay == 1)


def forget_overlay(conversation: str, below: int) -> Flow[None]:
    """Remove what the overlay holds of messages below a seq that retention has passed.

    Nothing is ever added for them again, so this needs no script. A field begins with the seq it is about, after an
    `x` where it lists reactions (scripts/parts/changes.lua).
    """
    overlay = keys.overlay(conversation)
    cursor: bytes | int = 0
    while True:
        ((cursor, fields),) = yield [("HSCAN", overlay, cursor, "COUNT", OVERLAY_COUNT)]
        gone = [field for field, _ in pairs(fields) if 0 < _about(field) < below]
        if gone:
            yield [("HDEL", overlay, *gone)]
        if int(cursor) == 0:
            break
    yield [("HSET", keys.conv(conversation), "of", below)]


def _about(field: bytes) -> int:
    number = field.removeprefix(b"x").split(b"\n", 1)[0]
    return int(number) if number.isdigit() else 0


def size() -> Flow[int]:
    """Roughly how many keys a walk passes."""
    (count,) = yield [("DBSIZE",)]
    return int(count)


def walk(cursor: int, count: int) -> Flow[tuple[int, list[str]]]:
    """Go on over all conversations: (cursor to go on with, 0 at the end; conversations, perhaps again)."""
    ((following, found),) = yield [("SCAN", cursor, "MATCH", keys.EVERY_CONV, "COUNT", count)]
    return int(following), [keys.conversation_of(key) for key in found]


def hold_lock(owner: str) -> Flow[bool]:
    """Take the lock of the walk, or keep it; False while somebody else has it."""
    (held,) = yield [LOCK.call((keys.RETENTION,), owner, LOCK_MS)]
    return bool(held)


def give_lock_up(owner: str) -> Flow[None]:
    yield [LOCK.call((keys.RETENTION,), owner, 0)]
