"""`cim bench` as people run it, on real clusters."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.bulk import calls
from tests.real_servers import SLOWNESS, eventually
from tests.system.cluster import Cluster

NewCluster = Callable[..., Cluster]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cim", "bench", *arguments]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=90 * SLOWNESS, check=False)


def record_of(tmp_path: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    """The record of a run with that exit code."""
    file = tmp_path / "record.json"
    done = run(*arguments, "--json", str(file))
    assert done.returncode == code, done.stdout + done.stderr
    record: dict[str, Any] = json.loads(file.read_text())
    return record


def whole(record: dict[str, Any]) -> None:
    """Everything sent was acknowledged and delivered, once and in order."""
    assert record["sent"] == record["acked"] > 0
    assert (record["lost"], record["duplicates"], record["out_of_order"], record["failed"]) == (0, 0, 0, 0)


def test_messages_on_a_cluster_of_its_own(tmp_path: Path) -> None:
    arguments = ["--senders", "20", "--seconds", "1", "--warm-up", "0.5", "--in-flight", "2"]
    record = record_of(tmp_path, "messages", *arguments)
    whole(record)
    assert record["delivered"] == record["acked"]
    assert record["benchmark"] == "messages"
    assert record["settings"]["servers"] == 2
    assert record["settings"]["durability"] == "always"
    assert record["settings"]["gather_ms"] == 0
    assert record["rate_per_s"] > 0
    cpu = record["cpu_us_per_message"]
    assert cpu["total"] == pytest.approx(cpu["servers"] + cpu["route"] + cpu["redis"])
    assert cpu["servers"] > 0
    for which in ("ack", "delivery"):
        latency = record["latency_ms"][which]
        assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["p99_9"] <= latency["max"]


def test_messages_on_servers_that_let_them_gather(tmp_path: Path) -> None:
    arguments = ["--senders", "10", "--rate", "200", "--seconds", "1", "--warm-up", "0.2", "--gather-ms", "1.5"]
    record = record_of(tmp_path, "messages", *arguments)
    whole(record)
    assert record["settings"]["gather_ms"] == 1.5  # As the servers themselves say.


def test_messages_at_a_rate_on_a_cluster_that_runs(new_cluster: NewCluster, tmp_path: Path) -> None:
    cluster = new_cluster()
    arguments = ["--senders", "10", "--rate", "200", "--seconds", "2", "--warm-up", "0.5", "--generators", "2"]
    record = record_of(tmp_path, "messages", *arguments, "--cluster", str(cluster.ready_file))
    whole(record)
    assert 100 < record["rate_per_s"] < 300
    assert cluster.process is not None
    assert cluster.process.poll() is None


def test_messages_through_the_route_alone(new_cluster: NewCluster, tmp_path: Path) -> None:
    cluster = new_cluster()
    arguments = ["--senders", "4", "--seconds", "0.5", "--warm-up", "0.2", "--route", cluster.route]
    record = record_of(tmp_path, "messages", *arguments)
    whole(record)
    assert record["cpu_us_per_message"]["total"] is None


def test_a_group(tmp_path: Path) -> None:
    arguments = ["--members", "30", "--online", "20", "--senders", "4", "--seconds", "1", "--warm-up", "0.2"]
    record = record_of(tmp_path, "group", *arguments, "--lone-messages", "5", "--generators", "2")
    whole(record)
    assert record["delivered"] == 19 * record["acked"]
    assert record["cpu_us_per_delivery"] > 0
    assert record["figures"]["last_socket_ms"] > 0


def test_a_server_killed_in_the_middle_loses_nothing_and_is_no_result(new_cluster: NewCluster, tmp_path: Path) -> None:
    """Its clients' connections are lost, so the run fails; but what was acknowledged is found in the logs."""
    cluster = new_cluster()
    file = tmp_path / "record.json"
    arguments = ["--senders", "20", "--seconds", "4", "--warm-up", "0.5", "--cluster", str(cluster.ready_file)]
    process = subprocess.Popen(command("messages", *arguments, "--json", str(file)), stdout=subprocess.PIPE, text=True)
    client = cluster.redis()
    before = calls(client).get("xadd", 0)
    eventually(lambda: calls(client).get("xadd", 0) > before + 200, 30)
    cluster.kill("s2")
    output, _ = process.communicate(timeout=90 * SLOWNESS)
    client.close()
    assert process.returncode == 1, output
    record = json.loads(file.read_text())
    assert (record["lost"], record["duplicates"], record["out_of_order"]) == (0, 0, 0), record["missing"]
    assert record["failed"] > 0
    assert record["delivered"] >= record["acked"]
    assert "the server went away" in record["missing"]["result"]
    assert record["rate_per_s"] is None
    assert record["cpu_us_per_message"] is None


def test_what_a_killed_run_leaves_is_private_ends_and_is_removed_by_the_next(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        command("messages", "--senders", "4", "--seconds", "60"), env=environment, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    eventually(lambda: list(tmp_path.glob("cim-bench-*/ready.json")), 30)
    (folder,) = tmp_path.glob("cim-bench-*")
    ready = json.loads((folder / "ready.json").read_text())
    assert folder.stat().st_mode & 0o077 == 0
    process.kill()
    process.wait()
    pids = [*(server["pid"] for server in ready["servers"]), ready["route_pid"], ready["redis_pid"]]
    eventually(lambda: not [pid for pid in pids if os.path.exists(f"/proc/{pid}")])
    os.utime(folder / "lock", (0, 0))
    done = subprocess.run(
        command("messages", "--senders", "2", "--seconds", "0.1", "--warm-up", "0"), env=environment,
        capture_output=True, text=True, timeout=90 * SLOWNESS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "of the floor" in done.stdout
    assert not list(tmp_path.glob("cim-*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_what_was_started(tmp_path: Path, number: signal.Signals) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        command("messages", "--senders", "4", "--seconds", "60"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    eventually(lambda: list(tmp_path.glob("cim-bench-*/ready.json")), 30)
    ready = json.loads(next(tmp_path.glob("cim-bench-*/ready.json")).read_text())
    time.sleep(0.5)
    process.send_signal(number)
    _, errors = process.communicate(timeout=40 * SLOWNESS)
    assert process.returncode == 130
    assert "Interrupted" in errors
    assert not list(tmp_path.glob("cim-bench-*"))
    pids = [*(server["pid"] for server in ready["servers"]), ready["route_pid"], ready["redis_pid"]]
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["messages", "--rate", "5", "--saturate"], "two kinds of load"),
        (["messages", "--cluster", __file__], "is not the ready file of a running cluster"),
        (["messages", "--route", "http://127.0.0.1:1"], "Route does not answer"),
        (["messages", "--route", "127.0.0.1:1"], "is not the URL of a route"),
        (["messages", "--senders", "3"], "an even number"),
        (["messages", "--json", "/nowhere/at/all.json"], "cannot be written"),
        (["all", "--report", "/nowhere/at/all.html"], "cannot be written"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_sentence(arguments: list[str], says: str) -> None:
    done = run(*arguments)
    assert done.returncode != 0
    assert says in done.stderr
    assert "Traceback" not in done.stderr
