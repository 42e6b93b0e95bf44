"""What is acknowledged survives the store's death: `kill -9`, and a power cut (invariant I1, durability class D1)."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
import trio

from cim_client import Client, Receipt, connect
from cim_common import ids
from cim_common.store import keys
from tests.faults.senders import ALICE, BOB, CAROL, Acknowledged, Device, lost, prepare, text_at
from tests.faults.synced_log import EngineRedis, SyncedLog, TracedRedis, copy_cut, log_file
from tests.faults.whole import faults
from tests.real_servers import SLOWNESS, RealServer, eventually
from tests.system.cluster import Cluster

CONVERSATIONS = (ids.direct(ALICE, BOB), ids.LOBBY, ids.direct(ALICE, ALICE), ids.direct(BOB, CAROL))
TAKES_PART = {ALICE: CONVERSATIONS[:3], BOB: (*CONVERSATIONS[:2], CONVERSATIONS[3])}
CUTS = 6
MESSAGES = 100
NewCluster = Callable[..., Cluster]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[RealServer]]:
    """Servers to stop at the end."""
    servers: list[RealServer] = []
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture(params=["redis", "valkey"])
def engine(request: pytest.FixtureRequest) -> str:
    """What real deployments run, and what `cim up` runs."""
    return str(request.param)


@pytest.fixture
def traced(tmp_path: Path, engine: str, started: list[RealServer]) -> Callable[[str], TracedRedis]:
    """Starts a traced Redis with a prepared store."""

    def start(appendfsync: str) -> TracedRedis:
        folder = tmp_path / "traced"
        folder.mkdir()
        server = TracedRedis(folder, engine, appendfsync)
        started.append(server)
        prepare(server.url)
        return server

    return start


@pytest.fixture
def after_cut(tmp_path: Path, engine: str, started: list[RealServer]) -> Callable[[Path, int], "redis.Redis"]:
    """The store of a Redis started on what a power cut left: the first bytes of its append-only file."""

    def start(folder: Path, size: int) -> "redis.Redis":
        copy = tmp_path / f"cut{len(started)}"
        copy.mkdir()
        copy_cut(folder, copy, size)
        server = EngineRedis(copy, engine)
        started.append(server)
        return redis.Redis.from_url(server.url, retry=None)

    return start


def converse(device: Device, messages: int) -> None:
    """Send so many messages, one to four at a time, by turns to every conversation of the user."""
    sent = 0
    while sent < messages:
        batch = 1 + sent % 4
        where = TAKES_PART[device.user][sent % len(TAKES_PART[device.user])]
        device.send(where, [f"{device.user} {device.device} {sent + index}" for index in range(batch)])
        sent += batch


def talk_until_it_dies(server: RealServer, devices: list[Device]) -> None:
    """All devices send at once; the server is killed in the midst of it."""

    def talk(device: Device) -> None:
        while not device.unknown:
            converse(device, 10)

    threads = [threading.Thread(target=talk, args=(device,), daemon=True) for device in devices]
    for thread in threads:
        thread.start()
    eventually(lambda: all(len(device.acknowledged) > 50 for device in devices), 30)
    server.kill()
    for thread in threads:
        thread.join()
    for device in devices:
        device.close()


def settle_all(url: str, devices: list[Device]) -> None:
    """Every device tries again what it knows nothing of; then the logs hold each message once."""
    client = redis.Redis.from_url(url, retry=None)
    answered = [item for device in devices for item in device.acknowledged]
    assert lost(client, answered) == []
    assert faults(client) == []
    for device in devices:
        device.url = url
        eventually(device.resend)
        assert device.unknown == []
        device.close()
    acknowledged = [item for device in devices for item in device.acknowledged]
    assert lost(client, acknowledged) == []
    assert faults(client) == []
    places = [(item.sent.conversation, item.seq) for item in acknowledged]
    assert len(places) == len(set(places)) == len({item.sent for item in acknowledged})
    stored = sum(int(client.xlen(key)) for key in client.scan_iter("log:*"))
    assert stored == len(places)
    client.close()


def four_devices(url: str) -> list[Device]:
    return [Device(url, user, device) for user in (ALICE, BOB) for device in ("d1", "d2")]


def test_kill_9_loses_nothing_acknowledged(traced: Callable[[str], TracedRedis]) -> None:
    server = traced("always")
    devices = four_devices(server.url)
    talk_until_it_dies(server, devices)
    server.start()
    settle_all(server.url, devices)


def test_a_power_cut_loses_nothing_acknowledged(
    traced: Callable[[str], TracedRedis], after_cut: Callable[[Path, int], "redis.Redis"]
) -> None:
    server = traced("always")
    devices = four_devices(server.url)
    talk_until_it_dies(server, devices)
    client = after_cut(server.folder, server.record().synced(float("inf")))
    settle_all(url_of(client), devices)
    client.close()


def test_a_power_cut_at_any_moment_loses_nothing_acknowledged_by_then(
    traced: Callable[[str], TracedRedis], after_cut: Callable[[Path, int], "redis.Redis"]
) -> None:
    """Also when a part of what was not synced reached the disk: the torn end is dropped, batches whole."""
    acknowledged, record, folder = run_to_the_end(traced("always"))
    assert record.syncs > len(acknowledged) / 8
    for item in acknowledged[:: len(acknowledged) // CUTS]:
        by_then = [other for other in acknowledged if other.at <= item.at]
        synced = record.synced(item.at)
        for size in (synced, synced + 1, min(synced + 333, record.written(float("inf")))):
            client = after_cut(folder, size)
            assert lost(client, by_then) == []
            assert faults(client) == []
            client.close()


def test_with_everysec_the_same_cut_loses_messages(
    traced: Callable[[str], TracedRedis], after_cut: Callable[[Path, int], "redis.Redis"]
) -> None:
    """What the harness is worth: it finds the loss that the weaker setting allows, and `kill -9` does not show it."""
    acknowledged, record, folder = run_to_the_end(traced("everysec"))
    exposed = [item for item in acknowledged if record.synced(item.at) < record.written(item.at)]
    assert exposed, "every message was synced before its answer"
    for item in exposed[-1], exposed[0]:
        by_then = [other for other in acknowledged if other.at <= item.at]
        client = after_cut(folder, record.synced(item.at))
        assert item in lost(client, by_then)
        client.close()
    client = after_cut(folder, record.written(float("inf")))
    assert lost(client, acknowledged) == []
    client.close()


def run_to_the_end(server: TracedRedis) -> tuple[list[Acknowledged], SyncedLog, Path]:
    """One device's messages, each acknowledged; then the server is killed."""
    device = Device(server.url, ALICE)
    converse(device, 200)
    device.close()
    server.kill()
    assert not device.unknown
    return device.acknowledged, server.record(), server.folder


