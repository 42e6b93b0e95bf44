"""Fixtures for everybody: a real Redis and a real ZooKeeper, started once and stopped at the end."""

from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import redis
from kazoo.client import KazooClient

from tests.real_servers import RealRedis, RealZooKeeper

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRedis]:
    """The session's Redis; tests that kill or pause a Redis take one of `new_redis`."""
    server = RealRedis(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: RealRedis) -> str:
    """The session's Redis, empty."""
    client = redis.Redis.from_url(redis_server.url)
    client.flushall()
    client.close()
    return redis_server.url


@pytest.fixture
def new_redis(tmp_path: Path) -> Iterator[Callable[[], RealRedis]]:
    """Makes Redis servers of the test's own."""
    made: list[RealRedis] = []

    def make() -> RealRedis:
        folder = tmp_path / f"redis{len(made)}"
        folder.mkdir()
        made.append(RealRedis(folder))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture(scope="session")
def zookeeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealZooKeeper]:
    """The session's ZooKeeper."""
    server = RealZooKeeper(tmp_path_factory.mktemp("zookeeper"))
    yield server
    server.stop()


@pytest.fixture
def new_zookeeper(tmp_path: Path) -> Iterator[Callable[[], RealZooKeeper]]:
    """Makes ZooKeepers of the test's own."""
    made: list[RealZooKeeper] = []

    def make() -> RealZooKeeper:
        folder = tmp_path / f"zookeeper{len(made)}"
        folder.mkdir()
        made.append(RealZooKeeper(folder))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def zookeeper_hosts(zookeeper: RealZooKeeper) -> str:
    """The session's ZooKeeper without anything of ours."""
    client = KazooClient(hosts=zookeeper.hosts)
    client.start(timeout=10)
    if client.exists("/cim"):
        client.delete("/cim", recursive=True)
    client.stop()
    client.close()
    return zookeeper.hosts
