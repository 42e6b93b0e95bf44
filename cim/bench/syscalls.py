"""System calls of running processes, counted by strace(1) for a short while on request: it slows them down.

So counts per message are true, times are not, and batches are as large as they are under strace.
"""

import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cim.bench.target import Target
from cim.bench.usage import read_metrics

ATTACH_S = 10.0
SYNCS = ("fsync", "fdatasync")
_ROW = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$")


class NotPermitted(Exception):
    """There is no strace here, or it may not look at these processes; one sentence."""


class Tracing:
    """Counts the calls of processes and their threads from `start` to `stop`; `only` names the calls to count."""

    def __init__(self, pids: Sequence[int], only: Sequence[str] = ()) -> None:
        self._pids = pids
        self._only = only
        self._process: subprocess.Popen[str] | None = None
        self._output = tempfile.NamedTemporaryFile(prefix="cim-strace-")  # noqa: SIM115 - lives as long as this

    def start(self) -> None:
        """Returns when strace is attached.

        Raises:
            NotPermitted: it cannot be.
        """
        path = shutil.which("strace")
        if path is None:
            raise NotPermitted("strace is not installed.")
        command = [path, "-c", "-f", "-o", self._output.name]
        command += ["-e", "trace=" + ",".join(self._only)] if self._only else []
        for pid in self._pids:
            command += ["-p", str(pid)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + ATTACH_S
        while not all(_traced(pid) for pid in self._pids):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NotPermitted(f"strace is not permitted here: {self._end().strip().splitlines()[-1:]}")
            time.sleep(0.01)

    def stop(self) -> dict[str, int]:
        """How often each call was made."""
        self._end()
        return parse(Path(self._output.name).read_text())

    def _end(self) -> str:
        if self._process is None:
            return ""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            return self._process.communicate(timeout=ATTACH_S)[1]
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.communicate()[1]


@dataclass(frozen=True, slots=True)
class Traced:
    """Calls for each message, over `messages` of them: of the servers by name, and Redis's syncs of its file.

    `missing` says why something is None.
    """

    messages: int
    calls_per_message: dict[str, float] | None
    syncs_per_message: float | None
    missing: str = ""


def trace(target: Target, seconds: float, sleep: Callable[[float], object] = time.sleep) -> Traced:
    """Watch a cluster under load for so many seconds; blocks for as long."""
    servers = [server.pid for server in target.servers if server.pid is not None]
    if target.redis_pid is None or len(servers) < len(target.servers):
        return Traced(0, None, None, "The processes are not on this machine.")
    tracings = [Tracing(servers), Tracing([target.redis_pid], SYNCS)]
    started: list[Tracing] = []
    try:
        for tracing in tracings:
            started.append(tracing)
            tracing.start()
        before = _appended(target)
        sleep(seconds)
        messages = _appended(target) - before
    except NotPermitted as refused:
        return Traced(0, None, None, str(refused))
    finally:
        counts = [tracing.stop() for tracing in started]
    if not messages:
        return Traced(0, None, None, "No message was sent meanwhile.")
    calls = {name: count / messages for name, count in sorted(counts[0].items(), key=lambda item: -item[1])}
    return Traced(messages, calls, sum(counts[1].values()) / messages)


def _appended(target: Target) -> int:
    return int(sum(read_metrics(server.http or "")["cim_appended_total"] for server in target.servers))


def parse(table: str) -> dict[str, int]:
    """The counts of a table of `strace -c`."""
    found = (_ROW.match(line) for line in table.splitlines())
    return {match[2]: int(match[1]) for match in found if match and match[2] != "total"}


def _traced(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
    return "TracerPid:\t0" not in status
