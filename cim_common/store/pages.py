"""Reading logs, a page at a time: as a user may see them, or as the cluster itself needs them.

An archive of older messages will come in here one day: whoever reads a log reads it through this module, and what
`first_kept` says is gone would be asked for there.
"""

from typing import Any, NamedTuple

from cim_common.ids import MAX_SEQ
from cim_common.store import entries, keys
from cim_common.store.flow import Flow
from cim_common.store.members import ROLES
from cim_common.store.scripts import PAGE
from cim_common.wire import codec
from cim_common.wire.codes import Code, code_of
from cim_common.wire.limits import MAX_PAGE_BYTES, MAX_PAGE_ENTRIES
from cim_common.wire.messages import Pull, Range, Reaction

CLUSTER = 0
"""Reads as nobody in particular: everything."""


class LogPage(NamedTuple):
    """A part of a log: (seq, encoded Entry) in the order they were read.

    `end`: every seq from the one asked for up to it (or down to it) is answered, by an entry or a gap. `more`: there is
    something readable beyond it. `role` is the reader's.
    """

    head: int
    incarnation: int
    first_kept: int
    end: int
    more: bool
    role: str
    entries: list[tuple[int, bytes]]
    gaps: tuple[Range, ...]


class NotReadable(NamedTuple):
    """The user may not read there at all."""

    code: Code


def page_up(conversation: str, above: int, user: int = CLUSTER) -> Flow[LogPage | NotReadable | None]:
    """What stands in the log above a seq, at most one page; None if there is no such conversation."""
    return (yield from _page(conversation, user, above + 1, "up", MAX_PAGE_ENTRIES, False))


def page_down(
    conversation: str, below: int, limit: int, user: int = CLUSTER, current: bool = False
) -> Flow[LogPage | NotReadable | None]:
    """The newest entries below a seq, newest first, at most one page."""
    return (yield from _page(conversation, user, below - 1, "down", limit, current))


def page_from(
    conversation: str, above: int, limit: int, user: int, current: bool
) -> Flow[LogPage | NotReadable | None]:
    """Entries above a seq, oldest first, at most `limit`: history forwards."""
    return (yield from _page(conversation, user, above + 1, "up", limit, current))


def asked_for(pull: Pull, user: int) -> Flow[LogPage | NotReadable | None]:
    """The page a PULL asks for."""
    if not pull.forward:
        return (yield from page_down(pull.conversation, pull.before or MAX_SEQ, pull.limit, user, pull.current))
    above = pull.after
    if pull.time_ms:
        above = max(above, (yield from seq_at(pull.conversation, pull.time_ms)))
    return (yield from page_from(pull.conversation, above, pull.limit, user, pull.current))


def seq_at(conversation: str, time_ms: int) -> Flow[int]:
    """The last seq before the first entry that is as new as `time_ms`, by halving; the head when none is."""
    ((last, first),) = yield [("HMGET", keys.conv(conversation), "l", "f")]
    low, high = int(first or 1), int(last or 0)
    while low <= high:
        middle = (low + high) // 2
        (found,) = yield [("XRANGE", keys.log(conversation), f"{middle}-0", "+", "COUNT", 1)]
        if not found:
            high = middle - 1
            continue
        if codec.decode_entry(entries.parse(found[0][1]).meta).time_ms < time_ms:
            low = middle + 1
        else:
            high = middle - 1
    return low - 1


def _page(
    conversation: str, user: int, first: int, direction: str, most: int, current: bool
) -> Flow[LogPage | NotReadable | None]:
    (reply,) = yield [
        PAGE.call(
            (keys.conv(conversation), keys.log(conversation), keys.overlay(conversation)),
            user, min(first, MAX_SEQ), direction, max(1, min(most, MAX_PAGE_ENTRIES)), MAX_PAGE_BYTES, int(current),
        )
    ]  # fmt: skip
    if not reply:
        return None
    if len(reply) == 1:
        return NotReadable(code_of(reply[0]))
    head, incarnation, first_kept, end, more, role, flat, gaps, states = reply
    entries = [
        (seq, codec.entry_bytes(meta, content, seq))
        for seq, meta, content in zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    ]
    if states:
        entries = _as_they_are_now(entries, states)
    ranges = tuple(Range(*gap) for gap in zip(gaps[::3], gaps[1::3], gaps[2::3], strict=True))
    return LogPage(head, incarnation, first_kept, end, more == 1, ROLES[role], entries, ranges)


def _as_they_are_now(entries: list[tuple[int, bytes]], states: list[Any]) -> list[tuple[int, bytes]]:
    """Entries with what edits and reactions made of them; an edit's text is that of its own entry in the log."""
    found = {
        seq: (edit, content, reactions)
        for seq, edit, content, reactions in zip(states[::4], states[1::4], states[2::4], states[3::4], strict=True)
    }
    out = []
    for seq, data in entries:
        if seq in found:
            edit, content, flat = found[seq]
            entry = codec.decode_entry(data)
            reactions = tuple(
                Reaction(emoji.decode(), users, mine == 1)
                for emoji, users, mine in zip(flat[::3], flat[1::3], flat[2::3], strict=True)
            )
            if edit:
                entry = entry._replace(text=codec.decode_entry(content).text, edited=edit)
            data = codec.encode_entry(entry._replace(reactions=reactions))
        out.append((seq, data))
    return out
