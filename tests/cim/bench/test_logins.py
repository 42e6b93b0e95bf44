"""Logins measured on a real cluster, and what is said when one fails."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from cim.bench import accounts, target
from cim.bench.accounts import Account
from cim.bench.callers import crew as callers
from cim.bench.callers.crew import Outcome
from cim.bench.logins import PASSWORD, Settings, run
from cim.bench.target import Target
from cim.cli import main
from tests.real_servers import eventually
from tests.system.cluster import Cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    assert made.stop() == 0


def test_logins_with_tokens_at_servers_and_at_route(cluster: Cluster) -> None:
    place = target.of_ready_file(cluster.ready_file)
    result = run(place, Settings(seconds=0.5, warm_up=0.2, accounts=100, generators=2))
    assert result.wrong == {}
    assert (result.settings["durability"], result.settings["gather_ms"]) == ("always", 0.0)
    assert result.logins_per_s
    assert result.logins_per_s > 0
    cpu = result.cpu_us_per_login
    assert cpu is not None
    assert None not in (cpu.servers, cpu.route, cpu.redis, cpu.total, cpu.generator)
    assert result.latency_ms is not None
    assert result.latency_ms.ack is not None
    assert result.figures["logins"] == round(result.logins_per_s * (result.seconds or 0))
    assert all(result.figures[name] for name in ("refreshes", "refreshes_per_s", "refresh_p50_ms"))
    assert result.figures["refresh_route_cpu_us"] is not None


def test_logins_with_passwords(cluster: Cluster) -> None:
    place = target.of_ready_file(cluster.ready_file)
    result = run(place, Settings(PASSWORD, seconds=0.5, warm_up=0.1, accounts=4))
    assert (result.wrong, result.missing) == ({}, {})
    assert result.logins_per_s
    assert result.figures["logins"]


def test_a_cluster_known_by_its_route_only_has_rates_and_says_what_is_missing(cluster: Cluster) -> None:
    result = run(target.of_route(cluster.route), Settings(seconds=0.3, warm_up=0.1, accounts=40, at_once=1))
    assert result.wrong == {}
    assert result.logins_per_s
    assert result.cpu_us_per_login is not None
    assert result.cpu_us_per_login.total is None
    assert "cpu route" in result.missing


def tried(place: Target, exchange: str, account: Account) -> Outcome:
    """A caller that went on until it had failed."""
    with callers.crew(exchange, [callers.subject(place, account)], 1) as crew:
        eventually(lambda: crew.mark().failed > 0)
        return crew.stop()


def test_a_login_that_is_answered_as_somebody_else_is_a_failure(cluster: Cluster) -> None:
    place = target.of_ready_file(cluster.ready_file)
    anna, berta, *_ = accounts.make(place, 2)
    for exchange in ("connect", "refresh"):
        outcome = tried(place, exchange, anna._replace(user=berta.user))
        assert (outcome.done, set(outcome.reasons)) == (0, {"logged in as somebody else"})
        assert outcome.failed == outcome.began > 0


def test_a_forged_token_and_a_server_that_is_not_there_are_failures_with_a_reason(cluster: Cluster) -> None:
    place = target.of_ready_file(cluster.ready_file)
    (anna,) = accounts.make(place, 1)
    for changed, reason in ((anna._replace(connect_token="x.y"), "closed: "), (anna._replace(port=9), "ECONNREFUSED")):
        outcome = tried(place, "connect", changed)
        assert outcome.done == 0
        assert outcome.sentence().startswith(reason)


def test_the_command_writes_what_it_found(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    command = ["bench", "logins", "--seconds", "0.3", "--warm-up", "0.1", "--accounts", "50", "--json", str(file)]
    ended = CliRunner().invoke(main, [*command, "--cluster", str(cluster.ready_file)])
    assert ended.exit_code == 0, ended.output
    record = json.loads(file.read_text())
    assert (record["benchmark"], record["failed"], record["settings"]["kind"]) == ("logins", 0, "token")
    assert record["logins_per_s"] > 0
    assert {"servers", "route", "redis", "total"} <= set(record["cpu_us_per_login"])
