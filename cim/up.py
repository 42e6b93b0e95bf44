"""`cim up`: a whole cluster on one machine: Redis, IM servers and route as children of one supervisor."""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from cim.background import keep_behind
from cim.data_folder import DataFolder, FolderError
from cim.embedded_redis import EmbeddedRedis
from cim.logs import spared_by_a_full_disk
from cim.supervisor import Child, StartFailed, keep, stop, wait_until
from cim_common.build import program

READY_S = 30.0
REDIS_READY_S = 600.0
"""Reading a large log takes its time; progress is said meanwhile."""

READY_FILE_RETRY_S = 1.0

STOP_S = 12.0
"""A little more than an IM server allows itself."""


@dataclass(frozen=True, slots=True)
class UpSettings:
    """What `cim up` is told; ports may be 0: any free one."""

    data: Path
    servers: int = 2
    route_host: str = "127.0.0.1"
    route_port: int = 8083
    server_port: int = 11211
    redis: str | None = None
    zookeeper: str | None = None
    legacy: bool = False
    allow_plaintext: bool = False
    advertise: str | None = None
    ready_file: Path | None = None
    directory: str = "open"
    keep: tuple[str, ...] = ()
    gather_ms: float = 0.0


class Up:
    """The children of one cluster and where they listen."""

    def __init__(self, settings: UpSettings, folder: DataFolder) -> None:
        self._settings = settings
        self._folder = folder
        self._secret = folder.secret_file("secret")
        self.operator_token_file = folder.secret_file("operator-token")
        self._embedded = None if settings.redis else EmbeddedRedis(folder, free_port("127.0.0.1"))
        self.redis_url = settings.redis or (self._embedded.url if self._embedded else "")
        self._ports = [0 if settings.server_port == 0 else settings.server_port + i for i in range(settings.servers)]
        self._http_ports = [0] * settings.servers
        self._route_port = settings.route_port
        self._places: dict[str, dict[str, Any]] = {}
        environment = {"CIM_SECRET_FILE": str(self._secret), "CIM_REDIS": self.redis_url}
        self.redis = self._child("redis", self._embedded.environment) if self._embedded else None
        self.servers = [self._child(f"s{i + 1}", environment) for i in range(settings.servers)]
        self.route = self._child("route", environment)

    def _child(self, name: str, environment: dict[str, str]) -> Child:
        return Child(name, lambda: self._command(name), self._folder.path / "logs" / f"{name}.log", environment)

    @property
    def children(self) -> list[Child]:
        return [*([self.redis] if self.redis else []), *self.servers, self.route]

    # -- commands of the children ------------------------------------------------------------------------

    def _command(self, name: str) -> list[str]:
        if name == "redis":
            assert self._embedded is not None
            return self._embedded.command
        settings = self._settings
        common = ["--ready-file", str(self._ready_file(name)), "--legacy" if settings.legacy else "--no-legacy"]
        common += ["--directory", settings.directory]
        if settings.zookeeper:
            common += ["--zookeeper", settings.zookeeper]
        if settings.allow_plaintext:
            common += ["--allow-plaintext"]
        python = program("cim")
        if name == "route":
            listen = f"{settings.route_host}:{self._route_port}"
            return [
                *python,
                "route",
                "--listen",
                listen,
                "--operator-token-file",
                str(self.operator_token_file),
                *common,
            ]
        index = int(name[1:]) - 1
        common += [argument for rule in settings.keep for argument in ("--keep", rule)]
        common += ["--gather-ms", str(settings.gather_ms)]
        if settings.advertise:
            common += ["--advertise", settings.advertise]
        return [
            *python, "server", "--id", name, "--listen", f"{settings.route_host}:{self._ports[index]}",
            "--http", f"127.0.0.1:{self._http_ports[index]}", *common,
        ]  # fmt: skip

    def _ready_file(self, name: str) -> Path:
        return self._folder.path / "run" / f"{name}.json"

    # -- starting ----------------------------------------------------------------------------------------

    def check_ports(self) -> None:
        """Raises StartFailed when a port that was asked for is taken."""
        host = self._settings.route_host
        wanted = [("--route", self._route_port), *(("--server-port", port) for port in self._ports)]
        for option, port in wanted:
            if port and not is_free(host, port):
                raise StartFailed(f"Port {port} on {host} is taken: choose another with {option}, or 0 for a free one.")

    async def start(self) -> None:
        """Start everything and wait until it answers. Raises StartFailed."""
        if self.redis is not None and self._embedded is not None:
            self.redis.start()
            await wait_until(self.redis, self._embedded.answers, REDIS_READY_S)
        store = [self.redis] if self.redis else []
        for child in [*self.servers, self.route]:
            child.start()
        for index, server in enumerate(self.servers):
            await wait_until(server, self._ready_file(server.name).exists, READY_S, *store)
            ready = self._places[server.name] = self._read_ready(server.name)
            self._ports[index] = _port(ready["tcp"])
            self._http_ports[index] = _port(ready["http"])
        await wait_until(self.route, self._ready_file("route").exists, READY_S, *store)
        self._places["route"] = self._read_ready("route")
        self._route_port = _port(self._places["route"]["route"])
        await wait_until(self.route, self._route_is_ready, READY_S, *store)

    def _read_ready(self, name: str) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self._ready_file(name).read_text())
        return record

    def _route_is_ready(self) -> bool:
        """Route knows every server: a login now finds one."""
        import http.client

        connection = http.client.HTTPConnection(self._settings.route_host, self._route_port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            answer = response.read()
            return response.status == 200 and _servers_in(answer) >= len(self.servers)
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def record(self) -> dict[str, Any]:
        """What the ready file says: where everything listens, and its process as of now."""
        return {
            "route": self._places["route"]["route"],
            "servers": [{**self._places[server.name], "pid": server.pid} for server in self.servers],
            "redis": self.redis_url,
            "route_pid": self.route.pid,
            "redis_pid": self.redis.pid if self.redis else None,
            "operator_token_file": str(self.operator_token_file),
        }


def _servers_in(answer: bytes) -> int:
    try:
        return int(json.loads(answer).get("servers", 1 << 20))
    except (ValueError, TypeError, AttributeError):
        return 1 << 20


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def free_port(host: str) -> int:
    with socket.socket() as sock:
        sock.bind((host, 0))
        port: int = sock.getsockname()[1]
        return port


def is_free(host: str, port: int) -> bool:
    try:
        socket.create_server((host, port)).close()
    except OSError:
        return False
    return True


def run(settings: UpSettings) -> int:
    """Run the cluster until SIGINT or SIGTERM; the exit code."""
    try:
        folder = DataFolder(settings.data)
    except FolderError as error:
        print(f"cim up: {error}", file=sys.stderr)
        return 1
    try:
        return trio.run(_main, settings, folder)
    finally:
        folder.close()


async def _main(settings: UpSettings, folder: DataFolder) -> int:
    # Under nohup a hang-up is ignored, and stays so.
    hang_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, *hang_up) as signals:
        try:
            up = Up(settings, folder)
            up.check_ports()
        except (FolderError, StartFailed, OSError) as error:
            print(f"cim up: {error}", file=sys.stderr)
            return 1
        code = 0
        async with trio.open_nursery() as nursery:
            ending = trio.CancelScope()
            nursery.start_soon(_listen, signals, ending, up)
            try:
                with ending:
                    await _serve(settings, up)
            except StartFailed as error:
                print(f"cim up: {error}", file=sys.stderr)
                code = 1
            with trio.CancelScope(shield=True):
                await _end(settings, up)
            nursery.cancel_scope.cancel()
        return code


