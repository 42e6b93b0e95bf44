"""`cim up --directory members`: both doors show a user only to those who share a conversation with it."""

from collections.abc import Callable

import pytest
import trio

from cim_client import Refused
from cim_common.wire.codes import Code
from tests.real_servers import SLOWNESS
from tests.system.cluster import Cluster
from tests.system.people import person


async def test_strangers_see_nothing_of_each_other(new_cluster: Callable[..., Cluster]) -> None:
    cluster = await trio.to_thread.run_sync(lambda: new_cluster("--directory", "members"))
    async with (
        person(cluster, "alice") as alice,
        person(cluster, "bob") as bob,
        person(cluster, "carol") as carol,
    ):
        await alice.send("lobby", "hello all")
        with pytest.raises(Refused) as refused:
            await bob.presence("alice")
        assert refused.value.code == Code.NO_SUCH_USER
        assert (await bob.online(), await bob.users("")) == (["bob"], ["bob"])

        await alice.send("bob", "hello bob")
        group = await alice.create_group("ops", members=["carol"])
        for client, seen in ((alice, ["alice", "bob", "carol"]), (bob, ["alice", "bob"]), (carol, ["alice", "carol"])):
            assert await client.online() == seen
            assert await client.users("") == seen
        for friend in bob, carol:  # whose server learns of the other one a moment after both have started
            with trio.fail_after(10 * SLOWNESS):
                while not (await friend.presence("alice")).online:
                    await trio.sleep(0.05)

        await group.kick("carol")
        assert await carol.online() == ["carol"]
        with pytest.raises(Refused):
            await carol.presence("alice")
