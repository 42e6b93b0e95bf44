"""Retention in a whole cluster: what is kept is read, what is gone is passed over, nothing waits for it."""

from collections.abc import Callable
from pathlib import Path

import trio

from cim_client import Client, connect
from cim_common import ids
from cim_common.store import keys
from cim_common.wire.codes import Code
from tests.real_servers import SLOWNESS, eventually_async
from tests.system.cluster import Cluster
from tests.system.raw import PASSWORD

KEPT = 20


async def texts(client: Client, last: str) -> list[str]:
    """What comes until a certain text has come."""
    found: list[str] = []
    with trio.fail_after(20 * SLOWNESS):
        async for message in client.messages():
            found.append(message.text)
            if message.text == last:
                break
    return found


async def next_hole(client: Client) -> tuple[int, int]:
    """The first and last seq of the next range that retention has removed."""
    with trio.fail_after(20 * SLOWNESS):
        async for event in client.events():
            if (event.kind, event.state) == ("notice", "hole"):
                assert event.code == Code.EXPIRED
                return event.ref, event.seq
    raise AssertionError("the client has ended")


async def test_who_was_away_too_long_goes_on_with_what_is_left(
    new_cluster: Callable[..., Cluster], tmp_path: Path
) -> None:
    cluster = new_cluster("--keep", f"direct={KEPT}", "--keep", "self=1s", "--keep", "lobby=365d,1000")
    store = cluster.redis()
    async with connect(cluster.route, name="anna", password=PASSWORD, register=True) as anna:
        async with connect(cluster.route, name="bert", password=PASSWORD, register=True, data_dir=tmp_path) as bert:
            conversation = (await anna.send("bert", "first")).conversation
            assert await texts(bert, "first") == ["first"]
        sent = [f"text {number}" for number in range(1, 81)]
        for text in sent:
            await anna.send("bert", text)
        await eventually_async(lambda: store.xlen(keys.log(conversation)) == KEPT, 30)
        async with connect(cluster.route, name="bert", password=PASSWORD, data_dir=tmp_path) as bert:
            assert await texts(bert, "text 80") == sent[-KEPT:]
            assert await next_hole(bert) == (2, 81 - KEPT)
            assert [m.text async for m in bert.history("anna", limit=100)] == sent[: -KEPT - 1 : -1]
            await bert.send("anna", "still here")
            assert await texts(anna, "still here") == ["still here"]
        notes = ids.direct(anna.user_id, anna.user_id)
        for number in range(5):
            await anna.send("anna", f"note {number}")
        await eventually_async(lambda: store.xlen(keys.log(notes)) == 1, 30)
        assert [m.text async for m in anna.history("anna")] == ["note 4"]
        assert (await anna.send("anna", "note 5")).seq == 6
    store.close()
    assert cluster.stop() == 0
    assert "retention_failed" not in cluster.log_of("s1") + cluster.log_of("s2")


class Reader:
    """A device that comes and goes: the texts it has shown, and the seqs it was told are gone."""

    def __init__(self, route: str, data_dir: Path) -> None:
        self.route, self.data_dir = route, data_dir
        self.shown: list[tuple[int, str]] = []
        self.gone: set[int] = set()

    async def read(self, most: int, last: str) -> bool:
        """Be connected for so many texts; whether the last one has come."""
        async with connect(self.route, name="bert", password=PASSWORD, register=True, data_dir=self.data_dir) as bert:
            with trio.fail_after(30 * SLOWNESS):
                async for message in bert.messages():
                    self.shown.append((message.seq, message.text))
                    most -= 1
                    if message.text == last or most == 0:
                        break
        async for event in bert.events():
            if event.state == "hole":
                self.gone.update(range(event.ref, event.seq + 1))
        return self.shown[-1][1] == last


async def test_readers_and_writers_run_beside_retention(new_cluster: Callable[..., Cluster], tmp_path: Path) -> None:
    cluster = new_cluster("--keep", f"direct={KEPT}")
    store, total = cluster.redis(), 1_200
    reader = Reader(cluster.route, tmp_path)
    async with connect(cluster.route, name="anna", password=PASSWORD, register=True) as anna:
        async with connect(cluster.route, name="bert", password=PASSWORD, register=True):
            conversation = (await anna.send("bert", "text 1")).conversation
        done = trio.Event()

        async def write() -> None:
            for number in range(2, total + 1):
                receipt = await anna.send("bert", f"text {number}")
                assert receipt.seq == number
            done.set()

        def passed_over() -> bool:
            """Retention has removed what the reader would have got next, unless that stays."""
            shown = reader.shown[-1][0]
            return shown >= total - KEPT or int(store.hget(keys.conv(conversation), "f") or 0) > shown + 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            while not await reader.read(50, f"text {total}"):
                await eventually_async(passed_over, 30)
        assert done.is_set()
        await eventually_async(lambda: store.xlen(keys.log(conversation)) == KEPT, 30)
    seqs = [seq for seq, _ in reader.shown]
    assert all(text == f"text {seq}" for seq, text in reader.shown)
    assert seqs == sorted(set(seqs))
    assert reader.gone
    assert not reader.gone & set(seqs)
    assert reader.gone | set(seqs) == set(range(1, total + 1))
    store.close()
    assert cluster.stop() == 0
