"""An older copy of the store is restored under a running cluster: everyone is told, and everything goes on (I22)."""

import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import redis
import trio
import trio.lowlevel

from cim_client import Client, Event, Refused
from cim_common.wire.codes import Code
from tests.real_servers import SLOWNESS, eventually_async
from tests.system.cluster import Cluster
from tests.system.people import event, next_messages, on_two_servers, person, texts

IN_FLIGHT = 30
pytestmark = pytest.mark.invariant("I22")


class Copy:
    """A copy of the data of a cluster's Redis; nothing may be written while it is made."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster = cluster
        self._live = cluster.folder / "data" / "redis"
        self._folder = folder
        shutil.copytree(self._live, folder)

    async def restore(self) -> None:
        """Put it in the place of what is there, between two lives of Redis."""
        assert self._cluster.process is not None
        supervisor, old = self._cluster.process.pid, self._cluster.pid_of("redis")
        os.kill(supervisor, signal.SIGSTOP)
        os.kill(old, signal.SIGKILL)
        await trio.lowlevel.checkpoint()
        shutil.rmtree(self._live)
        shutil.copytree(self._folder, self._live)
        os.kill(supervisor, signal.SIGCONT)
        await eventually_async(lambda: self._cluster.pid_of("redis") != old and self._answers(), 20)

    def _answers(self) -> bool:
        try:
            with self._cluster.redis() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


async def told(client: Client, *conversations: str) -> list[tuple[int, int]]:
    """Of each conversation where it goes on, and up to where it was known."""
    found: dict[str, tuple[int, int]] = {}
    while set(conversations) - set(found):
        back = await event(client, "notice", lambda e: e.code == Code.REWOUND)
        found[back.conversation] = back.seq, back.ref
    return [found[conversation] for conversation in conversations]


@pytest.fixture
def cluster(new_cluster: Callable[..., Cluster]) -> Cluster:
    return new_cluster("--servers", "2")


async def test_an_older_copy_is_restored(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    async with person(cluster, "ann") as ann, person(cluster, "bob") as bob, person(cluster, "eve") as eve:
        await on_two_servers(cluster, ann, bob)
        async with person(cluster, "bob", folder) as away:
            for number in range(3):
                direct = (await ann.send("bob", f"message {number}")).conversation
            await texts(away, 3)
        assert len(await next_messages(bob, 3)) == 3
        copy = Copy(cluster, tmp_path / "copy")
        async with person(cluster, "bob", folder) as away:
            for number in range(2):
                await ann.send("bob", f"lost {number}")
            assert await texts(away, 2) == ["lost 0", "lost 1"]
        await bob.mark_read(direct, 5)
        new = await ann.create_group("new", members=["bob"])
        await ann.send(new, "lost as well")
        assert len(await next_messages(bob, 3)) == 3
        begun = (await ann.send("eve", "lost too")).conversation
        assert await texts(eve, 1) == ["lost too"]
        async with person(cluster, "bob") as late, trio.open_nursery() as nursery:
            for number in range(IN_FLIGHT):
                nursery.start_soon(ann.send, "bob", f"again {number}")
                if number == IN_FLIGHT // 2:
                    nursery.start_soon(copy.restore)
                    await trio.lowlevel.checkpoint()
            await late.presence("ann")
        # What was acknowledged before the end of the old store is lost with it, and told; all the rest is there.
        for client in (ann, bob):
            (goes_on, known), gone = await told(client, direct, new.id)
            assert goes_on == 3 < 5 <= known
            assert gone == (0, 2)
        assert await told(eve, begun) == [(0, 1)]
        assert (await ann.send("eve", "begun anew")).seq == 1
        assert await texts(eve, 1) == ["begun anew"]
        last = await ann.send("bob", "the last")
        history = [(m.seq, m.text) async for m in bob.history(direct, limit=200)][::-1]
        assert [seq for seq, _ in history] == list(range(1, last.seq + 1))
        found = await until(bob, "the last")
        assert found[-len(history) + 3 :] == history[3:]
        with pytest.raises(Refused) as refused:
            await new.invite("ann")
        assert refused.value.code == Code.NO_SUCH_CONVERSATION
        await bob.mark_read(direct, 4)
        assert await bob.unread() == {direct: last.seq - 4}
        async with person(cluster, "dan") as dan:
            await dan.send("bob", "a first message")
            assert await texts(bob, 1) == ["a first message"]
            again = await ann.create_group("another", members=["bob", "dan"])
            await ann.send(again, "hello")
            for client in (bob, dan):
                assert await texts(client, 1) == ["hello"]
        async with person(cluster, "bob", folder) as away:
            assert await told(away, direct) == [(3, 5)]
            missed = await next_messages(away, len(history) - 3 + 2)
            assert [(m.seq, m.text) for m in missed if m.conversation == direct] == history[3:]
        await bob.send("ann", "still here")


async def _events(client: Client) -> AsyncIterator[Event]:
    """What has happened so far."""
    with trio.move_on_after(0.1):
        async for found in client.events():
            yield found


async def until(client: Client, text: str) -> list[tuple[int, str]]:
    """What is shown up to a text, of its conversation and others."""
    found: list[tuple[int, str]] = []
    with trio.fail_after(20 * SLOWNESS):
        async for message in client.messages():
            found.append((message.seq, message.text))
            if message.text == text:
                return found
    raise AssertionError(found)


async def test_a_log_that_has_grown_past_what_was_known(cluster: Cluster, tmp_path: Path) -> None:
    """Nobody is there who knows more: the device comes back when the restored log is longer than ever."""
    folder = tmp_path / "folder"
    async with person(cluster, "ann") as ann:
        async with person(cluster, "bob", folder) as bob:
            direct = (await ann.send("bob", "one")).conversation
            assert await texts(bob, 1) == ["one"]
        copy = Copy(cluster, tmp_path / "copy")
        async with person(cluster, "bob", folder) as bob:
            for number in range(3):
                await ann.send("bob", f"lost {number}")
            await texts(bob, 3)
    await copy.restore()
    for name in ("s1", "s2"):
        cluster.kill(name)
    async with person(cluster, "ann") as ann:
        for number in range(10):
            await ann.send(direct, f"new {number}")
        async with person(cluster, "bob", folder) as bob:
            assert await texts(bob, 10) == [f"new {number}" for number in range(10)]
            assert await told(bob, direct) == [(1, 4)]


async def test_a_redis_that_comes_back_as_it_was_disturbs_nobody(cluster: Cluster, tmp_path: Path) -> None:
    async with person(cluster, "ann") as ann, person(cluster, "bob", tmp_path / "folder") as bob:
        await on_two_servers(cluster, ann, bob)
        await ann.send("bob", "one")
        assert await texts(bob, 1) == ["one"]
        old = cluster.pid_of("redis")
        cluster.kill("redis")
        await eventually_async(lambda: cluster.pid_of("redis") != old, 20)
        await ann.send("bob", "two")
        assert await texts(bob, 1) == ["two"]
        seen = [found async for found in _events(bob)]
        assert not [found for found in seen if found.code == Code.REWOUND or found.state == "reconnecting"]
    async with person(cluster, "ann") as ann, person(cluster, "bob", tmp_path / "folder") as bob:
        await ann.send("bob", "three")
        assert await texts(bob, 1) == ["three"]
        assert not [found async for found in _events(bob) if found.code == Code.REWOUND]
