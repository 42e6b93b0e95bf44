"""What a stretch of time cost Redis, by its own account (INFO), and what reached its append-only file."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import redis

from cim.bench import proc

OURS = {"info", "hello", "auth", "select", "ping", "client|setinfo", "client|setname"}
"""Commands of whoever asks for these figures, or connects."""


class StoreCounts(NamedTuple):
    """Counters of a Redis at one moment, and its sizes in bytes."""

    calls: dict[str, int]
    bytes_in: int
    bytes_out: int
    file_bytes: int
    rewrites: tuple[int, int]
    memory: int
    written: int | None


@dataclass(frozen=True, slots=True)
class StoreUsage:
    """Differences of those. `calls` counts commands by name, those called by scripts too.

    `file_bytes` is what was appended to the append-only file, None where it cannot be told.
    """

    calls: dict[str, int]
    bytes_in: int
    bytes_out: int
    file_bytes: int | None
    memory_bytes: int
    memory_growth: int

    @property
    def commands(self) -> int:
        return sum(self.calls.values())


class StoreMeter:
    """Asks one Redis. `pid` is its process if it runs on this machine."""

    def __init__(self, url: str, pid: int | None) -> None:
        self._client = redis.Redis.from_url(url, retry=None, socket_timeout=10, protocol=2)
        self._pid = pid

    def read(self) -> StoreCounts:
        """Raises redis.RedisError."""
        info: Any = self._client.info("all")
        calls = {name[8:]: int(stats["calls"]) for name, stats in info.items() if name.startswith("cmdstat_")}
        return StoreCounts(
            calls,
            int(info["total_net_input_bytes"]),
            int(info["total_net_output_bytes"]),
            int(info.get("aof_current_size", 0)),
            (int(info.get("aof_rewrites", 0)), int(info.get("aof_rewrite_in_progress", 0))),
            int(info["used_memory"]),
            self._written(),
        )

    def _written(self) -> int | None:
        try:
            return None if self._pid is None else proc.bytes_written(self._pid)
        except OSError:
            return None

    def close(self) -> None:
        self._client.close()


def between(before: StoreCounts, after: StoreCounts) -> StoreUsage:
    """What happened between two readings."""
    calls = {name: count - before.calls.get(name, 0) for name, count in after.calls.items() if name not in OURS}
    bytes_out = after.bytes_out - before.bytes_out
    return StoreUsage(
        {name: count for name, count in calls.items() if count > 0},
        after.bytes_in - before.bytes_in,
        bytes_out,
        _appended(before, after, bytes_out),
        after.memory,
        after.memory - before.memory,
    )


def _appended(before: StoreCounts, after: StoreCounts, bytes_out: int) -> int | None:
    """Growth of the file; after a rewrite, which makes it shorter, what was written and did not go to a socket."""
    if before.rewrites == after.rewrites:
        return after.file_bytes - before.file_bytes
    if before.written is None or after.written is None:
        return None
    return max(after.written - before.written - bytes_out, 0)
