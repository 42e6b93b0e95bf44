"""A data folder copied to another machine: it is noticed, and nothing is lost or doubled (I4, I6, I15)."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import trio

from cim_client import CimError, Client, Closed, Message, connect
from cim_common.wire.codes import Code
from tests.real_servers import SLOWNESS
from tests.system.cluster import Cluster

PASSWORD = "correct horse battery"


def person(cluster: Cluster, name: str, folder: Path | None = None) -> Any:
    return connect(cluster.route, name=name, password=PASSWORD, register=True, data_dir=folder)


async def copied(cluster: Cluster, name: str, peer: str, folder: Path) -> tuple[Path, Path]:
    """A device that has sent to its peer, and a copy of its folder."""
    original, copy = folder / "original", folder / "copy"
    async with person(cluster, name, original) as me:
        await me.send(peer, "before the copy")
    shutil.copytree(original, copy)
    return original, copy


async def shown(client: Client, count: int) -> list[Message]:
    found: list[Message] = []
    with trio.fail_after(30 * SLOWNESS):
        async for message in client.messages():
            found.append(message)
            if len(found) == count:
                break
    return found


async def test_copies_used_in_turn_both_send_and_nothing_is_lost_or_doubled(cluster: Cluster, tmp_path: Path) -> None:
    async with person(cluster, "rita") as rita:
        folders = await copied(cluster, "quin", "rita", tmp_path)
        sent, devices = ["before the copy"], []
        for turn in range(3):
            for folder in folders:
                async with person(cluster, "quin", folder) as quin:
                    for number in range(3):
                        sent.append(f"{folder.name} {turn} {number}")
                        await quin.send("rita", sent[-1])
                    devices.append(quin.device)
        assert len(set(devices[-2:])) == 2  # one of them has become another device, and both stay what they are
        assert devices[2:4] == devices[4:6]
        found = await shown(rita, len(sent))
        assert [message.text for message in found] == sent
        assert [message.seq for message in found] == list(range(1, len(sent) + 1))
        assert len({message.client_msg_id for message in found}) == len(sent)
        await rita.send("quin", "and back")
    for folder in folders:
        async with person(cluster, "quin", folder) as quin:
            await quin.send("rita", f"bye from {folder.name}")
            texts = [message.text async for message in quin.history("rita", limit=100)]
            assert sorted(texts) == sorted({*texts})
            assert {*sent, "and back"} <= {*texts}


async def test_copies_used_at_once_end_one_of_them(cluster: Cluster, tmp_path: Path) -> None:
    async with person(cluster, "theo") as theo:
        original, copy = await copied(cluster, "sven", "theo", tmp_path)
        async with person(cluster, "sven", original) as first:
            await first.send("theo", "from the original")
            async with person(cluster, "sven", copy) as second:
                assert second.device == first.device
                with trio.fail_after(15 * SLOWNESS):
                    assert [message async for message in first.messages()] == []
                with pytest.raises(Closed) as ended:
                    await first.send("theo", "too late")
                assert ended.value.code == Code.TAKEN_OVER
                await second.send("theo", "from the copy")
                assert second.device != first.device
        found = await shown(theo, 3)
        assert [message.text for message in found] == ["before the copy", "from the original", "from the copy"]


async def test_copies_used_again_and_again_at_once_lose_nothing_that_was_answered(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Two programs take the device from each other until one of them has become another."""
    answered: list[str] = []
    unknown: list[str] = []

    async def use(folder: Path) -> None:
        for turn in range(4):
            text = ""
            try:
                async with person(cluster, "uwe", folder) as uwe:
                    for number in range(5):
                        text = f"{folder.name} {turn} {number}"
                        await uwe.send("vera", text, timeout_s=10 * SLOWNESS)
                        answered.append(text)
            except CimError:
                unknown.append(text)

    async with person(cluster, "vera") as vera:
        folders = await copied(cluster, "uwe", "vera", tmp_path)
        with trio.fail_after(60 * SLOWNESS):
            async with trio.open_nursery() as nursery:
                for folder in folders:
                    nursery.start_soon(use, folder)
        async with person(cluster, "uwe", tmp_path / "third") as uwe:
            last = await uwe.send("vera", "the end")
        found = await shown(vera, last.seq)
    texts = [message.text for message in found]
    assert [message.seq for message in found] == list(range(1, last.seq + 1))
    assert len(texts) == len(set(texts))
    assert set(answered) <= set(texts)
    assert set(texts) <= {*answered, *unknown, "before the copy", "the end"}
