"""Acknowledged means shown exactly once, in order, whatever dies: the exit tests of the message path."""

import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from kazoo.client import KazooClient

from cim_client import Client, Message, Receipt, connect
from tests.real_servers import SLOWNESS, RealZooKeeper, eventually
from tests.system.cluster import Cluster

NewCluster = Callable[..., Cluster]
MESSAGES = 2_000
SENDERS = 10


class Exchange:
    """alice sends `count` messages to bob from several tasks; what was acknowledged and what bob saw is kept."""

    def __init__(self, alice: Client, bob: Client, count: int) -> None:
        self.alice, self.bob, self.count = alice, bob, count
        self.acknowledged: list[Receipt] = []
        self.shown: list[Message] = []

    async def run(self, disturb: Callable[[], Awaitable[None]], timeout_s: float = 60.0) -> None:
        with trio.fail_after(timeout_s * SLOWNESS):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._receive)
                nursery.start_soon(disturb)
                for sender in range(SENDERS):
                    nursery.start_soon(self._send, sender)

    async def _send(self, sender: int) -> None:
        for index in range(self.count // SENDERS):
            text = f"{sender}:{index}"
            receipt = await self.alice.send("bob", text, timeout_s=60 * SLOWNESS)
            self.acknowledged.append(receipt)
            await trio.sleep(0.001)

    async def _receive(self) -> None:
        async for message in self.bob.messages():
            self.shown.append(message)
            if len(self.shown) == self.count:
                return

    async def at(self, share: float) -> None:
        """Wait until that share of the messages is acknowledged."""
        while len(self.acknowledged) < self.count * share:
            await trio.sleep(0.01)

    def check(self) -> None:
        acknowledged = {receipt.client_msg_id: receipt.seq for receipt in self.acknowledged}
        shown = {message.client_msg_id: message.seq for message in self.shown}
        assert len(acknowledged) == len(self.acknowledged) == self.count
        assert len(shown) == len(self.shown)
        assert shown == acknowledged
        seqs = [message.seq for message in self.shown]
        assert seqs == sorted(seqs) == list(range(1, self.count + 1))
        for sender in range(SENDERS):
            mine = [message.text for message in self.shown if message.text.startswith(f"{sender}:")]
            assert mine == [f"{sender}:{index}" for index in range(self.count // SENDERS)]


def people(cluster: Cluster) -> tuple[Any, Any]:
    return (
        connect(cluster.route, name="alice", password="alice's password", register=True),
        connect(cluster.route, name="bob", password="bob's password", register=True),
    )


async def exchange(cluster: Cluster, disturb: Callable[[Exchange], Awaitable[None]], count: int = MESSAGES) -> Exchange:
    first, second = people(cluster)
    async with first as alice, second as bob:
        done = Exchange(alice, bob, count)
        await done.run(lambda: disturb(done))
        done.check()
        return done


async def test_the_only_server_is_killed_and_comes_back(new_cluster: NewCluster) -> None:
    cluster = new_cluster("--servers", "1")

    async def disturb(running: Exchange) -> None:
        await running.at(0.4)
        cluster.kill("s1")

    await exchange(cluster, disturb)
    assert "s1 killed by SIGKILL; starting it again" in cluster.said


@pytest.mark.parametrize("victim", ["alice", "bob"])
async def test_one_of_two_servers_is_killed(new_cluster: NewCluster, victim: str) -> None:
    cluster = new_cluster()

    async def disturb(running: Exchange) -> None:
        await running.at(0.4)
        cluster.kill((running.alice if victim == "alice" else running.bob).server)

    await exchange(cluster, disturb)


async def test_a_server_that_is_told_to_stop_sends_its_clients_away(new_cluster: NewCluster) -> None:
    cluster = new_cluster()

    async def disturb(running: Exchange) -> None:
        await running.at(0.4)
        os.kill(cluster.pid_of(running.bob.server), signal.SIGTERM)

    await exchange(cluster, disturb)
    eventually(lambda: "ended with code 0; starting it again" in cluster.said)


async def test_one_of_two_servers_is_killed_with_zookeeper(new_cluster: NewCluster, zookeeper: RealZooKeeper) -> None:
    cluster = new_cluster("--zookeeper", zookeeper.hosts)

    async def disturb(running: Exchange) -> None:
        await running.at(0.4)
        cluster.kill(running.bob.server)

    await exchange(cluster, disturb)


@pytest.mark.invariant("I9")
async def test_every_push_stream_is_deleted_once_a_second(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    store = cluster.redis()
    deleted = 0

    async def disturb(running: Exchange) -> None:
        nonlocal deleted
        while len(running.shown) < running.count:
            for key in store.keys("push:*"):
                deleted += store.delete(key)
            await trio.sleep(1.0 if len(running.acknowledged) < running.count else 0.2)

    await exchange(cluster, disturb, 400)
    assert deleted >= 2
    store.close()


@pytest.mark.invariant("I1", "I18")
async def test_redis_is_killed_and_comes_back(new_cluster: NewCluster) -> None:
    cluster = new_cluster()

    async def disturb(running: Exchange) -> None:
        await running.at(0.4)
        cluster.kill("redis")

    done = await exchange(cluster, disturb)
    assert done.alice.state == "closed"
    assert "redis killed by SIGKILL; starting it again" in cluster.said


async def test_route_is_killed_and_chat_goes_on(new_cluster: NewCluster) -> None:
    cluster = new_cluster()

    async def disturb(running: Exchange) -> None:
        await running.at(0.2)
        cluster.kill("route")

    await exchange(cluster, disturb, 500)


@pytest.mark.invariant("I18")
async def test_zookeeper_is_gone_and_nobody_is_disconnected(
    new_cluster: NewCluster, new_zookeeper: Callable[[], RealZooKeeper]
) -> None:
    zookeeper = new_zookeeper()
    cluster = new_cluster("--zookeeper", zookeeper.hosts)

    async def disturb(running: Exchange) -> None:
        await running.at(0.1)
        zookeeper.kill()
        async with connect(cluster.route, name="carol", password="carol's password", register=True) as carol:
            await carol.send("alice", "logins use the last list")

    done = await exchange(cluster, disturb, 500)
    states = [event.state async for event in done.bob.events() if event.kind == "connection"]
    assert states == ["connected", "closed"]
    zookeeper.start()
    client = KazooClient(hosts=zookeeper.hosts)
    client.start(timeout=20)
    eventually(lambda: len(client.get_children("/cim")) == 2, 20)
    client.stop()
    client.close()
