"""A data folder that was copied, or that the cluster has forgotten: nothing is lost, nothing doubled, the ids stay."""

import shutil
from pathlib import Path

import trio

from cim_client import Client, Event
from cim_common.store import keys
from cim_common.wire.codes import Code
from cim_common.wire.messages import Ack
from tests.real_servers import SLOWNESS
from tests.system.cluster import Cluster
from tests.system.people import event, person


async def settled(client: Client, count: int) -> dict[str, Event]:
    """What became of the next messages that were posted, by the id that `post` returned."""
    found: dict[str, Event] = {}
    while len(found) < count:
        with trio.fail_after(20 * SLOWNESS):
            async for happened in client.events():
                if happened.kind in ("stored", "failed"):
                    found[happened.client_msg_id] = happened
                    break
    return found


async def history(client: Client, to: str) -> list[str]:
    """The texts of a conversation, oldest first."""
    return [message.text async for message in client.history(to, limit=1_000, after_seq=0)]


async def test_the_copy_becomes_another_device_and_keeps_order_and_ids(cluster: Cluster, tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    async with person(cluster, "ca-ann", original) as ann:
        await ann.send("ca-ann", "before")
        old = ann.device
    shutil.copytree(original, copy)
    async with person(cluster, "ca-ann", original) as ann:
        for number in range(3):
            await ann.send("lobby", f"original {number}")
    async with person(cluster, "ca-ann", copy) as ann:
        posted = [await ann.post("lobby", f"copy {number}") for number in range(20)]
        assert set(await settled(ann, 20)) == set(posted)
        assert ann.device != old
        expected = [f"original {number}" for number in range(3)] + [f"copy {number}" for number in range(20)]
        assert await history(ann, "lobby") == expected
    async with person(cluster, "ca-ann", copy) as ann:
        assert ann._core.store.saved() == []


async def test_what_was_stored_before_the_copy_was_noticed_is_not_stored_again(
    cluster: Cluster, tmp_path: Path
) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    async with person(cluster, "cb-bob"), person(cluster, "cb-ann", original) as ann:
        old = ann.device
    shutil.copytree(original, copy)
    async with person(cluster, "cb-ann", original) as ann:
        await ann.send("lobby", "b original 1")
        await ann.send("lobby", "b original 2")
    async with person(cluster, "cb-ann", copy) as ann:
        assert await history(ann, "cb-bob") == []  # the conversation is known from here on
        handlers = ann._core._handlers
        acknowledged = handlers[Ack]
        handlers[Ack] = lambda ack: None  # answers that are lost on the way
        once = await ann.post("cb-bob", "once")
        reused = await ann.post("lobby", "b copy")
        with trio.fail_after(20 * SLOWNESS):
            while not ann._core.sending.outbox.finishing:
                await trio.sleep(0.01)
        assert ann.device == old
        later = await ann.post("cb-bob", "later")
        handlers[Ack] = acknowledged
        ann._core.link.reconnect()
        outcome = await settled(ann, 3)
        assert {client_msg_id: found.kind for client_msg_id, found in outcome.items()} == dict.fromkeys(
            (once, reused, later), "stored"
        )
        assert ann.device != old
        assert await history(ann, "cb-bob") == ["once", "later"]
        assert [text for text in await history(ann, "lobby") if text.startswith("b ")] == [
            "b original 1", "b original 2", "b copy",
        ]  # fmt: skip


async def test_what_both_copies_had_to_send_is_sent_once(cluster: Cluster, tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    async with person(cluster, "cc-bob"), person(cluster, "cc-ann", original) as ann:
        ann._core.sending.outbox.frames = lambda now: []  # type: ignore[method-assign]
        posted = [await ann.post("cc-bob", f"posted {number}") for number in range(3)]
    shutil.copytree(original, copy)
    for folder in (original, copy):
        async with person(cluster, "cc-ann", folder) as ann:
            outcome = await settled(ann, 3)
            assert {client_msg_id: found.kind for client_msg_id, found in outcome.items()} == dict.fromkeys(
                posted, "stored"
            )
            await ann.send("cc-bob", folder.name)
            assert (await history(ann, "cc-bob"))[:3] == [f"posted {number}" for number in range(3)]
    async with person(cluster, "cc-ann") as ann:
        assert (await history(ann, "cc-bob"))[3:] == ["original", "copy"]


async def test_nothing_is_shown_after_the_device_has_connected_elsewhere(cluster: Cluster, tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    async with person(cluster, "cf-ann", original):
        pass
    shutil.copytree(original, copy)
    async with person(cluster, "cf-bob") as bob, person(cluster, "cf-ann", original) as first:
        for number in range(3):
            await bob.send("cf-ann", f"message {number}")
        async for message in first.messages():
            assert message.text == "message 0"
            break
        with trio.fail_after(20 * SLOWNESS):
            while first._core.inbox.unread < 2:
                await trio.sleep(0.01)
        async with person(cluster, "cf-ann", copy) as second:
            ended = await event(first, "connection", lambda found: found.state == "closed")
            assert ended.code == Code.TAKEN_OVER
            assert [message async for message in first.messages()] == []
            async for message in second.messages():
                assert message.text in ("message 0", "message 1")
                break


async def test_a_forgotten_device_goes_on_as_another(cluster: Cluster, tmp_path: Path) -> None:
    async with person(cluster, "cd-bob") as bob:
        async with person(cluster, "cd-ann", tmp_path) as ann:
            old, user = ann.device, ann.user_id
            await bob.send("cd-ann", "shown")
            async for message in ann.messages():
                assert message.text == "shown"
                break
            ann._core.sending.outbox.frames = lambda now: []  # type: ignore[method-assign]
            unsure = await ann.post("cd-bob", "unsure")
        await bob.send("cd-ann", "missed")
        with cluster.redis() as redis:
            redis.hdel(keys.devices(user), old)
        async with person(cluster, "cd-ann", tmp_path) as ann:
            assert ann.device != old
            changed = await event(ann, "failed")
            assert (changed.client_msg_id, changed.code) == (unsure, Code.OUTCOME_UNKNOWN)
            changed = await event(ann, "connection", lambda found: found.state == "new device")
            assert changed.code == Code.DEVICE_EXPIRED
            async for message in ann.messages():
                assert message.text == "missed"
                break
            await ann.send("cd-bob", "here again")


async def test_devices_are_listed_and_logged_out(cluster: Cluster) -> None:
    async with person(cluster, "ce-ann") as one, person(cluster, "ce-ann") as two:
        devices = {device.id: device for device in await one.devices()}
        assert set(devices) == {one.device, two.device}
        assert devices[one.device].current
        assert not devices[two.device].current
        assert devices[two.device].online
        await one.logout_device(two.device)
        ended = await event(two, "connection", lambda found: found.state == "closed")
        assert ended.code == Code.LOGGED_OUT
        assert [message async for message in two.messages()] == []
