"""Where the measured cluster is: one of our own for the run, one that `cim up` runs, or one known by its route only."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cim.bench import NotMeasured
from cim_common.build import program

PREFIX = "cim-bench-"
LOCK = "lock"
"""A file in the folder of a cluster, locked as long as its run lives."""

FRESH_S = 10.0
"""A younger folder's lock may not have been taken yet."""

START_S = 60.0
STOP_S = 30.0


class TargetError(NotMeasured):
    """The cluster cannot be started or found; one sentence with what to do."""


@dataclass(frozen=True, slots=True)
class Server:
    """An IM server: `http` is the HOST:PORT of its metrics, `pid` its process where that runs on this machine."""

    id: str
    host: str
    port: int
    http: str | None
    pid: int | None


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster. What is not known of it is None, and `servers` empty: then route says where each account connects."""

    route: str
    operator_token: str | None = None
    redis_url: str | None = None
    servers: tuple[Server, ...] = ()
    route_pid: int | None = None
    redis_pid: int | None = None


def of_route(url: str) -> Target:
    """A cluster anywhere, known by its route: accounts are registered with passwords, processes cannot be measured."""
    return Target(url.rstrip("/"))


def of_ready_file(path: Path) -> Target:
    """A cluster that `cim up --ready-file` runs on this machine.

    Raises:
        TargetError: the file is not that of a running cluster.
    """
    try:
        record: dict[str, Any] = json.loads(path.read_text())
        return Target(
            route=record["route"],
            operator_token=Path(record["operator_token_file"]).read_text().strip(),
            redis_url=record["redis"],
            servers=tuple(_server(one) for one in record["servers"]),
            route_pid=record["route_pid"],
            redis_pid=record["redis_pid"],
        )
    except FileNotFoundError as error:
        raise TargetError(f"{error.filename} is not there: no cluster runs with that ready file.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TargetError(f"{path} is not the ready file of a running cluster ({error!r}).") from error


def _server(record: dict[str, Any]) -> Server:
    host, _, port = record["tcp"].rpartition(":")
    return Server(record["id"], host.strip("[]"), int(port), record["http"], record["pid"])


@contextlib.contextmanager
def own(servers: int = 2, durability: str = "always", gather_ms: float = 0.0) -> Iterator[Target]:
    """A cluster for this run: `cim up` in a folder that is removed afterwards.

    Raises:
        TargetError: it did not start; with what it said.
    """
    _remove_what_was_left()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder, (Path(folder) / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready, output = Path(folder) / "ready.json", Path(folder) / "output"
        up = [
            *program("cim"), "up", "--servers", str(servers), "--route", "127.0.0.1:0", "--server-port", "0",
            "--gather-ms", str(gather_ms), "--data", str(Path(folder) / "data"), "--ready-file", str(ready),
        ]  # fmt: skip
        with output.open("wb") as out:
            process = start_child(up, stdout=out, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(process, ready, output)
            target = of_ready_file(ready)
            if durability != "always":
                _set_durability(target, durability)
            yield target
        finally:
            _stop(process)


def _remove_what_was_left() -> None:
    """Folders of runs that were killed with -9: their processes have ended with them, and nobody holds their lock."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        with contextlib.suppress(OSError), path.open() as lock:
            if time.time() - path.stat().st_mtime > FRESH_S:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path.parent)


def start_child(command: list[str], more: Mapping[str, str] | None = None, **options: Any) -> "subprocess.Popen[bytes]":
    """A process that ends with this one, and that Ctrl-C in the terminal does not reach: we end it in order.

    `more` is what its environment has beside ours.
    """
    whole = [*program("cim.child"), str(os.getpid()), *command]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CIM_")}
    return subprocess.Popen(whole, start_new_session=True, env={**environment, **(more or {})}, **options)


@contextlib.contextmanager
def opened(servers: int, durability: str, gather_ms: float, cluster: str | None, route: str | None) -> Iterator[Target]:
    """What the options of a benchmark name: a ready file, a route, or else a cluster of our own.

    Raises:
        TargetError: both are named, or the cluster is not there.
    """
    if cluster and route:
        raise TargetError("--cluster and --route name two clusters: choose one.")
    if cluster:
        yield of_ready_file(Path(cluster))
    elif route:
        yield of_route(route)
    else:
        with own(servers, durability, gather_ms) as target:
            yield target


def _wait_until_ready(process: "subprocess.Popen[bytes]", ready: Path, output: Path) -> None:
    deadline = time.monotonic() + START_S
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise TargetError(f"The cluster did not start: {output.read_text()[-500:].strip()}")
        time.sleep(0.02)


def _set_durability(target: Target, durability: str) -> None:
    import redis

    client = redis.Redis.from_url(target.redis_url or "", retry=None)
    client.config_set("appendfsync", durability)
    client.close()


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        # Its children end with it.
        process.kill()
        process.wait()
