"""What a measured stretch of time cost, process by process: read before it, read after it, subtracted.

Whatever cannot be read (a process on another machine, a Redis without its address) is None, and `missing` says why.
Order matters: the readings themselves cost something, so processor time is read last before the stretch and first
after it.
"""

import http.client
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import redis

from cim.bench import proc
from cim.bench.proc import Memory
from cim.bench.store_usage import StoreCounts, StoreMeter, StoreUsage, between
from cim.bench.target import Target

METRICS_TIMEOUT_S = 10.0


class Process(NamedTuple):
    """A process at one moment. `cpu_s` is its time so far."""

    cpu_s: float
    memory: Memory | None
    descriptors: int | None


class _Reading(NamedTuple):
    at: float
    processes: dict[str, Process]
    metrics: dict[str, float] | None
    store: StoreCounts | None


@dataclass(frozen=True, slots=True)
class Usage:
    """What happened between two readings, `seconds` apart.

    `cpu_s` by process: the ids of servers, "route", "redis", "generator". `metrics` are differences of the servers'
    counters, added up. `servers` is how many there are, known or not. `missing` tells why something is None.
    """

    seconds: float
    servers: int
    cpu_s: dict[str, float]
    before: dict[str, Process]
    after: dict[str, Process]
    metrics: dict[str, float] | None
    store: StoreUsage | None
    missing: dict[str, str] = field(default_factory=dict)

    def cpu_us_per(self, count: int) -> dict[str, float | None]:
        """Microseconds of processor time for each of `count`; the total leaves the generator out.

        Servers are told all together or not at all: without one of them the sum would look like a cheap cluster's.
        """
        others = ("route", "redis", "generator")
        servers = [spent for name, spent in self.cpu_s.items() if name not in others]
        whole = bool(servers) and len(servers) == self.servers
        parts: dict[str, float | None] = {"servers": sum(servers) if whole else None}
        parts |= {name: self.cpu_s.get(name) for name in others}
        charged = [parts["servers"], parts["route"], parts["redis"]]
        known = [spent for spent in charged if spent is not None]
        parts["total"] = sum(known) if len(known) == len(charged) else None
        return {name: None if spent is None or not count else spent * 1e6 / count for name, spent in parts.items()}

    def store_per(self, count: int) -> dict[str, Any] | None:
        """What Redis did for each of `count` messages: see `redis` of a result."""
        store = self.store
        if store is None or not count:
            return None
        appended = store.file_bytes
        return {
            "commands_per_message": store.commands / count,
            "bytes_in_per_message": store.bytes_in / count,
            "bytes_out_per_message": store.bytes_out / count,
            "aof_bytes_per_message": None if appended is None else appended / count,
            "fsyncs_per_message": None,
            "calls_per_message": {name: calls / count for name, calls in sorted(store.calls.items())},
            "memory_bytes_per_message": store.memory_growth / count,
        }

    @property
    def appended(self) -> int | None:
        """Entries the servers appended."""
        return None if self.metrics is None else int(self.metrics.get("cim_appended_total", 0))

    @property
    def messages_per_batch(self) -> float | None:
        if not self.metrics or not self.metrics.get("cim_batches_total"):
            return None
        return self.metrics["cim_appended_total"] / self.metrics["cim_batches_total"]

    @property
    def event_loop_lag_ms(self) -> dict[str, float] | None:
        """Passes of all servers: how many, how long on average, how many longer than so many milliseconds."""
        if self.metrics is None:
            return None
        passes = self.metrics.get("cim_passes_total", 0)
        busy_ms = self.metrics.get("cim_busy_seconds_total", 0) * 1e3
        lag = {"passes": passes, "busy": busy_ms, "mean": busy_ms / passes if passes else 0.0}
        for name, count in self.metrics.items():
            if name.startswith("cim_slow_passes_total{"):
                lag[f"longer_than_{float(_label(name)) * 1e3:g}"] = count
        return lag

    @property
    def garbage_collections(self) -> dict[str, float] | None:
        """Collections of all servers, by generation, and the milliseconds they took."""
        if self.metrics is None:
            return None
        found = {
            f"generation_{_label(name)}": count
            for name, count in self.metrics.items()
            if name.startswith("cim_collections_total{")
        }
        return {**found, "ms": self.metrics.get("cim_collecting_seconds_total", 0) * 1e3}


