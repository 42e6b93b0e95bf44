"""Every queue in docs/operations.md names a metric that is there, and they count."""

import http.client
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cim_client import connect
from cim_common.wire import messages as m
from tests.system.cluster import Cluster
from tests.system.raw import PASSWORD, Raw

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    few = ("sh", "-c", 'ulimit -S -n 512; exec "$@"', "sh")
    made = Cluster(tmp_path_factory.mktemp("cluster"), "--servers", "1", within=few)
    yield made
    made.stop()


def test_a_server_takes_all_the_descriptors_it_may_have(cluster: Cluster) -> None:
    def limits(name: str) -> list[str]:
        lines = Path(f"/proc/{cluster.pid_of(name)}/limits").read_text().splitlines()
        return next(line.split()[3:5] for line in lines if line.startswith("Max open files"))

    soft, hard = limits("s1")
    assert soft == hard
    assert limits("route")[0] == "512"


def metrics(address: str) -> dict[str, float]:
    """What stands at /metrics; a metric with a label stands with it."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=20)
    try:
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        assert response.status == 200
        lines = response.read().decode().splitlines()
    finally:
        connection.close()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


async def test_the_documented_metrics_are_there_and_count(cluster: Cluster) -> None:
    server = cluster.ready["servers"][0]["http"]
    anna, bert = Raw(cluster.route, "anna").log_in(), Raw(cluster.route, "bert").log_in()
    direct = anna.with_(bert)
    for n in (1, 2, 3):
        assert anna.say(direct, n, n - 1, "hello") == m.Ack(n, n)
    before = metrics(server)
    assert before["cim_connections"] == 2
    assert before["cim_appended_total"] == 3
    bert.socket.sendall(b"\x00")
    assert isinstance(bert.until(m.Close), m.Close)
    after = metrics(server)
    assert after['cim_closed_total{code="EMPTY_FRAME"}'] == 1
    assert after["cim_passes_total"] > before["cim_passes_total"]
    assert after["cim_busy_seconds_total"] > before["cim_busy_seconds_total"]
    assert {f'cim_slow_passes_total{{above="{bound}"}}' for bound in ("0.001", "0.005", "0.02", "0.1")} <= set(after)
    assert after['cim_collections_total{generation="2"}'] >= 1
    assert after["cim_collecting_seconds_total"] > 0
    anna.close()
    bert.close()

    async with connect(cluster.route, name="carl", password=PASSWORD, register=True) as carl:
        queues = carl.queues
    shown = {name.partition("{")[0] for name in (*metrics(server), *metrics(cluster.route))}
    shown |= {f'client.queues["{name}"]' for name in queues}
    rows = re.findall(r"^\| .* \| .* \| .* \| .* \| (.*) \|$", OPERATIONS.read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert len(rows) > 20
    assert named <= shown, named - shown
