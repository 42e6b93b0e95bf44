"""Real servers for tests, started from installed binaries on free ports in temporary folders."""

import contextlib
import glob
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
import redis
import trio

T = TypeVar("T")

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
SLOWNESS = 3 if os.environ.get("CI") or WORKER else 1
"""Deadlines are stretched where others use the machine too."""

PORTS_EACH = 1_000
_FIRST_PORT = 12_000 + int(WORKER[2:] or 0) % 20 * PORTS_EACH
_ports = itertools.count(random.randrange(PORTS_EACH))


def free_port() -> int:
    """Below those that the kernel gives to connections, and none of another worker's: it stays free until it is used,
    also while a server on it is down."""
    for number in itertools.islice(_ports, PORTS_EACH):
        port = _FIRST_PORT + number % PORTS_EACH
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    pytest.fail("no port is free")


def eventually(condition: Callable[[], T], timeout_s: float = 10.0) -> T:
    """The first true value of `condition`; fails when there is none in time."""
    deadline = time.monotonic() + timeout_s * SLOWNESS
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"{condition} did not become true within {timeout_s * SLOWNESS:g} s")
        time.sleep(0.02)
    return value


async def eventually_async(condition: Callable[[], T], timeout_s: float = 10.0) -> T:
    """The same without blocking trio."""
    deadline = time.monotonic() + timeout_s * SLOWNESS
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"{condition} did not become true within {timeout_s * SLOWNESS:g} s")
        await trio.sleep(0.02)
    return value


class RealServer:
    """A process that can be killed, paused and started again on the same port and data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def _command(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(self._command(), cwd=self.folder, stdout=log, stderr=log)
        log.close()
        eventually(self._up, 30)

    def _up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            pytest.fail(f"{self._command()[0]} ended at once: {(self.folder / 'log').read_text()[-500:]}")
        return self.answers()

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


class RealRedis(RealServer):
    """Redis as `cim up` configures its own: every write synced before it is answered."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def _command(self) -> list[str]:
        binary = shutil.which("redis-server")
        if binary is None:
            pytest.fail("redis-server is not installed: run tools/test, or apt-get install redis-server.")
        return [
            binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes",
            "--appendfsync", "always", "--stream-node-max-bytes", "512",
        ]  # fmt: skip

    def answers(self) -> bool:
        client = redis.Redis.from_url(self.url, retry=None)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


class RealZooKeeper(RealServer):
    """One ZooKeeper whose sessions may be as short as 2 s."""

    JARS = (
        "zookeeper*.jar", "slf4j-api.jar", "slf4j-simple.jar", "netty*.jar", "jetty*.jar", "log4j*.jar",
        "commons-*.jar", "snappy-java.jar", "metrics-core.jar", "jackson-*.jar", "audience-annotations.jar",
        "logback*.jar",
    )  # fmt: skip

    @property
    def hosts(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _command(self) -> list[str]:
        java = shutil.which("java")
        jars = [jar for pattern in self.JARS for jar in glob.glob(f"/usr/share/java/{pattern}")]
        if java is None or not any("zookeeper" in jar for jar in jars):
            pytest.fail("ZooKeeper is not installed: run tools/test, or apt-get install libzookeeper-java.")
        (self.folder / "zoo.cfg").write_text(
            f"tickTime=1000\ninitLimit=10\nsyncLimit=5\ndataDir={self.folder}\nclientPort={self.port}\n"
            "clientPortAddress=127.0.0.1\nadmin.enableServer=false\nmaxClientCnxns=0\n"
        )
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        return [java, "-Xmx128m", "-XX:+UseSerialGC", "-cp", ":".join(jars), main, "zoo.cfg"]

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False
