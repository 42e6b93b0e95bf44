"""A client that begins without a cluster: it takes messages at once, and sends each once when there is one."""

from pathlib import Path

import pytest
import trio

from cim_client import CimError, Client, Closed, Refused, connect, unsent
from cim_common import ids
from cim_common.wire.codes import Code
from tests.real_servers import SLOWNESS, eventually_async
from tests.system.cluster import AwayCluster
from tests.system.people import PASSWORD, event


async def first_login(away: AwayCluster, data_dir: Path, name: str = "alice") -> tuple[str, int]:
    """What an earlier run leaves: a token, and who one is."""
    async with connect(away.route, name=name, password=PASSWORD, register=True, data_dir=data_dir) as me:
        return me.token, me.user_id


async def texts_in(client: Client, conversation: str) -> list[str]:
    return [message.text async for message in client.history(conversation)][::-1]


async def test_with_nothing_listening_it_begins_at_once_and_goes_on_trying(away: AwayCluster, tmp_path: Path) -> None:
    with trio.fail_after(20 * SLOWNESS):
        async with connect(away.route, name="alice", token="any", data_dir=tmp_path / "alice", wait=False) as me:
            assert (me.state, me.user_id, me.error) == ("connecting", 0, None)
            tries = [await event(me, "connection") for _ in range(3)]
            assert {(told.state, told.code) for told in tries} == {("connecting", Code.NO_SERVER)}
            assert f"Route at {away.route} does not answer" in tries[0].text
            assert me.state == "connecting"
    assert me.state == "closed"


async def test_what_is_posted_before_there_is_a_cluster_is_sent_once(away: AwayCluster, tmp_path: Path) -> None:
    await trio.to_thread.run_sync(away.come)
    data = tmp_path / "alice"
    async with connect(away.route, name="bob", password=PASSWORD, register=True):
        token, user = await first_login(away, data)
    await trio.to_thread.run_sync(away.go)

    async with connect(away.route, name="alice", token=token, data_dir=data, wait=False) as me:
        assert me.user_id == user
        first = [await me.post("bob", "one"), await me.post("lobby", "two")]
        assert all(posted.startswith(f"{user}:{me.device}:") for posted in first)
        assert [(waiting.client_msg_id, waiting.to, waiting.text) for waiting in me.waiting()] == [
            (first[0], "bob", "one"),
            (first[1], "lobby", "two"),
        ]
    kept = [told async for told in me.events() if told.kind == "failed"]
    assert [(told.client_msg_id, told.state) for told in kept] == [(first[0], "kept"), (first[1], "kept")]

    async with connect(away.route, name="alice", token=token, data_dir=data, wait=False) as me:
        posted = [*first, await me.post("bob", "three")]
        assert [waiting.client_msg_id for waiting in me.waiting()] == posted
        await trio.to_thread.run_sync(away.come)
        with trio.fail_after(30 * SLOWNESS):
            stored = [await event(me, "stored") for _ in posted]
        assert sorted(told.client_msg_id for told in stored) == sorted(posted)
        assert me.waiting() == []
        assert (await texts_in(me, "bob"), await texts_in(me, ids.LOBBY)) == (["one", "three"], ["two"])
        assert me.state == "connected"


async def test_what_a_second_client_posted_is_sent_by_whoever_comes_next(away: AwayCluster, tmp_path: Path) -> None:
    await trio.to_thread.run_sync(away.come)
    data = tmp_path / "alice"
    token, _ = await first_login(away, data)
    await trio.to_thread.run_sync(away.go)
    async with (
        connect(away.route, name="alice", token=token, data_dir=data, wait=False) as first,
        connect(away.route, name="alice", token=token, data_dir=data, wait=False) as second,
    ):
        posted = await second.post("alice", "of the second")
    assert unsent(away.route, name="alice", data_dir=data)
    await trio.to_thread.run_sync(away.come)
    async with connect(away.route, name="alice", password=PASSWORD, data_dir=data) as me:
        assert (await event(me, "stored")).client_msg_id == posted
        assert me.device == second.device
        assert await texts_in(me, "alice") == ["of the second"]
    assert not unsent(f"{away.route}/", name="alice", data_dir=data)
    async with connect(away.route, name="alice", password=PASSWORD, data_dir=data) as me:
        assert me.device == first.device
        assert await texts_in(me, "alice") == ["of the second"]


