"""`cim up` as people and programs use it."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from cim.background import NICENESS
from cim.embedded_redis import JEMALLOC, allocator, binary
from cim_client import connect
from tests.real_servers import eventually
from tests.system.cluster import Cluster

NewCluster = Callable[..., Cluster]
PASSWORD = "correct horse battery"


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def pids_of(cluster: Cluster) -> list[int]:
    ready = cluster.ready
    return [ready["route_pid"], ready["redis_pid"], *(server["pid"] for server in ready["servers"])]


def test_the_ready_file(new_cluster: NewCluster) -> None:
    cluster = new_cluster("--servers", "3")
    ready = cluster.ready
    assert set(ready) == {"route", "servers", "redis", "route_pid", "redis_pid", "operator_token_file"}
    assert ready["route"].startswith("http://127.0.0.1:")
    assert [set(server) for server in ready["servers"]] == [{"id", "pid", "tcp", "http"}] * 3
    for server in ready["servers"]:
        host, _, port = server["tcp"].rpartition(":")
        socket.create_connection((host, int(port)), 5).close()
    assert stat.S_IMODE(os.stat(ready["operator_token_file"]).st_mode) == 0o600
    assert stat.S_IMODE(cluster.ready_file.stat().st_mode) == 0o600
    client = redis.Redis.from_url(ready["redis"])
    assert client.config_get("appendfsync") == {"appendfsync": "always"}
    client.close()
    assert all(is_running(pid) for pid in pids_of(cluster))


async def test_the_data_is_there_at_the_next_start(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    pids = pids_of(cluster)
    async with connect(cluster.route, name="anna", password=PASSWORD, register=True) as anna:
        await anna.send("lobby", "before the night")
    assert cluster.stop() == 0
    assert not any(is_running(pid) for pid in pids)
    assert not cluster.ready_file.exists()
    cluster.start()
    async with connect(cluster.route, name="anna", password=PASSWORD) as anna:
        assert [m.text async for m in anna.history("lobby")] == ["before the night"]


def test_a_killed_supervisor_leaves_no_orphans(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    pids = pids_of(cluster)
    assert cluster.process is not None
    cluster.process.kill()
    cluster.process.wait()
    eventually(lambda: not any(is_running(pid) for pid in pids), 5)
    cluster.ready_file.unlink()
    cluster.start()


def test_ctrl_c_stops_everything(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    pids = pids_of(cluster)
    assert cluster.process is not None
    cluster.process.send_signal(signal.SIGINT)
    assert cluster.process.wait(30) == 0
    assert not any(is_running(pid) for pid in pids)
    assert "stopped; the data stays." in cluster.said


def up(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cim", "up", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_refusals_are_one_sentence(new_cluster: NewCluster, tmp_path: Path) -> None:
    cluster = new_cluster()
    again = up("--data", str(cluster.folder / "data"))
    assert again.returncode == 1
    assert "is running already" in again.stderr
    assert again.stderr.count("\n") == 1
    port = cluster.route.rpartition(":")[2]
    taken = up("--data", str(tmp_path / "other"), "--route", f"127.0.0.1:{port}", "--server-port", "0")
    assert taken.returncode == 1
    assert (
        taken.stderr
        == f"cim up: Port {port} on 127.0.0.1 is taken: choose another with --route, or 0 for a free one.\n"
    )
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "engine.json").write_text(json.dumps({"engine": "redis", "version": 7}))
    foreign = up("--data", str(tmp_path / "foreign"), "--route", "127.0.0.1:0", "--server-port", "0")
    assert foreign.returncode == 1
    assert "was written by redis 7" in foreign.stderr


def test_every_child_that_dies_is_started_again(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    for name in ("s1", "s2", "route", "redis"):
        before = cluster.pid_of(name)
        cluster.kill(name)
        eventually(lambda name=name: f"{name} started again" in cluster.said)  # type: ignore[misc]
        eventually(lambda name=name, before=before: cluster.pid_of(name) != before)  # type: ignore[misc]
        assert is_running(cluster.pid_of(name))


def test_its_programs_are_its_own_where_the_current_folder_holds_others(
    new_cluster: NewCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cim").mkdir()
    (tmp_path / "cim" / "__init__.py").write_text("raise SystemExit('another one')")
    monkeypatch.chdir(tmp_path)
    assert "another one" not in new_cluster().said


def test_redis_gets_its_allocator_and_what_it_forks_gives_way(new_cluster: NewCluster) -> None:
    ready = new_cluster().ready
    redis_pid = ready["redis_pid"]
    loaded = Path(f"/proc/{redis_pid}/maps").read_text()
    assert (JEMALLOC in loaded) == (JEMALLOC in allocator(binary()[0]).values())
    assert JEMALLOC not in Path(f"/proc/{ready['route_pid']}/maps").read_text()
    with redis.Redis.from_url(ready["redis"]) as client:
        client.mset({f"key-{n}": n for n in range(1_000)})
        client.config_set("rdb-key-save-delay", 100_000)
        client.bgrewriteaof()
    children = Path(f"/proc/{redis_pid}/task/{redis_pid}/children")
    (writer,) = eventually(lambda: children.read_text().split(), 20)
    eventually(lambda: os.getpriority(os.PRIO_PROCESS, int(writer)) == NICENESS, 20)
