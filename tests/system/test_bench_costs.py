"""`cim bench idle`, `sync` and `floor` at sizes that say nothing, but count and check everything as at large ones."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cim.bench import accounts, idle, proc, results, sync, target, targets
from cim.bench.crowd import Crowd, CrowdError
from cim.bench.figures import value_at
from cim.bench.idle import IdleSettings
from cim.bench.results import Result
from cim.bench.sync import SyncSettings
from cim.bench.target import Target
from tests.real_servers import eventually
from tests.system.cluster import Cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.stop()


@pytest.fixture
def place(cluster: Cluster) -> Target:
    return target.of_ready_file(cluster.ready_file)


def bench(*arguments: str, code: int = 0) -> dict[str, Any]:
    """What the command writes."""
    done = subprocess.run(
        [sys.executable, "-m", "cim", "bench", *arguments], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == code, done.stderr
    return (
        json.loads(Path(arguments[arguments.index("--json") + 1]).read_text()) if code == 0 else {"said": done.stderr}
    )


def every_target_has_its_figure(found: Result) -> None:
    """A target whose place nothing fills would be "not measured" for ever."""
    paths = [goal.path for goal in targets.GOALS if goal.benchmark == found.benchmark]
    assert paths
    assert [path for path in paths if value_at(found, path) is None] == []


def test_idle_counts_every_connection(place: Target) -> None:
    found = idle.run(place, IdleSettings(60, seconds=1, quiet_s=0.5, settle_s=0.2))
    assert not found.wrong
    assert found.figures["connections"] == 60
    assert found.figures["pings_per_s"] == 6
    assert (found.settings["durability"], found.settings["gather_ms"]) == ("always", 0.0)
    assert found.bytes_per_connection is not None
    assert found.kernel_bytes_per_connection is not None
    assert found.event_loop_lag_ms is not None
    assert found.event_loop_lag_ms["passes"] > 0
    assert found.missing == {}
    assert found.machine.engine is not None
    assert results.from_json(results.to_json(found)) == found
    every_target_has_its_figure(found)


def test_sync_verifies_every_seq(cluster: Cluster, tmp_path: Path) -> None:
    file = str(tmp_path / "sync.json")
    found = bench("sync", "--messages", "450", "--cluster", str(cluster.ready_file), "--json", file)
    assert found["benchmark"] == "sync"
    assert (found["settings"]["durability"], found["settings"]["gather_ms"]) == ("always", 0.0)
    assert (found["sent"], found["delivered"], found["lost"], found["duplicates"]) == (450, 450, 0, 0)
    assert found["seconds"] == found["figures"]["sync_s"] > found["figures"]["connected_s"] > 0
    assert found["figures"]["raw_s"] > 0
    assert found["cpu_us_per_message"]["total"] > 0


def test_sync_of_a_cluster_known_by_its_route_only(cluster: Cluster) -> None:
    found = sync.run(Target(cluster.route), SyncSettings(40))
    assert not found.wrong
    every_target_has_its_figure(found)
    assert found.cpu_us_per_message is not None
    assert found.cpu_us_per_message.total is None
    assert found.figures["servers_peak_growth_bytes"] is None
    assert "servers_peak_growth_bytes" in found.missing


def test_floor_as_a_command(tmp_path: Path) -> None:
    file = str(tmp_path / "floor.json")
    found = bench("floor", "--connections", "5", "--seconds", "0.1", "--batch", "4", "--json", file)
    assert found["benchmark"] == "floor"
    assert [one["batch"] for one in found["floor"]["cpu_us_per_message"]] == [4]
    assert found["figures"]["message_in_batches_of_4_cpu_us"] == found["floor"]["cpu_us_per_message"][0]["value"]
    assert found["machine"]["engine"].startswith("valkey ")


def test_idle_needs_a_server_on_this_machine_and_descriptors(place: Target) -> None:
    with pytest.raises(target.TargetError, match="on this machine"):
        idle.run(Target(place.route), IdleSettings(10))
    with pytest.raises(target.TargetError, match="raise the hard limit"):
        idle.run(place, IdleSettings(proc.allow_descriptors()))


# -- the crowd itself ----------------------------------------------------------------------------------------


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    made = Crowd(interval_s=0.2)
    yield made
    made.close()


def heard(crowd: Crowd) -> Crowd:
    """The same a little later."""
    crowd.beat(0.1)
    return crowd


def test_a_crowd_comes_pings_and_goes(crowd: Crowd, place: Target) -> None:
    made = accounts.make(place, 30)
    crowd.log_in(made[:20])
    crowd.log_in(made[20:])
    assert len(crowd) == 30
    eventually(lambda: heard(crowd).pongs >= 60)
    gone = crowd.leave(10)
    assert len(gone) == 10
    assert set(gone) < set(made[:20])
    assert crowd.all_alive() == 20
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    with crowd.beating(count):
        eventually(lambda: calls >= 3)
    assert crowd.all_alive() == 20
    assert crowd.lost == []


def test_without_the_lobby_they_are_only_logged_in(place: Target) -> None:
    crowd = Crowd(lobby=False)
    crowd.log_in(accounts.make(place, 3))
    assert crowd.all_alive() == 3
    crowd.close()


def test_a_connection_that_ends_is_an_error_of_the_run(crowd: Crowd, new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster("--servers", "1")
    crowd.log_in(accounts.make(target.of_ready_file(cluster.ready_file), 5))
    os.kill(cluster.pid_of("s1"), signal.SIGKILL)
    with pytest.raises(CrowdError, match="5 connections were lost"):
        eventually(lambda: len(heard(crowd).lost) == 5)
        crowd.all_alive()


def test_a_token_that_is_refused_is_an_error(crowd: Crowd, place: Target) -> None:
    (made,) = accounts.make(place, 1)
    with pytest.raises(CrowdError, match=str(made.user)):
        crowd.log_in([made._replace(connect_token="no")])


def test_a_server_that_is_not_there_is_an_error(crowd: Crowd, place: Target) -> None:
    (made,) = accounts.make(place, 1)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(CrowdError, match="refused"):
        crowd.log_in([made._replace(port=port)])