async def test_a_refused_token_ends_it_and_loses_nothing(away: AwayCluster, tmp_path: Path) -> None:
    await trio.to_thread.run_sync(away.come)
    data = tmp_path / "alice"
    await first_login(away, data)
    async with connect(away.route, name="alice", token="forged", data_dir=data, wait=False) as me:
        posted = await me.post("alice", "typed before anybody looked at the token")
        ended = await event(me, "connection", lambda told: told.state == "closed")
        assert ended.code == Code.BAD_TOKEN
        assert isinstance(me.error, CimError)
        assert me.error.code == Code.BAD_TOKEN
        with pytest.raises(Closed):
            await me.post("alice", "too late")
    async with connect(away.route, name="alice", password=PASSWORD, data_dir=data) as me:
        assert (await event(me, "stored")).client_msg_id == posted
        assert await texts_in(me, "alice") == ["typed before anybody looked at the token"]


@pytest.mark.parametrize("wait", [True, False])
async def test_a_wrong_password_is_told_and_loses_nothing(away: AwayCluster, tmp_path: Path, wait: bool) -> None:
    await trio.to_thread.run_sync(away.come)
    data = tmp_path / "alice"
    token, _ = await first_login(away, data)
    await trio.to_thread.run_sync(away.go)
    async with connect(away.route, name="alice", token=token, data_dir=data, wait=False) as me:
        await me.post("alice", "kept")
    await trio.to_thread.run_sync(away.come)
    with pytest.raises(CimError) as refused:
        async with connect(away.route, name="alice", password="not that one", data_dir=data, wait=wait) as me:
            await eventually_async(lambda: me.error)
            assert me.error is not None
            raise me.error
    assert refused.value.code == Code.WRONG_PASSWORD
    async with connect(away.route, name="alice", password=PASSWORD, data_dir=data) as me:
        await event(me, "stored")
        assert await texts_in(me, "alice") == ["kept"]


async def test_a_group_is_known_by_its_name_before_there_is_a_connection(away: AwayCluster, tmp_path: Path) -> None:
    await trio.to_thread.run_sync(away.come)
    data = tmp_path / "alice"
    async with connect(away.route, name="alice", password=PASSWORD, register=True, data_dir=data) as me:
        token = me.token
        ops, left = await me.create_group("ops"), await me.create_group("left")
        await left.leave()
        await ops.rename("operations")
    async with connect(away.route, name="alice", token=token, data_dir=data) as me:
        assert me.group("operations").id == ops.id  # what was renamed by oneself is in the list of the next connection
    await trio.to_thread.run_sync(away.go)
    async with connect(away.route, name="alice", token=token, data_dir=data, wait=False) as me:
        for name in ("ops", "left", "never"):
            with pytest.raises(Refused):
                me.group(name)
        group = me.group("operations")
        assert (group.id, group.name) == (ops.id, "operations")
        await me.post(group, "for the group")
        await trio.to_thread.run_sync(away.come)
        assert (await event(me, "stored")).conversation == ops.id


async def test_a_new_account_is_not_made_without_waiting(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="register=True has to wait"):
        async with connect("http://127.0.0.1:1", name="alice", password=PASSWORD, register=True, wait=False):
            pass


async def test_a_client_that_never_connects_ends_at_once(tmp_path: Path) -> None:
    with trio.fail_after(3 * SLOWNESS):
        async with connect("http://127.0.0.1:1", name="alice", token="any", data_dir=tmp_path, wait=False) as me:
            await me.post("bob", "kept")
