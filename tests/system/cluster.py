"""A whole cluster for a test: `cim up` as a process, read through its ready file."""

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis

from cim_common.build import program
from tests.real_servers import eventually, free_port


class Cluster:
    """One `cim up` with free ports and a data folder of its own."""

    def __init__(self, folder: Path, *options: str, within: Sequence[str] = ()) -> None:
        """`within` is a command that runs the cluster, in its own process: its arguments are the cluster's command."""
        self.folder = folder
        self.options = options
        self.within = within
        self.ready_file = folder / "ready.json"
        self.process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        command = [
            *self.within, *program("cim"), "up", "--route", "127.0.0.1:0", "--server-port", "0",
            "--data", str(self.folder / "data"), "--ready-file", str(self.ready_file), *self.options,
        ]  # fmt: skip
        with (self.folder / "output").open("a") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, text=True)
        eventually(self._is_up, 30)

    def _is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "output").read_text()
        return self.ready_file.exists()

    @property
    def ready(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self.ready_file.read_text())
        return record

    @property
    def route(self) -> str:
        return str(self.ready["route"])

    @property
    def said(self) -> str:
        return (self.folder / "output").read_text()

    def log_of(self, name: str) -> str:
        return (self.folder / "data" / "logs" / f"{name}.log").read_text()

    def pid_of(self, name: str) -> int:
        """The process of a child now."""
        if name == "redis":
            return int(self.ready["redis_pid"])
        if name == "route":
            return int(self.ready["route_pid"])
        return int(next(server["pid"] for server in self.ready["servers"] if server["id"] == name))

    def kill(self, name: str) -> None:
        os.kill(self.pid_of(name), signal.SIGKILL)

    def redis(self) -> "redis.Redis":
        return redis.Redis.from_url(self.ready["redis"], retry=None)

    def stop(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


class AwayCluster:
    """A cluster with an address of its own that is away at first, and comes and goes with its data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._address = f"127.0.0.1:{free_port()}"
        self.route = f"http://{self._address}"
        self._cluster: Cluster | None = None

    def come(self) -> None:
        """It answers, from now on or still."""
        if self._cluster is None:
            self._cluster = Cluster(self._folder, "--route", self._address)
        elif self._cluster.process is None or self._cluster.process.poll() is not None:
            self._cluster.ready_file.unlink(missing_ok=True)
            self._cluster.start()

    def go(self) -> None:
        """Nothing answers any more, if anything did."""
        assert self._cluster is None or self._cluster.stop() == 0