def url_of(client: "redis.Redis") -> str:
    return f"redis://127.0.0.1:{client.connection_pool.connection_kwargs['port']}/0"


async def test_kill_9_of_the_clusters_redis_while_four_clients_send(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    await four_clients_send(cluster, lambda: cluster.kill("redis"))
    assert "redis killed by SIGKILL; starting it again" in cluster.said


async def test_a_power_cut_of_redis_while_four_clients_send(
    new_cluster: NewCluster, traced: Callable[[str], TracedRedis]
) -> None:
    server = traced("always")
    cluster = new_cluster("--redis", server.url)

    def cut_power() -> None:
        server.kill()
        os.truncate(log_file(server.folder), server.record().synced(float("inf")))
        server.start()

    await four_clients_send(cluster, cut_power)


async def four_clients_send(cluster: Cluster, disturb: Callable[[], None]) -> None:
    """Each sends to the lobby; in the midst of it Redis is disturbed. All of it stands in the log, once, as sent."""
    sent: dict[str, tuple[Receipt, str]] = {}
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                connect(cluster.route, name=name, password=f"{name}'s password", register=True)
            )
            for name in ("anna", "bert", "carl", "dora")
        ]
        with trio.fail_after(60 * SLOWNESS):
            async with trio.open_nursery() as nursery:
                for client in clients:
                    nursery.start_soon(send_all, client, sent)
                while len(sent) < MESSAGES:
                    await trio.sleep(0.01)
                before = len(sent)
                await trio.to_thread.run_sync(disturb)
    assert MESSAGES <= before < len(sent) == len(clients) * MESSAGES
    store = cluster.redis()
    assert faults(store) == []
    for receipt, text in sent.values():
        assert text_at(store, receipt.conversation, receipt.seq) == (receipt.client_msg_id, text)
    assert len({receipt.seq for receipt, _ in sent.values()}) == len(sent) == store.xlen(keys.log(ids.LOBBY))
    store.close()


async def send_all(client: Client, sent: dict[str, tuple[Receipt, str]]) -> None:
    """One message after the other, each until it is acknowledged."""
    for index in range(MESSAGES):
        text = f"{client.name} {index}"
        receipt = await client.send(ids.LOBBY, text, timeout_s=60 * SLOWNESS)
        sent[receipt.client_msg_id] = (receipt, text)
