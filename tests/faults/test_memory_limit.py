"""Redis at its memory limit: RETRY, then recovery, and nothing half-written in between."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import trio

from cim_client import Client, connect
from cim_common import ids
from cim_common.accept import Status
from cim_common.registry.leases import LEASE_MS
from cim_common.store import keys
from cim_common.wire import Code
from cim_common.wire import messages as m
from tests.faults.senders import ALICE, BOB, CAROL, DAVE, Device, lost, prepare
from tests.faults.synced_log import EngineRedis
from tests.faults.whole import faults
from tests.real_servers import SLOWNESS, eventually
from tests.system.cluster import Cluster
from tests.system.raw import PASSWORD, Raw, call

NewCluster = Callable[..., Cluster]
NOTHING_LEFT = 1
"""A limit that any store is above."""


@pytest.fixture(params=["redis", "valkey"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator["redis.Redis"]:
    """A prepared store of each engine."""
    server = EngineRedis(tmp_path, str(request.param))
    prepare(server.url)
    made = redis.Redis.from_url(server.url, retry=None)
    yield made
    made.close()
    server.stop()


def url_of(client: "redis.Redis") -> str:
    return f"redis://127.0.0.1:{client.connection_pool.connection_kwargs['port']}/0"


def limit(client: "redis.Redis", size: int) -> None:
    """Set the store's memory limit in bytes; 0 is none."""
    client.config_set("maxmemory", size)


def are_retries(device: Device) -> bool:
    return all(append.status is Status.RETRY and append.after_ms > 0 for append in device.refusals)


def test_a_store_that_fills_up(client: "redis.Redis") -> None:
    direct = [ids.direct(ALICE, other) for other in (ALICE, BOB, CAROL, DAVE)]
    device = Device(url_of(client), ALICE)
    assert device.send(direct[0], ["the first"])
    limit(client, int(client.info("memory")["used_memory"]) + 500_000)
    turn = 0
    while not device.refusals:
        turn += 1
        device.send(direct[turn % 4 if turn > 50 else turn % 2], [f"{turn} " + "x" * 2_000] * (1 + turn % 5))
        assert turn < 1_000
    assert are_retries(device)
    assert faults(client) == []
    assert lost(client, device.acknowledged) == []
    known = len(device.acknowledged)
    for _ in range(3):
        assert not device.resend()
    assert are_retries(device)
    assert len(device.acknowledged) == known
    assert stored(client) == known

    limit(client, 0)
    assert device.resend()
    assert faults(client) == []
    assert lost(client, device.acknowledged) == []
    assert stored(client) == len(device.acknowledged) == len({item.sent for item in device.acknowledged})
    device.close()


def test_what_is_stored_already_is_acknowledged_at_the_limit(client: "redis.Redis") -> None:
    """It needs no memory, so it is told: the sender can go on waiting for the rest only."""
    device = Device(url_of(client), ALICE)
    assert device.send(ids.LOBBY, ["once"])
    device.unknown = [device.acknowledged[0].sent]
    limit(client, NOTHING_LEFT)
    assert device.resend()
    assert [item.seq for item in device.acknowledged] == [1, 1]
    device.close()


class Starved(Device):
    """A device whose store has no memory left from a certain call on."""

    def __init__(self, client: "redis.Redis", device: str, calls: int) -> None:
        super().__init__(url_of(client), ALICE, device)
        self._client = client
        self._calls = calls

    def exchange(self, data: bytes, before: int) -> Any:
        if self._calls == 0:
            limit(self._client, NOTHING_LEFT)
        self._calls -= 1
        return super().exchange(data, before)

    @property
    def was_starved(self) -> bool:
        return self._calls < 0


def test_memory_ends_between_any_two_steps_of_a_first_message(client: "redis.Redis") -> None:
    """Append (asks for the conversation), look up, create, write the lists, finish, append: refused or done, each."""
    calls = 0
    while True:
        other = ids.MIN_USER_ID + 100 + calls
        client.hset(keys.user(other), "name", f"user{calls}")
        device = Starved(client, f"d{calls}", calls)
        stored_now = device.send(ids.direct(ALICE, other), ["hello"])
        assert faults(client) == []
        assert are_retries(device)
        limit(client, 0)
        assert stored_now or device.resend()
        assert faults(client) == []
        assert lost(client, device.acknowledged) == []
        assert client.zscore(keys.conversations(other), ids.direct(ALICE, other)) is not None
        device.close()
        if not device.was_starved:
            break
        calls += 1
    assert calls >= 5


def stored(client: "redis.Redis") -> int:
    return sum(int(client.xlen(key)) for key in client.scan_iter("log:*"))


async def test_a_cluster_at_the_limit_says_retry_and_goes_on(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    store = cluster.redis()
    anna = Raw(cluster.route, "anna").log_in()
    notes = ids.direct(anna.user, anna.user)
    assert anna.say(notes, 1, 0, "before") == m.Ack(1, 1)
    token = call(cluster.route, "POST", "/v1/login", {"name": "anna", "password": PASSWORD, "device_id": "d2"})[1][
        "token"
    ]

    def post() -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "one"}
        return call(cluster.route, "POST", "/v1/messages", {"to": "anna", "text": "by HTTP"}, **headers)

    sent = [f"text {index}" for index in range(40)]
    async with (
        connect(cluster.route, name="bert", password="bert's password", register=True) as bert,
        connect(cluster.route, name="carl", password="carl's password", register=True) as carl,
    ):
        limit(store, NOTHING_LEFT)
        posted = [await bert.post("carl", text) for text in sent]
        await trio.to_thread.run_sync(refused_for, LEASE_MS / 1000 + 2, anna, notes)
        assert call(cluster.route, "GET", "/readyz")[1]["servers"] == 2
        status, problem = call(cluster.route, "POST", "/v1/login", {"name": "anna", "password": PASSWORD})
        assert (status, problem["code"]) == (503, Code.STORE_UNAVAILABLE)
        status, problem = await trio.to_thread.run_sync(post)
        # Not even a lease of the sender's budget can be had: the message was not tried.
        assert (status, problem["code"]) == (503, Code.STORE_UNAVAILABLE)
        assert stored(store) == 1
        assert faults(store) == []
        limit(store, 0)
        with trio.fail_after(10 * SLOWNESS):
            assert await shown(carl, len(sent)) == list(zip(posted, sent, strict=True))
    for client in bert, carl:
        states = [event.state async for event in client.events() if event.kind == "connection"]
        assert states == ["connected", "closed"]
    await trio.to_thread.run_sync(eventually, lambda: isinstance(anna.say(notes, 2, 1, "meanwhile"), m.Ack))
    for _ in range(2):
        status, stored_at = await trio.to_thread.run_sync(post)
        assert (status // 100, stored_at["seq"]) == (2, 3)
    assert [entry.text for entry in anna.sync(notes, 0)] == ["before", "meanwhile", "by HTTP"]
    assert faults(store) == []
    anna.close()
    store.close()


def refused_for(seconds: float, anna: Raw, conversation: str) -> None:
    """Send the same message for so long: RETRY each time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = anna.say(conversation, 2, 1, "meanwhile")
        assert isinstance(answer, m.Retry)
        assert answer.code in (Code.STORE_UNAVAILABLE, Code.OUTCOME_UNKNOWN)
        assert answer.after_ms > 0
        time.sleep(answer.after_ms / 1000)


async def shown(client: Client, count: int) -> list[tuple[str, str]]:
    """Id and text of the first messages shown."""
    found: list[tuple[str, str]] = []
    async for message in client.messages():
        found.append((message.client_msg_id, message.text))
        if len(found) == count:
            break
    return found
