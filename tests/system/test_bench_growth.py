"""`cim bench growth` and `soak`, tiny: each curve has its points, every run in it is verified."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

import pytest
import redis

from cim.bench import accounts, groups, growth, proc, soak, syscalls, table, target
from cim.bench.filling import Filling, FillingFailed
from cim.bench.growth import GrowthSettings
from cim.bench.mesh import Mesh
from cim.bench.results import Result
from cim.bench.soak import SoakSettings
from cim.bench.target import Target
from cim.bench.worker import GeneratorError
from cim_common import ids
from cim_common.store import keys
from tests.system.cluster import Cluster

TINY = GrowthSettings(
    connections=(20, 40), conversations=(5, 50), kept=(0, 600), online=(4, 10), offline=(0, 30), rate=200,
    mesh_rate=400, group_rate=50, senders=8, saturating_senders=8, seconds=0.4, warm_up=0.1, repeat=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.stop()


@pytest.fixture
def place(cluster: Cluster) -> Target:
    return target.of_ready_file(cluster.ready_file)


def quiet(text: str) -> None:
    """Nobody looks."""


@contextmanager
def borrowed(place: Target, servers: int = 2) -> Iterator[Target]:
    """The test's cluster where a curve would start one of its own."""
    yield place


@pytest.mark.parametrize(
    ("curve", "sizes"),
    [
        ("connections", (20, 40)),
        ("conversations", (5, 50)),
        ("kept", (0, 600)),
        ("online", (4, 10)),
        ("offline", (0, 30)),
        ("servers", (1, 2)),
    ],
)
def test_a_curve_has_a_point_for_each_size(
    curve: str, sizes: tuple[int, ...], place: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    if curve != "servers":
        monkeypatch.setattr(growth, "own", partial(borrowed, place))
    found = growth.run(replace(TINY, curves=(curve,)), quiet)
    assert not found.wrong
    assert found.curve
    for one in found.curve:
        assert [point.x for point in one.points] == list(sizes)
        assert all(point.y > 0 for point in one.points)
    assert "growth" in table.table([found])
    assert ("two_servers_capacity" in found.figures) == (curve == "servers")


def test_a_wrong_run_leaves_no_curve(place: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "own", partial(borrowed, place))
    monkeypatch.setattr(groups, "run", lambda *arguments: Result(benchmark="group", lost=1))
    found = growth.run(replace(TINY, curves=("online",)), quiet)
    assert found.wrong == {"lost": 2}
    assert found.curve == ()


def test_generators_are_heard_beside_thousands_of_descriptors(place: Target) -> None:
    proc.allow_descriptors()
    with ExitStack() as stack:
        for _ in range(1_100):
            stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        found = groups.run(place, (3, 0), 50, 0.2, quiet)
    assert not found.wrong
    assert found.sent


def test_a_soak_samples_while_connections_come_and_go(place: Target) -> None:
    found = soak.run(place, SoakSettings(2, connections=20, churn=4, senders=4, rate=100, warm_up=0.1), quiet)
    assert not found.wrong
    assert found.sent == found.delivered
    assert (found.figures["reconnections"] or 0) >= 4
    assert found.figures["s1_resident_bytes_per_hour"] is not None
    assert [one.name for one in found.curve] == ["resident memory", "open descriptors", "Redis, memory"]
    assert "reconnections" in table.table([found])
    assert {point.series for point in found.curve[0].points} == {"s1", "s2", "route", "redis"}


def test_a_mesh_refuses_what_does_not_come_next(place: Target) -> None:
    mesh = Mesh(accounts.make(place, 6), place.servers)
    mesh.grow(9)
    assert len({talk.id for talk in mesh.talks}) == 9 == mesh.most
    assert mesh.sent == mesh.delivered == 2 * 9, "each has been written to once more since both were there"
    mesh.run(100, 0.2)
    mesh.settle()
    assert all(talk.acked == talk.delivered for talk in mesh.talks)
    mesh.talks[0].delivered += 1
    with pytest.raises(GeneratorError, match="delivered"):
        for _ in range(9):
            mesh.run(100, 0.1)
            mesh.settle()
    mesh.close()


def test_system_calls_and_syncs_for_each_message(place: Target) -> None:
    mesh = Mesh(accounts.make(place, 4), place.servers)
    mesh.grow(4)
    assert syscalls.trace(place, 0.1).missing == "No message was sent meanwhile."
    assert "not on this machine" in syscalls.trace(Target(place.route), 0.1).missing
    traced = syscalls.trace(place, 0.5, lambda seconds: mesh.run(100, seconds))
    mesh.settle()
    mesh.close()
    assert traced.missing == ""
    assert 10 <= traced.messages <= mesh.sent
    assert traced.calls_per_message is not None
    assert {"recvfrom", "sendto", "epoll_wait"} <= set(traced.calls_per_message)
    assert traced.syncs_per_message is not None
    assert 0 < traced.syncs_per_message < 10


def test_a_filled_store_has_every_message(place: Target) -> None:
    users = accounts.make(place, 4)
    assert place.redis_url is not None
    filling = Filling(place.redis_url)
    filling.fill(users, 610, 50)
    client = redis.Redis.from_url(place.redis_url, retry=None)
    pairs = [(one, other) for one in users[:2] for other in users[2:]]
    lengths = [client.xlen(keys.log(ids.direct(one.user, other.user))) for one, other in pairs]
    assert sorted(lengths) == [152, 152, 153, 153]
    with pytest.raises(FillingFailed):
        filling.fill(users, 4, 60)
    client.close()
    filling.close()


def test_slopes() -> None:
    assert soak.slope_of([(0, 1), (1, 3), (2, 5)]) == 2
    assert soak.slope_of([(1, 1), (1, 2)]) is None
    assert soak.slope_of([]) is None
