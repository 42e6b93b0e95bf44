"""What a device keeps on its own machine, with a real cluster: as it was shown, over restarts, whatever is killed."""

import random
import signal
import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import trio
import trio.lowlevel

from cim_client import Client, blocking, connect
from cim_client.store.opening import open_store
from cim_client.types import Message
from tests.real_servers import SLOWNESS, eventually_async
from tests.system.cluster import Cluster
from tests.system.people import PASSWORD, event, next_messages, person

LIVES = 6


def keeping(cluster: Cluster, name: str, data_dir: Path | None = None) -> AbstractAsyncContextManager[Client]:
    return connect(cluster.route, name=name, password=PASSWORD, register=True, data_dir=data_dir, keep_messages=True)


def kept(client: Client, conversation: str) -> list[str]:
    return [message.text for message in client.local.messages(conversation)][::-1]


@pytest.mark.parametrize("on_disk", [True, False])
async def test_what_is_shown_sent_and_changed_is_kept(cluster: Cluster, tmp_path: Path, on_disk: bool) -> None:
    bobs, alices = f"bob{on_disk:d}", f"alice{on_disk:d}"
    folder = tmp_path / "alice" if on_disk else None
    async with person(cluster, bobs) as bob, keeping(cluster, alices, folder) as alice:
        where = await alice.conversation_id(bobs)
        for words in ("one", "two", "three"):
            await bob.send(alices, words)
        await next_messages(alice, 3)
        await alice.send(bobs, "four")
        posted = await alice.post(bobs, "five", reply_to=1)
        await event(alice, "stored")
        assert kept(alice, where) == [
            "one",
            "two",
            "four",
            "five",
        ]  # "three" has not been shown until the next is asked for
        await bob.edit(alices, 1, "better")
        await bob.react(alices, 4, "+1")
        await bob.recall(alices, 2)
        await alice.edit(bobs, 4, "a better four")
        await event(alice, "recalled")
        one, two, four, five = reversed(alice.local.messages(where))
        assert (one.text, one.edited, one.sender) == ("better", 6, bobs)
        assert (two.text, two.recalled) == ("", True)
        assert (four.text, four.sender, four.reactions[0][:2]) == ("a better four", alices, ("+1", 1))
        assert (five.client_msg_id, five.reply_to, five.sender_id) == (posted, 1, alice.user_id)
        assert [hit.message.seq for hit in alice.local.search("better")] == [4, 1]
        newest = alice.local.latest(where)
        assert newest is not None
        assert newest.seq == 5
    if folder is not None:
        async with keeping(cluster, alices, folder) as alice:
            assert kept(alice, where) == ["better", "", "three", "a better four", "five"]


async def test_history_that_is_read_is_kept_too_and_knows_more(cluster: Cluster, tmp_path: Path) -> None:
    async with person(cluster, "readalice"), person(cluster, "readbob") as bob:
        for number in range(1, 6):
            await bob.send("readalice", f"old {number}")
        await bob.edit("readalice", 2, "edited")
        await bob.react("readalice", 3, "+1")
    async with keeping(cluster, "readalice", tmp_path) as alice:
        where = await alice.conversation_id("readbob")
        assert kept(alice, where) == []
        read = [message async for message in alice.history("readbob")]
        assert alice.local.messages(where) == read
        assert alice.local.search("edited")[0].spans == ((0, 6),)


async def test_without_it_nothing_is_kept(cluster: Cluster, tmp_path: Path) -> None:
    async with person(cluster, "nobob") as bob, person(cluster, "noalice", tmp_path) as alice:
        await bob.send("noalice", "hello")
        await next_messages(alice, 1)
        await alice.send("nobob", "hello")
        assert [message async for message in alice.history("nobob")]
        assert list(alice.local.export()) == []
        alice.local.set_draft("lobby", "half")
        assert alice.local.draft("lobby") == "half"


