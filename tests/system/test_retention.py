"""Retention in a whole cluster: what is kept is read, what is gone is passed over, nothing waits for it."""

from collections.abc import Callable
from pathlib import Path

import trio

from cim_client import Client, connect
from cim_common import ids
from cim_common.store import keys
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
