"""`cim bench floor`: what no chat server on this machine can do without, to hold its own cost against.

- *echo*: a message read and written back by the same event loop, without protocol or store;
- *socket write*: one `send` of a payload to an idle connection of loopback;
- *Redis append*: one XADD of a payload, so many in a pipeline, each synced as the cluster's are;
- *fdatasync*: what the disk takes for it.

The sum of the first and the third, at the batch size of a run, is the floor of a message: one read, one write,
one append. It is measured in the same session as the run, for these machines differ from hour to hour.
"""

import contextlib
import itertools
import math
import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import hiredis
import redis

from cim.bench import echo, failures, proc
from cim.bench.origin import engine_of
from cim.bench.results import Machine, Result
from cim.bench.target import start_child
from cim.data_folder import DataFolder
from cim.embedded_redis import EmbeddedRedis
from cim.up import free_port

Progress = Callable[[str], None]

STREAMS = 500
BESIDE_S = 0.4
MAX_BESIDE = 500
"""Connections of the echo beside a run: more do not make it cheaper."""

READY_S = 20.0
WRITES = 200
WRITE_ROUNDS = 50
SYNCS = 200
RECEIVE_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class FloorSettings:
    """`batches`: sizes of pipelines; `durability` as of the cluster: "always" or "everysec"."""

    connections: int = 500
    payload: int = 100
    batches: tuple[int, ...] = (1, 8, 64, 256)
    seconds: float = 1.0
    durability: str = "always"


def run(settings: FloorSettings, progress: Progress) -> Result:
    """All of it, as a result."""
    began = time.monotonic()
    found = measure(settings, progress)
    return Result(
        benchmark="floor", settings=asdict(settings), machine=Machine.here(found["engine"]), floor=found,
        seconds=time.monotonic() - began, figures=_figures(found),
    )  # fmt: skip


def _figures(found: dict[str, Any]) -> dict[str, float | None]:
    """The same for a table."""
    figures: dict[str, float | None] = {
        "echo_cpu_us": found["echo"]["cpu_us"],
        "echo_round_trips_per_s": found["echo"]["round_trips_per_s"],
        "socket_write_cpu_us": found["socket_write_us"],
        "fdatasync_p50_ms": found["fdatasync_ms"]["p50"],
        "fdatasync_p99_ms": found["fdatasync_ms"]["p99"],
    }
    for one, message in zip(found["redis_append"], found["cpu_us_per_message"], strict=True):
        figures[f"append_in_batches_of_{one['batch']}_cpu_us"] = one["cpu_us"]
        figures[f"message_in_batches_of_{one['batch']}_cpu_us"] = message["value"]
    return figures


def beside(result: Result, progress: Progress) -> Result:
    """The result with the floor of the same session, where there is processor time to hold against it."""
    cpu = result.cpu_us_per_message
    if result.wrong or cpu is None or cpu.total is None:
        return result
    settings = FloorSettings(
        connections=min(int(result.settings["senders"]), MAX_BESIDE), payload=int(result.settings["payload"]),
        seconds=BESIDE_S, durability=str(result.settings["durability"]),
    )  # fmt: skip
    try:
        return replace(result, floor=measure(settings, progress))
    except failures() as error:
        return replace(result, missing={**result.missing, "floor": str(error) or repr(error)})


def measure(settings: FloorSettings, progress: Progress = lambda text: None) -> dict[str, Any]:
    """All of it, as `floor` of a result; about `seconds` for each part.

    `cpu_us_per_message` is the floor of one message at each batch size.
    """
    payload = b"x" * settings.payload
    progress("floor: echo")
    turned = echo.rounds(settings.connections, settings.seconds, payload)
    echo_us = turned.server_cpu_s * 1e6 / max(turned.trips, 1)
    progress("floor: socket write, fdatasync")
    write_us = socket_write_us(payload)
    sync = fdatasync_ms(payload)
    progress("floor: Redis")
    engine, appends = redis_appends(settings)
    return {
        "engine": engine,
        "echo": {
            "connections": settings.connections,
            "cpu_us": echo_us,
            "generator_cpu_us": turned.own_cpu_s * 1e6 / max(turned.trips, 1),
            "round_trips_per_s": turned.trips / turned.seconds,
        },
        "socket_write_us": write_us,
        "fdatasync_ms": sync,
        "redis_append": appends,
        "cpu_us_per_message": [{"batch": one["batch"], "value": echo_us + one["cpu_us"]} for one in appends],
    }