async def _serve(settings: UpSettings, up: Up) -> None:
    began = time.monotonic()
    say(f"starting {settings.servers} IM servers and route (data in {settings.data}) ...")
    await up.start()
    _write_ready(settings, up)
    _announce(settings, up, time.monotonic() - began)
    async with trio.open_nursery() as nursery:
        due = _Due()
        nursery.start_soon(_keep_ready_file, settings, up, due)
        for child in up.children:
            nursery.start_soon(keep, child, say, due.set)
        if up.redis is not None:
            nursery.start_soon(keep_behind, up.redis)


class _Due:
    """Whether the ready file has to be written anew."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def set(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        """Until it is due; what comes later makes it due again."""
        await self._event.wait()
        self._event = trio.Event()


async def _keep_ready_file(settings: UpSettings, up: Up, due: _Due) -> None:
    """Write it after each restart; a disk that is full ends nothing, the file follows when there is space."""
    while True:
        await due.wait()
        try:
            _write_ready(settings, up)
        except OSError as error:
            say(f"the ready file cannot be written: {error}")
            await trio.sleep(READY_FILE_RETRY_S)
            due.set()


async def _listen(signals: AsyncIterator[int], ending: trio.CancelScope, up: Up) -> None:
    """The first signal stops in order, the second at once."""
    first = True
    async for _ in signals:
        if first:
            first = False
            say("stopping ...")
            ending.cancel()
        else:
            for child in up.children:
                child.signal(signal.SIGKILL)


async def _end(settings: UpSettings, up: Up) -> None:
    await stop([*up.servers, up.route], STOP_S)
    if up.redis is not None:
        await stop([up.redis], STOP_S)
    if settings.ready_file is not None:
        settings.ready_file.unlink(missing_ok=True)
    say("stopped; the data stays.")


def _announce(settings: UpSettings, up: Up, seconds: float) -> None:
    record = up.record()
    say(f"ready after {seconds:.1f} s")
    print(f"  route    {record['route']}")
    for server in record["servers"]:
        print(f"  server   {server['id']:<4} {server['tcp']}")
    registry = f"ZooKeeper at {settings.zookeeper}" if settings.zookeeper else "leases in Redis"
    print(f"  redis    {_without_password(up.redis_url)}, registry: {registry}")
    if settings.legacy:
        print("  WARNING  legacy clients are served: their accounts have no password, anyone can be them.")
    started = Path(sys.argv[0])
    command = (
        "python -m cim"
        if started.name == "__main__.py"
        else os.path.relpath(started)
        if os.sep in sys.argv[0]
        else "cim"
    )
    elsewhere = "" if record["route"] == "http://127.0.0.1:8083" else f" --route {record['route']}"
    print(
        f"\nNow chat, in another terminal:\n\n  {command} chat alice{elsewhere}\n\nCtrl-C stops everything.", flush=True
    )


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def say(text: str) -> None:
    with spared_by_a_full_disk():
        print(f"cim: {text}", flush=True)


def _write_ready(settings: UpSettings, up: Up) -> None:
    """All at once, and readable by the owner only: the store's password is in it."""
    path = settings.ready_file
    if path is None:
        return
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(up.record(), file, indent=2)
        os.replace(unfinished, path)
    except OSError:
        unfinished.unlink()
        raise
