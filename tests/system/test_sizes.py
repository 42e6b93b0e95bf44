"""Sizes: who is killed in the middle of a long log goes on there, what is idle costs nothing, counts for a message.

Times and memory are for `python -m tests.faults.sizes`; here stands what holds whatever the speed.
"""

import itertools
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from cim_common.store import keys
from cim_common.wire.doorbell_pb2 import Doorbell
from tests.faults.bulk import Filling, calls
from tests.real_servers import eventually, eventually_async
from tests.system.cluster import Cluster
from tests.system.people import PASSWORD, on_two_servers, person, texts

LONG = 20_000
FEW, MANY = 10, 1_000
BUCKETS = 1_024

READER = """
import sys, trio
from cim_client import connect
async def main(route, name, password, folder, file):
    async with connect(route, name=name, password=password, data_dir=folder) as me:
        with open(file, "a", buffering=1) as out:
            async for message in me.messages():
                print(message.seq, file=out)
trio.run(main, *sys.argv[1:])
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"), "--servers", "2")
    yield made
    assert made.stop() == 0


def start_reader(arguments: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", READER, *arguments])


def seqs(file: Path) -> list[int]:
    """The seqs a reader has printed; the line it was killed in does not count."""
    return [int(line) for line in file.read_text().split("\n")[:-1]] if file.exists() else []


@pytest.mark.invariant("I11")
async def test_a_reader_killed_again_and_again_goes_on_where_it_was(cluster: Cluster, tmp_path: Path) -> None:
    async with person(cluster, "za-reader", tmp_path / "data") as reader:
        device = reader.device
    filling = Filling(cluster)
    (writer,) = filling.users("za-writer", 1)
    (direct,) = filling.directs([(filling.user("za-reader"), writer)])
    filling.write((direct, writer, f"text {number}") for number in range(LONG))
    file = tmp_path / "seqs"
    arguments = [cluster.route, "za-reader", PASSWORD, str(tmp_path / "data"), str(file)]
    kills = 0
    for enough in (LONG // 4, LONG // 2, LONG * 3 // 4, LONG):
        process = start_reader(arguments)
        try:
            if enough == LONG // 2:
                cluster.kill("s1")
                cluster.kill("s2")
            await eventually_async(lambda e=enough: seqs(file)[-1:] >= [e], 60)  # type: ignore[misc]
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        kills += 1
    shown = seqs(file)
    assert sorted(set(shown)) == list(range(1, LONG + 1))
    # What was being shown when it was killed may come again; nothing else does, and nothing is out of its turn.
    steps = [later - earlier for earlier, later in itertools.pairwise(shown)]
    assert set(steps) <= {0, 1}
    assert steps.count(0) <= kills
    async with person(cluster, "za-reader", tmp_path / "data") as reader:
        assert reader.device == device


def costs(cluster: Cluster) -> dict[str, int]:
    """Commands of two rounds of all servers, without those that ask for them here."""
    with cluster.redis() as redis:
        before = calls(redis)
        eventually(lambda: calls(redis).get("time", 0) >= before.get("time", 0) + 2 * 2, 20)
        after = calls(redis)
    return {name: count - before.get(name, 0) for name, count in after.items() if name != "info"}


async def test_held_and_idle_conversations_cost_nothing(cluster: Cluster) -> None:
    filling = Filling(cluster)
    others = filling.users("zb-other", MANY)
    async with person(cluster, "zb-few") as few, person(cluster, "zb-many") as many:
        filling.directs([(filling.user("zb-few"), other) for other in others[:FEW]])
        await eventually_async(lambda: not few.syncing)
        for count in (FEW, MANY):
            if count == MANY:
                filling.directs([(filling.user("zb-many"), other) for other in others])
                await eventually_async(lambda: len(many._core.inbox._views) > MANY and not many.syncing, 30)
            for _ in range(10):
                commands = await trio.to_thread.run_sync(costs, cluster)
                buckets = commands.pop("zrange", 0) + commands.pop("zscore", 0)
                # What ended with a test before this one is cleared away once, some time: then it is quiet.
                if sum(commands.values()) < 200:
                    break
            # Beside what each round of a server asks of each bucket: nothing for each conversation.
            assert buckets <= 2 * 3 * 2 * BUCKETS
            assert sum(commands.values()) < 200, (count, commands)


async def test_a_group_message_costs_one_push_entry_for_each_other_server(cluster: Cluster) -> None:
    filling = Filling(cluster)
    users = filling.users("zc-member", 500)
    async with person(cluster, "zc-ann") as ann, person(cluster, "zc-bob") as bob:
        await on_two_servers(cluster, ann, bob)
        group = filling.group(filling.user("zc-ann"), "large", [filling.user("zc-bob"), *users])
        direct = (await ann.send("zc-bob", "first")).conversation
        assert await texts(bob, 1) == ["first"]
        per: dict[str, dict[str, int]] = {}
        with cluster.redis() as redis:
            for to in (direct, group):
                await ann.send(to, "warm")
                assert await texts(bob, 1) == ["warm"]
                before, entries = calls(redis), pushed(cluster)
                for number in range(20):
                    await ann.send(to, f"{number}")
                    assert await texts(bob, 1) == [f"{number}"]
                after = calls(redis)
                assert pushed(cluster) - entries == 20
                per[to] = {name: after[name] - before.get(name, 0) for name in after}
        # What is written beside entries and their doorbells does not grow with the members (whispers, lists).
        for commands in per.values():
            assert commands["xadd"] <= 4 * 20  # log, recent, doorbell


def pushed(cluster: Cluster) -> int:
    """Push entries with rings in them; whispers and lists have their own."""
    with cluster.redis() as redis:
        streams = [redis.xrange(key) for key in redis.scan_iter(keys.push("*").replace("{*}", "*"))]
    bells = [Doorbell.FromString(fields[b"d"]) for stream in streams for _, fields in stream]
    return sum(len(bell.conversations) > 0 for bell in bells)
