"""Where a program that polls for events stands in each conversation of its user.

Events are entries of logs above these positions. They move only when the program acknowledges what it got, so
each event is given out at least once; they belong to one device of the user and have nothing to do with the cursors
of a connection of that device. Field `@v` is the version of the user's conversation list up to which new
conversations have been taken in; a record is "seq incarnation" (I22).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from cim_common import ids
from cim_common.store import incarnations, keys, members
from cim_common.store.flow import Flow
from cim_common.store.pages import LogPage, page_from
from cim_common.store.scripts import EVENTS_ACK
from cim_common.store.sessions import pairs

T = TypeVar("T")

KEPT_S = 86_400
"""Positions nobody asks with for so long are removed."""

AT_ONCE = 500
LIST_AT_ONCE = 1_000
_VERSION = "@v"


class Position(NamedTuple):
    """A place in a log: everything up to `seq` has been taken."""

    seq: int
    incarnation: int


class Positions(NamedTuple):
    """All of a device, and the list version they are complete for."""

    of: dict[str, Position]
    version: int


class Standing(NamedTuple):
    """`behind`: there is something to be read above the position; `open`: what comes may be read too."""

    behind: bool
    open: bool


class Read(NamedTuple):
    """A page above a position. `rewound`: the log was set back below the position, and the page begins at `start`."""

    start: int
    page: LogPage
    rewound: bool


def load(user: int, device: str) -> Flow[Positions | None]:
    """The positions of a device, kept for another day; None if there are none."""
    key = keys.event_positions(user, device)
    alive, flat = yield [("EXPIRE", key, KEPT_S), ("HGETALL", key)]
    records = {field.decode(): value for field, value in pairs(flat)}
    version = records.pop(_VERSION, None)
    if not alive or version is None:
        return None
    return Positions({conversation: _parse(record) for conversation, record in records.items()}, int(version))


def begin(user: int, device: str) -> Flow[Positions]:
    """Positions at the heads of the moment, in all conversations of the user."""
    key = keys.event_positions(user, device)
    (counter,) = yield [("ZSCORE", keys.conversations(user), "#")]
    version = int(float(counter or 0))
    (listed,) = yield [("ZRANGE", keys.conversations(user), 0, version, "BYSCORE")]
    at = yield from _heads([member.decode() for member in listed if member != b"#"])
    for part in _parts(list(at.items())):
        yield [("HSETNX", key, conversation, _record(position)) for conversation, position in part]
    yield [("HSET", key, _VERSION, version), ("EXPIRE", key, KEPT_S)]
    found = yield from load(user, device)
    return found or Positions(at, version)


def include(user: int, device: str, conversation: str) -> Flow[Position | None]:
    """Begin in one more conversation, at its head of the moment."""
    at = yield from _heads([conversation])
    if conversation not in at:
        return None
    key = keys.event_positions(user, device)
    _, record = yield [
        ("HSETNX", key, conversation, _record(at[conversation])),
        ("HGET", key, conversation),
    ]
    return _parse(record)


def take_in(user: int, device: str, positions: Positions) -> Flow[tuple[Positions, set[str]]]:
    """Take in conversations that are new in the user's list; also returns all that have changed there.

    A new one begins at its beginning, or where the user came in; the lobby, which stands in the list once it was pinned
    or muted, only when it is asked for (`include`).
    """
    key, version, changed = keys.event_positions(user, device), positions.version, set[str]()
    of = dict(positions.of)
    while True:
        (flat,) = yield [
            ("ZRANGE", keys.conversations(user), f"({version}", "+inf", "BYSCORE", "LIMIT", 0, LIST_AT_ONCE,
             "WITHSCORES"),
        ]  # fmt: skip
        if not flat:
            return Positions(of, version), changed
        scored = {member.decode(): int(float(score)) for member, score in zip(flat[::2], flat[1::2], strict=True)}
        version = max(scored.values())
        scored.pop("#", None)
        scored.pop(ids.LOBBY, None)
        new = [conversation for conversation in scored if conversation not in of]
        if new:
            replies = yield [("HMGET", keys.conv(conversation), "i", f"m:{user}") for conversation in new]
            for conversation, (incarnation, record) in zip(new, replies, strict=True):
                joined = int(record.split()[3]) if record else 0
                of[conversation] = Position(max(joined - 1, 0), int(incarnation or 0))
            yield [("HSETNX", key, conversation, _record(of[conversation])) for conversation in new]
        yield [("HSET", key, _VERSION, version)]
        changed |= scored.keys()


def acknowledge(user: int, device: str, positions: Positions, taken: Mapping[str, Position]) -> Flow[Positions]:
    """Move positions to where events have been taken: forward only, own ones only, not above a head."""
    moves: list[tuple[str, Position]] = []
    wanted = [conversation for conversation in taken if conversation in positions.of]
    heads = yield from _heads(wanted)
    for conversation in wanted:
        head, asked = heads.get(conversation), taken[conversation]
        if head is not None and head.incarnation == asked.incarnation:
            moves.append((conversation, Position(min(asked.seq, head.seq), asked.incarnation)))
    if not moves:
        return positions
    arguments = [item for conversation, position in moves for item in (conversation, *position)]
    (records,) = yield [EVENTS_ACK.call((keys.event_positions(user, device),), *arguments)]
    moved = {move[0]: _parse(record) for move, record in zip(moves, records, strict=True) if record}
    return positions._replace(of={**positions.of, **moved})


def standing(user: int, positions: Mapping[str, Position]) -> Flow[dict[str, Standing]]:
    """How far the user is behind in each conversation."""
    found: dict[str, Standing] = {}
    for part in _parts(list(positions.items())):
        replies = yield [("HMGET", keys.conv(name), "l", "i", f"m:{user}") for name, _ in part]
        common = yield from _common_ends(part, replies)
        for (name, position), (head, _, record) in zip(part, replies, strict=True):
            member = members.parse(record)
            end = ids.MAX_SEQ if name == ids.LOBBY else member.readable_to if member else 0
            last = min(int(head or 0), common.get(name, ids.MAX_SEQ))
            behind = last < position.seq or min(int(head or 0), end) > position.seq
            found[name] = Standing(head is not None and behind, end == ids.MAX_SEQ)
    return found


def _common_ends(
    part: Sequence[tuple[str, Position]], states: Sequence[Sequence[bytes | None]]
) -> Flow[dict[str, int]]:
    """Of positions in other incarnations: up to where they mean the same as now."""
    other = {
        name: position.incarnation
        for (name, position), state in zip(part, states, strict=True)
        if state[0] is not None and int(state[1] or 0) != position.incarnation
    }
    replies = (yield [incarnations.ends(name) for name in other]) if other else []
    return {
        name: incarnations.lowest_end(incarnation, fields)
        for (name, incarnation), fields in zip(other.items(), replies, strict=True)
    }


def read(user: int, conversation: str, position: Position, limit: int) -> Flow[Read | None]:
    """What stands above a position, at most one page; None where the user may not read."""
    page = yield from page_from(conversation, position.seq, limit, user, False)
    if not isinstance(page, LogPage):
        return None
    if page.incarnation != position.incarnation:
        start = min(position.seq, (yield from incarnations.common_end(conversation, position.incarnation)))
    elif position.seq > page.head:
        # More was read than there is: an older copy of the store. Everybody is told by a new incarnation (I22).
        yield from incarnations.rewind(conversation, position.incarnation, position.seq)
        start = page.head
    else:
        return Read(position.seq, page, False)
    page = yield from page_from(conversation, start, limit, user, False)
    return Read(start, page, start < position.seq) if isinstance(page, LogPage) else None


def _heads(conversations: Sequence[str]) -> Flow[dict[str, Position]]:
    found: dict[str, Position] = {}
    for part in _parts(conversations):
        replies = yield [("HMGET", keys.conv(conversation), "l", "i") for conversation in part]
        for conversation, (last, incarnation) in zip(part, replies, strict=True):
            if last is not None:
                found[conversation] = Position(int(last), int(incarnation or 0))
    return found


def _parts(items: Sequence[T]) -> Iterable[Sequence[T]]:
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]


def _parse(record: bytes) -> Position:
    seq, incarnation = record.split()
    return Position(int(seq), int(incarnation))


def _record(position: Position) -> str:
    return f"{position.seq} {position.incarnation}"
