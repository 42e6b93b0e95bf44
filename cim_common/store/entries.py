"""An entry of a log as its stream holds it: one field, as the append script writes it (scripts/parts/entries.lua)."""

from collections.abc import Sequence
from typing import NamedTuple


class LogEntry(NamedTuple):
    """An entry beside its seq: n of its device, seq of that device's previous entry, texts so far; meta and content
    are protobuf (`codec.entry_bytes` joins them)."""

    n: int
    previous: int
    texts: int
    meta: bytes
    content: bytes


def parse(fields: Sequence[bytes]) -> LogEntry:
    """An entry from the fields of its stream entry, flat as Redis returns them."""
    n, previous, texts, length, data = fields[1].split(b" ", 4)
    return LogEntry(int(n), int(previous), int(texts), data[: int(length)], data[int(length) :])


def fields_of(entry: LogEntry) -> tuple[str, bytes]:
    """What `parse` reads."""
    numbers = b"%d %d %d %d " % (entry.n, entry.previous, entry.texts, len(entry.meta))
    return "e", numbers + entry.meta + entry.content
