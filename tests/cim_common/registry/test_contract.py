"""One contract for both registries, on real servers, with owners in processes of their own."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from kazoo.client import KazooClient

from cim_common.registry import Registry, Server, open_registry
from cim_common.store import keys
from tests.real_servers import RealRedis, RealServer, RealZooKeeper, eventually

GONE_S = 8.0
"""A dead owner's entry is gone by then: the lease or session of 4 to 5 s, and a round of everybody."""


class World:
    """A registry's store, and who uses it."""

    def __init__(self, kind: str, backing: RealServer) -> None:
        self.kind = kind
        self.backing = backing
        self._owners: list[subprocess.Popen[str]] = []
        self._registries: list[Registry] = []

    @property
    def arguments(self) -> tuple[str, str | None]:
        if isinstance(self.backing, RealZooKeeper):
            return "redis://127.0.0.1:1/0", self.backing.hosts
        assert isinstance(self.backing, RealRedis)
        return self.backing.url, None

    def registry(self) -> Registry:
        made = open_registry(*self.arguments)
        made.start()
        self._registries.append(made)
        return made

    def owner(self, name: str = "s1", epoch: str = "1") -> subprocess.Popen[str]:
        redis_url, zookeeper = self.arguments
        command = [sys.executable, "-m", "tests.cim_common.registry.owner", redis_url, zookeeper or "-", name, epoch]
        owner = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=Path(__file__).parents[3]
        )
        self._owners.append(owner)
        assert owner.stdout is not None
        assert owner.stdout.readline() == "registered\n"
        return owner

    def add_garbage(self) -> None:
        """What others may leave where our entries stand."""
        if isinstance(self.backing, RealZooKeeper):
            client = KazooClient(hosts=self.backing.hosts)
            client.start()
            for name, data in (("10.0.0.1:1:2", b""), ("x", b"{"), ("127.0.0.1:9:9", b"[1]"), ("a:b", b"\xff")):
                client.create(f"/cim/{name}", data, makepath=True)
            client.stop()
            client.close()
        else:
            store = redis.Redis.from_url(self.arguments[0])
            store.hset(keys.SERVERS, mapping={"x": "no lease", "y": "99999999999999 {", "z": "99999999999999 [1]"})
            store.close()

    def close(self) -> None:
        for registry in self._registries:
            registry.close()
        for owner in self._owners:
            owner.kill()
            owner.communicate()


@pytest.fixture(params=["zookeeper", "leases"])
def world(
    request: pytest.FixtureRequest, new_redis: Callable[[], RealRedis], new_zookeeper: Callable[[], RealZooKeeper]
) -> Iterator[World]:
    made = World(request.param, new_zookeeper() if request.param == "zookeeper" else new_redis())
    yield made
    made.close()


def ids_in(registry: Registry) -> list[str]:
    return [server.ref for server in registry.servers()]


def test_an_owner_is_seen_and_gone_when_it_is_killed(world: World) -> None:
    registry = world.registry()
    changes: list[tuple[Server, ...]] = []
    registry.watch(changes.append)
    owner = world.owner()
    eventually(lambda: ids_in(registry) == ["s1:1"])
    assert registry.servers()[0][:5] == ("s1", "1", "127.0.0.1", 11000, 12000)
    owner.send_signal(signal.SIGKILL)
    eventually(lambda: ids_in(registry) == [], GONE_S)
    eventually(lambda: [[s.ref for s in change] for change in changes][-2:] == [["s1:1"], []])


def test_a_paused_owner_goes_and_registers_again(world: World) -> None:
    registry = world.registry()
    owner = world.owner()
    eventually(lambda: ids_in(registry) == ["s1:1"])
    owner.send_signal(signal.SIGSTOP)
    eventually(lambda: ids_in(registry) == [], GONE_S * 1.5)
    owner.send_signal(signal.SIGCONT)
    eventually(lambda: ids_in(registry) == ["s1:1"], 5)


def test_a_stale_entry_does_not_stop_the_next_run(world: World) -> None:
    registry = world.registry()
    world.owner(epoch="1").send_signal(signal.SIGKILL)
    world.owner(epoch="2")
    eventually(lambda: ids_in(registry) == ["s1:2"])
    # The stale entry's end must not take the new one along.
    for _ in range(3):
        eventually(lambda: ids_in(registry) == ["s1:2"], 3)


def test_the_list_outlives_an_outage(world: World) -> None:
    registry = world.registry()
    world.owner()
    eventually(lambda: ids_in(registry) == ["s1:1"])
    emptied: list[Any] = []
    registry.watch(lambda servers: None if servers else emptied.append(servers))
    world.backing.kill()
    threading.Event().wait(1.0)
    assert ids_in(registry) == ["s1:1"]
    world.backing.start()
    late = world.registry()
    eventually(lambda: ids_in(late) == ["s1:1"], 15)
    eventually(lambda: ids_in(registry) == ["s1:1"])
    assert emptied == []


def test_garbage_of_others_is_passed_over(world: World) -> None:
    world.add_garbage()
    registry = world.registry()
    world.owner()
    eventually(lambda: ids_in(registry) == ["s1:1"])


def test_the_load_is_told(world: World) -> None:
    own, other = world.registry(), world.registry()
    own.register(Server("s9", "1", "127.0.0.1", 1, 2))
    eventually(lambda: ids_in(other) == ["s9:1"])
    own.update(77)
    eventually(lambda: [server.load for server in other.servers()] == [77])


def test_whoever_deregisters_is_gone_at_once(world: World) -> None:
    own, other = world.registry(), world.registry()
    own.register(Server("s9", "1", "127.0.0.1", 1, 2))
    eventually(lambda: ids_in(other) == ["s9:1"])
    own.deregister()
    eventually(lambda: ids_in(other) == [], 2)
    assert not own.registered()


def test_closing_leaves_no_thread(world: World) -> None:
    before = set(threading.enumerate())
    registry = world.registry()
    registry.register(Server("s9", "1", "127.0.0.1", 1, 2))
    eventually(registry.registered)
    registry.close()
    registry.close()
    eventually(lambda: {thread for thread in threading.enumerate() if thread.is_alive()} <= before)


def test_starting_does_not_wait_for_the_store(world: World) -> None:
    world.backing.kill()
    registry = world.registry()
    registry.register(Server("s9", "1", "127.0.0.1", 1, 2))
    assert registry.servers() == ()
    assert not registry.registered()
    world.backing.start()
    eventually(registry.registered, 15)
