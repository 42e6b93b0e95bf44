"""What a power cut leaves of Redis's append-only file, measured from the running server.

A power cut takes what was written and not synced. Nothing in Redis tells how far it has synced, so the server runs
under strace: its own system calls on the file say how many bytes were written when each fdatasync began, and when
that fdatasync returned. Bytes written after it began are not counted, even if they reached the disk with it.

The file only grows (no rewrite happens in these tests), so one run shows the outcome of a cut at any moment of it:
the file as it was, truncated to what was synced by then. Moments are wall-clock times, as strace notes them.
"""

import os
import re
import shutil
import signal
from bisect import bisect_right
from pathlib import Path
from typing import NamedTuple

import pytest
import redis

from cim import embedded_redis
from tests.real_servers import RealRedis

LOG_FOLDER = "appendonlydir"
LOG_PATTERN = "*.incr.aof"

_LINE = re.compile(r"(\d+) +(\d+\.\d+) (.*)")
_CALL = re.compile(r"(\w+)\(\d+<([^>]*)>(.*)")
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)")
_RESULT = re.compile(r".* = (-?\d+) ?.*<(\d+\.\d+)>$")
_WRITES = ("write", "writev", "pwrite64")
_SYNCS = ("fdatasync", "fsync")


class _Call(NamedTuple):
    """One finished system call on the log."""

    name: str
    began: float
    ended: float
    result: int


class SyncedLog:
    """How much of the append-only file was written, and how much synced, at each moment of a run."""

    def __init__(self, calls: list[_Call]) -> None:
        assert not any(call.name == "ftruncate" for call in calls), "the file has not only grown"
        writes = sorted((call for call in calls if call.name in _WRITES), key=lambda call: call.ended)
        self._write_ended = [call.ended for call in writes]
        self._size = [0]
        for call in writes:
            self._size.append(self._size[-1] + call.result)
        syncs = sorted((call for call in calls if call.name in _SYNCS and call.result == 0), key=lambda c: c.ended)
        self._sync_ended = [call.ended for call in syncs]
        self._synced = [0]
        for call in syncs:
            self._synced.append(max(self._synced[-1], self.written(call.began)))

    @property
    def syncs(self) -> int:
        return len(self._sync_ended)

    def written(self, at: float) -> int:
        """Bytes handed to the kernel by then: what `kill -9` leaves."""
        return self._size[bisect_right(self._write_ended, at)]

    def synced(self, at: float) -> int:
        """Bytes known to be on the disk by then: what a power cut leaves."""
        return self._synced[bisect_right(self._sync_ended, at)]


class EngineRedis(RealRedis):
    """A Redis, or the Valkey that `cim up` brings along."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.engine = engine
        super().__init__(folder)

    def _command(self) -> list[str]:
        command = super()._command()
        return command if self.engine == "redis" else [embedded_redis.binary()[0], *command[1:]]


class TracedRedis(EngineRedis):
    """The same with the system calls that write and sync its append-only file on record."""

    def __init__(self, folder: Path, engine: str, appendfsync: str) -> None:
        self._appendfsync = appendfsync
        self._redis_pid: int | None = None
        super().__init__(folder, engine)

    def start(self) -> None:
        self._redis_pid = None
        super().start()
        client = redis.Redis.from_url(self.url, retry=None)
        self._redis_pid = int(client.info("server")["process_id"])
        client.close()

    def _command(self) -> list[str]:
        strace = shutil.which("strace")
        if strace is None:
            pytest.fail("strace is not installed: run tools/test, or apt-get install strace.")
        calls = ",".join((*_WRITES, *_SYNCS, "ftruncate"))
        return [
            strace, "-f", "-y", "-ttt", "-T", "-s", "0", "-e", "signal=none", "-e", f"trace={calls}",
            "-o", str(self.folder / "trace"), *super()._command(), "--appendfsync", self._appendfsync,
        ]  # fmt: skip

    @property
    def pid(self) -> int:
        """The server's own process; strace ends with it."""
        assert self._redis_pid is not None
        return self._redis_pid

    def _end(self, number: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        os.kill(self.pid, number)
        self._process.wait(10)

    def record(self) -> SyncedLog:
        """The record of a run that has ended."""
        assert self._process is not None
        assert self._process.poll() is not None
        folder = os.path.join(os.path.realpath(self.folder), LOG_FOLDER)
        calls = _parse((self.folder / "trace").read_text(), folder)
        record = SyncedLog(calls)
        # Not equal: of a write in the moment of death only the kernel knows.
        assert record.written(float("inf")) <= log_file(self.folder).stat().st_size
        return record


def _parse(trace: str, folder: str) -> list[_Call]:
    """The calls on log files under a folder; strace splits a call in two when another thread comes between."""
    calls: list[_Call] = []
    begun: dict[str, tuple[str, float, str]] = {}
    for line in trace.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        thread, at, text = found[1], float(found[2]), found[3]
        if (call := _CALL.match(text)) is not None:
            name, path, rest = call[1], call[2], call[3]
            begun[thread] = (name, at, path)
        elif (resumed := _RESUMED.match(text)) is not None and thread in begun:
            rest = resumed[2]
        else:
            continue
        result = _RESULT.match(rest)
        if result is None:
            continue  # unfinished, or cut off by the server's death: it counts as not done
        name, began, path = begun.pop(thread)
        if os.path.dirname(path) == folder and path.endswith(LOG_PATTERN[1:]):
            calls.append(_Call(name, began, began + float(result[2]), int(result[1])))
    return calls


def log_file(folder: Path) -> Path:
    """The one file that Redis appends to."""
    (found,) = (folder / LOG_FOLDER).glob(LOG_PATTERN)
    return found


def copy_cut(folder: Path, into: Path, size: int) -> None:
    """Another Redis's folder with what is left of this one's data: the append-only file's first `size` bytes."""
    shutil.copytree(folder / LOG_FOLDER, into / LOG_FOLDER)
    os.truncate(log_file(into), size)