def test_blocking_programs_have_it_too(cluster: Cluster, tmp_path: Path) -> None:
    with (
        blocking.connect(cluster.route, name="blockbob", password=PASSWORD, register=True) as bob,
        blocking.connect(
            cluster.route, name="blockalice", password=PASSWORD, register=True, data_dir=tmp_path, keep_messages=True
        ) as alice,
    ):
        group = alice.create_group("kept", members=["blockbob"])
        for number in range(450):
            alice.post(group, f"message {number}")
        for told in alice.events(timeout_s=60 * SLOWNESS):
            if told.kind == "stored" and told.seq == 451:
                break
        assert [message.text for message in alice.local.export(group)] == [f"message {number}" for number in range(450)]
        assert alice.local.search("message 44", group, limit=3)[0].message.text == "message 449"
        alice.local.set_draft(group, "half")
        assert alice.local.draft(group.id) == "half"
        assert alice.local.latest(group) is not None
        assert bob.local.failure == ""


class Keeper:
    """The program of `keeper.py`, and its file when it does not run."""

    def __init__(self, cluster: Cluster, name: str, peer: str, folder: Path) -> None:
        self._route, self._name = cluster.route, name
        self._command = [sys.executable, "-m", "tests.system.keeper", cluster.route, name, PASSWORD, str(folder), peer]
        self._folder = folder

    async def live(self, seconds: float) -> None:
        """Start it, and kill it so long after it was ready."""
        process = await trio.lowlevel.open_process(self._command, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            with trio.fail_after(30 * SLOWNESS):
                assert (await process.stdout.receive_some(100)).startswith(b"ready")
            await trio.sleep(seconds)
        finally:
            process.send_signal(signal.SIGKILL)
            with trio.CancelScope(shield=True):
                await process.wait()

    def look(self, conversation: str) -> tuple[list[Message], int, list[str]]:
        """What it has kept, oldest first; its position; and what waits to be sent."""
        store = open_store(self._folder, self._route, self._name)
        try:
            rows = store.ask(lambda tables: tables.messages.messages(conversation, 1_000))[::-1]
            position = store.position(conversation)
            return rows, position.seq if position else 0, [saved.text for saved in store.saved()]
        finally:
            store.close()


@pytest.mark.invariant("I25", "I26")
@pytest.mark.parametrize("seed", [1, 2])
async def test_killed_again_and_again_it_has_kept_each_message_once(
    cluster: Cluster, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    name, peer = f"killed{seed}", f"killer{seed}"
    sent = 0

    async def write(bob: Client) -> None:
        nonlocal sent
        while True:
            await bob.send(name, f"message {sent}")
            sent += 1
            await trio.sleep(0.01)

    async with person(cluster, peer) as bob, trio.open_nursery() as nursery:
        async with person(cluster, name, tmp_path):
            where = await bob.conversation_id(name)
        keeper = Keeper(cluster, name, peer, tmp_path)
        nursery.start_soon(write, bob)
        for _ in range(LIVES):
            await keeper.live(rng.random())
            log = {message.seq: message async for message in bob.history(name, limit=10_000)}
            rows, position, waiting = keeper.look(where)
            have = [row.seq for row in rows]
            assert have == sorted(set(have))
            assert all(row.text == log[row.seq].text for row in rows)
            assert {seq for seq in log if seq <= position} <= set(have)
            assert not {row.seq for row in rows if row.sender == peer and row.seq > position}
            assert not {row.text for row in rows} & set(waiting)
        nursery.cancel_scope.cancel()
    async with (
        keeping(cluster, name, tmp_path) as alice,
        person(cluster, peer) as bob,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(take_all, alice)
        await eventually_async(lambda: not alice.waiting(), 30)
        in_the_log = [message.text async for message in bob.history(name, limit=10_000)][::-1]
        await eventually_async(lambda: len(list(alice.local.export(where))) >= len(in_the_log), 30)
        assert [message.text for message in alice.local.export(where)] == in_the_log
        assert len(set(in_the_log)) == len(in_the_log)
        nursery.cancel_scope.cancel()


async def take_all(client: Client) -> None:
    async for _ in client.messages():
        pass