def socket_write_us(payload: bytes) -> float:
    """Processor time of one `send` on loopback, the receiver's part in the kernel included."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=WRITES))
        pairs = []
        for _ in range(WRITES):
            sender = stack.enter_context(socket.create_connection(listener.getsockname(), 10))
            sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pairs.append((sender, stack.enter_context(listener.accept()[0])))
        found = []
        for _ in range(WRITE_ROUNDS):
            began = time.process_time()
            for sender, _ in pairs:
                sender.send(payload)
            found.append((time.process_time() - began) * 1e6 / WRITES)
            for _, receiver in pairs:
                receiver.recv(RECEIVE_BYTES)
        return statistics.median(found)


def fdatasync_ms(payload: bytes, folder: str | None = None) -> dict[str, float]:
    """How long a synced append takes, written to the folder of temporary files."""
    took = []
    with tempfile.NamedTemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(SYNCS):
            began = time.monotonic()
            file.write(payload)
            os.fdatasync(file.fileno())
            took.append((time.monotonic() - began) * 1e3)
    cuts = statistics.quantiles(took, n=100)
    return {"p50": cuts[49], "p99": cuts[98]}


def redis_appends(settings: FloorSettings) -> tuple[str | None, list[dict[str, float]]]:
    """Bare XADDs to a Redis of its own, as `cim up` configures it, at each batch size, one pipeline in flight.

    And which Redis that is.
    """
    with own_redis(settings.durability) as (url, pid):
        client = redis.Redis.from_url(url, retry=None, socket_timeout=10, protocol=2)
        info: Any = client.info("server")
        connection: Any = client.connection_pool.get_connection()
        appending = _Appending(connection._sock, b"x" * settings.payload)
        try:
            found = [_append_for(appending, pid, batch, settings.seconds) for batch in settings.batches]
            return engine_of(info), found
        finally:
            connection.disconnect()
            client.close()


@contextlib.contextmanager
def own_redis(durability: str) -> Iterator[tuple[str, int]]:
    """A Redis for the block: its address and process."""
    with tempfile.TemporaryDirectory(prefix="cim-floor-") as path, contextlib.closing(DataFolder(Path(path))) as folder:
        embedded = EmbeddedRedis(folder, free_port("127.0.0.1"))
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = start_child(embedded.command, embedded.environment, **quiet)
        try:
            deadline = time.monotonic() + READY_S
            while not embedded.answers():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise OSError("Redis did not start")
                time.sleep(0.02)
            with redis.Redis.from_url(embedded.url, retry=None) as client:
                client.config_set("appendfsync", durability)
            yield embedded.url, process.pid
        finally:
            process.terminate()
            process.wait(READY_S)


class _Appending:
    """Pipelines of XADDs over some hundred streams, each with rising ids as the logs have."""

    def __init__(self, sock: socket.socket, payload: bytes) -> None:
        self._sock = sock
        self._reader = hiredis.Reader()
        self._payload = payload
        self.count = 0

    def write(self, batch: int) -> None:
        """One pipeline, and all its replies."""
        first, self.count = self.count, self.count + batch
        self._sock.sendall(b"".join([self._command(number) for number in range(first, first + batch)]))
        replies = 0
        while replies < batch:
            self._reader.feed(self._sock.recv(RECEIVE_BYTES))
            while (reply := self._reader.gets()) is not False:
                if isinstance(reply, hiredis.ReplyError):
                    raise redis.ResponseError(str(reply))
                replies += 1

    def _command(self, number: int) -> bytes:
        stream, seq = b"floor%d" % (number % STREAMS), b"%d-0" % (number // STREAMS + 1)
        return b"*5\r\n$4\r\nXADD\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$1\r\nm\r\n$%d\r\n%b\r\n" % (
            len(stream), stream, len(seq), seq, len(self._payload), self._payload,
        )  # fmt: skip


def _append_for(appending: _Appending, pid: int, batch: int, seconds: float) -> dict[str, float]:
    appending.write(batch)
    first, began, spent = appending.count, time.monotonic(), proc.cpu_s(pid)
    ends, pipelines = began + seconds, 0
    while time.monotonic() < ends:
        appending.write(batch)
        pipelines += 1
    took, count = time.monotonic() - began, appending.count - first
    return {
        "batch": batch,
        "cpu_us": (proc.cpu_s(pid) - spent) * 1e6 / count,
        "appends_per_s": count / took,
        "ms_per_batch": took * 1e3 / pipelines,
    }


def at(floor: dict[str, Any], batch: float) -> float:
    """The floor of a message at a batch size between those measured: the cost falls with the logarithm of it."""
    points: Sequence[dict[str, float]] = sorted(floor["cpu_us_per_message"], key=lambda one: one["batch"])
    for low, high in itertools.pairwise(points):
        if low["batch"] <= batch <= high["batch"]:
            share = math.log(batch / low["batch"]) / math.log(high["batch"] / low["batch"])
            return low["value"] + share * (high["value"] - low["value"])
    return points[0]["value"] if batch < points[0]["batch"] else points[-1]["value"]
