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
    made = Cluster(tmp_path_factory.mktemp("cluster"), "--servers", "1")
    yield made
    made.stop()


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
    assert metrics(server)['cim_closed_total{code="EMPTY_FRAME"}'] == 1
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
