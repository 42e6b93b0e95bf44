"""What the kernel tells of processes (proc(5)): time on the processors, memory, descriptors, bytes written.

A process is asked together with its descendants: route may have workers, Redis forks to rewrite its file. Time of a
descendant that has ended and was waited for stands with its parent.
"""

import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
CPUCLOCK_SCHED = 2
"""The clock of a process's time on the processors, as clock_getcpuclockid(3) makes its number from the pid."""

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Memory(NamedTuple):
    """Bytes of a process. `private` is what nobody shares with it: what ending it would give back."""

    resident: int
    private: int


class Kernel(NamedTuple):
    """Bytes the kernel of this machine keeps, for all processes: `slab` are its own records (a socket is about ten of
    them, 4 KB together), `buffers` what waits in TCP sockets to be sent or read."""

    slab: int
    buffers: int


def family(pid: int) -> list[int]:
    """A process and its descendants now; empty when it has ended."""
    found = []
    due = [pid]
    while due:
        one = due.pop()
        try:
            tasks = os.listdir(f"/proc/{one}/task")
        except FileNotFoundError:
            continue
        found.append(one)
        for task in tasks:
            due += [int(child) for child in _text(f"/proc/{one}/task/{task}/children").split()]
    return found


def cpu_s(pid: int) -> float:
    """User and system time of a process, its threads and its descendants, those that have ended too.

    To the nanosecond, but for descendants that have ended: theirs is kept in steps of 10 ms.

    Raises:
        ProcessLookupError: it has ended.
    """
    pids = family(pid)
    if not pids:
        raise ProcessLookupError(pid)
    return sum(_time(one) for one in pids)


def _time(pid: int) -> float:
    """Time of one process with its threads, and of children it has waited for."""
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    utime, stime, *of_children = (int(field) * TICK_S for field in fields[11:15])
    try:
        own = time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED)
    except OSError:
        own = utime + stime
    return own + sum(of_children)


def memory(pid: int) -> Memory:
    """Memory of a process and its descendants.

    Raises:
        ProcessLookupError: it has ended.
        PermissionError: it is somebody else's.
    """
    pids = family(pid)
    if not pids:
        raise ProcessLookupError(pid)
    sizes = [dict(_sizes(f"/proc/{one}/smaps_rollup")) for one in pids]
    private = sum(one.get("Private_Clean", 0) + one.get("Private_Dirty", 0) for one in sizes)
    return Memory(sum(one.get("Rss", 0) for one in sizes), private)


def peak_resident(pid: int) -> int:
    """The most memory a process has had, in bytes, since its start or since `forget_peak`."""
    return dict(_sizes(f"/proc/{pid}/status"))["VmHWM"]


def forget_peak(pid: int) -> None:
    """Let the peak begin anew at what it has now.

    Raises:
        OSError: that is not permitted.
    """
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def open_descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def max_descriptors(pid: int) -> int:
    """How many a process may have open."""
    lines = _text(f"/proc/{pid}/limits").splitlines()
    words = next(line.split() for line in lines if line.startswith("Max open files"))
    return sys.maxsize if words[3] == "unlimited" else int(words[3])


def allow_descriptors() -> int:
    """Let this process open as many as the system allows it; how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def bytes_written(pid: int) -> int:
    """Bytes that a process has written to files and sockets, without those its children wrote (a rewrite of the AOF).

    Raises:
        PermissionError: it is somebody else's.
    """
    written = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        lines = _text(f"/proc/{pid}/task/{task}/io").splitlines()
        written += sum(int(line.split()[1]) for line in lines if line.startswith("wchar:"))
    return written


def kernel() -> Kernel:
    """What the kernel keeps for everybody on this machine."""
    tcp = next(line for line in _text("/proc/net/sockstat").splitlines() if line.startswith("TCP:")).split()
    slab = dict(_sizes("/proc/meminfo"))["Slab"]
    return Kernel(slab, int(tcp[tcp.index("mem") + 1]) * PAGE_BYTES)


def _sizes(path: str) -> Iterator[tuple[str, int]]:
    """The lines "Name:   12 kB" of a file, in bytes."""
    for line in _text(path).splitlines():
        words = line.split()
        if len(words) == 3 and words[2] == "kB":
            yield words[0].removesuffix(":"), int(words[1]) * 1024


def _text(path: str) -> str:
    """A file of /proc; empty when its process has just ended."""
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
