"""Catching up through the SDK with a real cluster: what was missed comes once, in order, or is told (I11, I22, I23)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.lowlevel

from cim_client import Client
from cim_common import ids
from cim_common.store import keys
from cim_common.wire.codes import Code
from tests.real_servers import SLOWNESS
from tests.system.cluster import Cluster
from tests.system.people import event, next_messages, person, texts

AWAY_FOR = 10_000
WRITERS = 5


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"), "--servers", "2")
    yield made
    assert made.stop() == 0


async def synced(client: Client) -> None:
    await event(client, "notice", lambda found: found.state == "synced")
    assert client.syncing == 0


async def unread_is(client: Client, expected: dict[str, int]) -> None:
    with trio.fail_after(20 * SLOWNESS):
        while await client.unread() != expected:
            await trio.sleep(0.05)


async def test_a_device_away_while_10000_messages_come(cluster: Cluster, tmp_path: Path) -> None:
    async with person(cluster, "sa-ann", tmp_path) as ann:
        device = ann.device
    writers = [f"sa-writer{number}" for number in range(WRITERS)]
    for name in writers:
        async with person(cluster, name):
            pass
    async with person(cluster, writers[0]) as first:
        group = await first.create_group("busy", members=["sa-ann", *writers[1:]])

        async def write(name: str) -> None:
            async with person(cluster, name) as writer, trio.open_nursery() as sends:
                for number in range(AWAY_FOR // WRITERS):
                    sends.start_soon(writer.send, group, f"{name} {number}")

        async with trio.open_nursery() as nursery:
            for name in writers:
                nursery.start_soon(write, name)
    async with person(cluster, "sa-ann", tmp_path) as ann:
        assert ann.device == device
        found = await next_messages(ann, AWAY_FOR // 2)
    async with person(cluster, "sa-ann", tmp_path) as ann:
        found += await next_messages(ann, AWAY_FOR - len(found))
        await synced(ann)
        async with person(cluster, writers[0]) as first:
            await first.send(group, "the last")
        assert await texts(ann, 1) == ["the last"]
    assert [message.seq for message in found] == list(range(2, AWAY_FOR + 2))
    assert len({message.client_msg_id for message in found}) == AWAY_FOR
    for name in writers:
        mine = [message for message in found if message.sender == name]
        assert len({message.text for message in mine}) == AWAY_FOR // WRITERS


@pytest.mark.invariant("I21")
async def test_unread_agrees_on_all_devices(cluster: Cluster) -> None:
    async with (
        person(cluster, "sb-ann") as one,
        person(cluster, "sb-ann") as two,
        person(cluster, "sb-bob") as bob,
    ):
        receipts = [await bob.send("sb-ann", f"message {number}") for number in range(4)]
        conversation = receipts[0].conversation
        for client in (one, two):
            assert await client.unread() == {conversation: 4}
        await one.mark_read("sb-bob", receipts[1].seq)
        for client in (one, two):
            assert await client.unread() == {conversation: 2}
        assert await bob.read_by("sb-ann") == {"sb-ann": receipts[1].seq, "sb-bob": 0}
        read = await event(bob, "read")
        assert (read.user, read.seq, read.conversation) == ("sb-ann", receipts[1].seq, conversation)
        await two.send("sb-bob", "an answer")
        await two.mark_read(conversation, receipts[3].seq)
        await one.mark_read(conversation, receipts[0].seq)
        for client in (one, two, bob):
            await unread_is(client, {} if client is not bob else {conversation: 1})


async def test_shown_is_delivered_and_typing_is_told(cluster: Cluster) -> None:
    async with person(cluster, "sc-ann") as ann, person(cluster, "sc-bob") as bob:
        receipt = await ann.send("sc-bob", "hello")
        assert await texts(bob, 1) == ["hello"]
        for _ in range(5):
            await bob.typing("sc-ann")
        typing = await event(ann, "typing")
        assert (typing.user, typing.conversation) == ("sc-bob", receipt.conversation)
        with trio.move_on_after(0.01):
            await next_messages(bob, 1)  # asking for the next one says that the first is shown
        delivered = await event(ann, "delivered")
        assert (delivered.user, delivered.seq) == ("sc-bob", receipt.seq)
        assert (await ann.presence("sc-bob")).online


async def test_what_retention_removed_is_told(cluster: Cluster, tmp_path: Path) -> None:
    async with person(cluster, "sd-ann", tmp_path):
        pass
    async with person(cluster, "sd-bob") as bob:
        for number in range(5):
            receipt = await bob.send("sd-ann", f"message {number}")
        with cluster.redis() as redis:
            redis.hset(keys.conv(receipt.conversation), "f", 4)
            redis.xtrim(keys.log(receipt.conversation), minid="4-0")
        async with person(cluster, "sd-ann", tmp_path) as ann:
            assert await texts(ann, 2) == ["message 3", "message 4"]
            hole = await event(ann, "notice", lambda found: found.state == "hole")
            assert (hole.code, hole.ref, hole.seq) == (Code.EXPIRED, 1, 3)
            history = ann.history("sd-bob")
            assert [message.seq async for message in history] == [5, 4]
            assert history.gaps == [(1, 3, Code.EXPIRED)]


async def test_back_in_a_group_after_leaving(cluster: Cluster) -> None:
    async with person(cluster, "sf-ann") as ann, person(cluster, "sf-bob") as bob:
        group = await ann.create_group("door", members=["sf-bob"])
        await event(bob, "conversation", lambda found: found.conversation == group.id)
        for turn in range(3):
            await ann.send(group, f"turn {turn}")
            assert await texts(bob, 1) == [f"turn {turn}"]
            await bob.group("door").leave()
            await event(ann, "left")
            await ann.send(group, "bob is out")
            await group.invite("sf-bob")
        await ann.send(group, "the end")
        assert await texts(bob, 1) == ["the end"]


def many_more(cluster: Cluster, group: str, user: int, count: int) -> list[str]:
    """Copies of a group in the store and in the user's list, the last one the most active."""
    made = [ids.new_group() for _ in range(count)]
    with cluster.redis() as redis:
        conv, entries = redis.dump(keys.conv(group)), redis.dump(keys.log(group))
        active = float(redis.hget(keys.conv(group), "r") or 0)
        pipeline = redis.pipeline(transaction=False)
        for number, name in enumerate(made):
            pipeline.restore(keys.conv(name), 0, conv)
            pipeline.hset(keys.conv(name), "r", active + number)
            pipeline.restore(keys.log(name), 0, entries)
            pipeline.zadd(keys.conversations(user), {name: 1_000 + number})
        pipeline.zadd(keys.conversations(user), {"#": 1_000 + count})
        pipeline.execute()
    return made


async def test_5000_conversations_the_newest_first(cluster: Cluster, tmp_path: Path) -> None:
    async with person(cluster, "sg-ann", tmp_path) as ann:
        user = ann.user_id
    async with person(cluster, "sg-bob") as bob:
        group = await bob.create_group("one of many", members=["sg-ann"])
        await bob.send(group, "hello")
    made = many_more(cluster, group.id, user, 5_000)
    async with person(cluster, "sg-ann", tmp_path) as ann:
        found = await next_messages(ann, len(made) + 1)
        await synced(ann)
        assert found[0].conversation == made[-1]
        assert {message.conversation for message in found} == {group.id, *made}
        assert len(await ann.conversations()) == len(made) + 2