class Meter:
    """Reads a cluster's processes, Redis and servers. `generator` gives the processes that make the load."""

    def __init__(self, target: Target, generator: Callable[[], Sequence[int]] = lambda: ()) -> None:
        self._target = target
        self._generator = generator
        self._missing: dict[str, str] = {}
        self._store: StoreMeter | None = None
        if target.redis_url is None:
            self._missing["redis"] = "The address of Redis is not known."
        else:
            self._store = StoreMeter(target.redis_url, target.redis_pid)
        self._before: _Reading | None = None

    def start(self) -> None:
        """The stretch begins."""
        metrics, store = self._read_metrics(), self._read_store()
        self._before = _Reading(0.0, self._read_processes(), metrics, store)
        self._before = self._before._replace(at=time.monotonic())

    def stop(self) -> Usage:
        """The stretch ends; `start` may be called again."""
        assert self._before is not None
        at = time.monotonic()
        processes = self._read_processes()
        store = self._read_store()
        return self._between(self._before, _Reading(at, processes, self._read_metrics(), store))

    def close(self) -> None:
        if self._store is not None:
            self._store.close()

    def _between(self, before: _Reading, after: _Reading) -> Usage:
        both = before.processes.keys() & after.processes.keys()
        cpu = {name: after.processes[name].cpu_s - before.processes[name].cpu_s for name in sorted(both)}
        metrics = None
        if before.metrics is not None and after.metrics is not None:
            metrics = {name: value - before.metrics.get(name, 0.0) for name, value in after.metrics.items()}
        store = None
        if before.store is not None and after.store is not None:
            store = between(before.store, after.store)
        seconds = after.at - before.at
        count = len(self._target.servers)
        return Usage(seconds, count, cpu, before.processes, after.processes, metrics, store, dict(self._missing))

    def _read_processes(self) -> dict[str, Process]:
        target = self._target
        named: Mapping[str, list[int | None]] = {
            **{server.id: [server.pid] for server in target.servers},
            "route": [target.route_pid],
            "redis": [target.redis_pid],
        }
        found: dict[str, Process] = {}
        for name, pids in named.items():
            self._read_process(found, name, pids)
        generator = list(self._generator())
        if generator:
            self._read_process(found, "generator", generator)
        return found

    def _read_process(self, found: dict[str, Process], name: str, pids: Sequence[int | None]) -> None:
        known = [pid for pid in pids if pid is not None]
        if not known:
            self._missing[f"cpu {name}"] = "Its process is not on this machine."
            return
        try:
            found[name] = _added_up([read_process(pid) for pid in known])
        except OSError as error:
            self._missing[f"cpu {name}"] = str(error)

    def _read_store(self) -> StoreCounts | None:
        if self._store is None:
            return None
        try:
            return self._store.read()
        except redis.RedisError as error:
            self._missing["redis"] = str(error)
            return None

    def _read_metrics(self) -> dict[str, float] | None:
        added: dict[str, float] = {}
        for server in self._target.servers:
            try:
                found = read_metrics(server.http or "")
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._missing["metrics"] = f"{server.id}: {error}"
                return None
            for name, value in found.items():
                added[name] = added.get(name, 0.0) + value
        if not added:
            self._missing["metrics"] = "No server's HTTP port is known."
        return added or None


def read_process(pid: int) -> Process:
    """A process now.

    Raises:
        OSError: it has ended.
    """
    spent = proc.cpu_s(pid)
    try:
        return Process(spent, proc.memory(pid), proc.open_descriptors(pid))
    except PermissionError:
        return Process(spent, None, None)


def _added_up(processes: Sequence[Process]) -> Process:
    memories = [one.memory for one in processes if one.memory is not None]
    descriptors = [one.descriptors for one in processes if one.descriptors is not None]
    complete = len(memories) == len(processes)
    return Process(
        sum(one.cpu_s for one in processes),
        Memory(sum(m.resident for m in memories), sum(m.private for m in memories)) if complete else None,
        sum(descriptors) if complete else None,
    )


def _label(metric: str) -> str:
    """The value in `name{label="value"}`."""
    return metric.split('"')[1]


def read_metrics(address: str) -> dict[str, float]:
    """What stands at /metrics of a server (HOST:PORT or a URL); a metric with a label stands with it.

    Raises:
        OSError, HTTPException: it does not answer.
        ValueError: something else answers.
    """
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=METRICS_TIMEOUT_S)
    try:
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise ValueError(f"/metrics is answered {response.status}")
        lines = response.read().decode().splitlines()
    finally:
        connection.close()
    words = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return {name: float(value) for name, _, value in words}
