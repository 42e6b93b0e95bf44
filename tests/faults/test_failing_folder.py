"""A client's data folder fails, in a real cluster: it is told, the client goes on, nothing is doubled (F1 to F6)."""

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

import pytest
import trio

from cim_client import CimError, Client, connect
from cim_client.store import sqlite as on_disk
from tests.cim_client.kept import no_room
from tests.faults.small_disk import ClientFolder, client_folders
from tests.real_servers import SLOWNESS, eventually_async
from tests.system.cluster import AwayCluster
from tests.system.people import PASSWORD, event
from tests.system.terminal.chats import CONNECTED, PENDING, Chat

OpenChat = Callable[..., Chat]
NOBODY = 65_534


@pytest.fixture
def open_chat(away: AwayCluster) -> Iterator[OpenChat]:
    """`cim chat alice` with its data in a folder, by a command that sees it."""
    opened: list[Chat] = []

    def start(folder: ClientFolder, shown: Path) -> Chat:
        env = {"CIM_CHAT_ROUTE": away.route, "CIM_CHAT_DATA": str(shown), "CIM_PASSWORD": PASSWORD}
        opened.append(Chat("alice", env, columns=300, within=folder.within))
        return opened[-1]

    yield start
    for chat in opened:
        chat.close()


def lobby(route: str) -> list[str]:
    """The texts of the lobby; each has an id of its own."""

    async def read() -> list[str]:
        async with connect(route, name="reader", password=PASSWORD, register=True) as me:
            found = [message async for message in me.history("lobby")][::-1]
            assert len({message.client_msg_id for message in found}) == len(found)
            return [message.text for message in found]

    return trio.run(read)


@pytest.mark.parametrize("kind", client_folders(), ids=lambda kind: kind.__name__)
def test_a_disk_that_fills_under_a_chat(
    away: AwayCluster, open_chat: OpenChat, tmp_path: Path, kind: Callable[[Path], ClientFolder]
) -> None:
    with contextlib.closing(kind(tmp_path / "data")) as folder:
        away.come()
        chat = open_chat(folder, tmp_path / "data")
        chat.until_bar(CONNECTED)
        chat.enter("before")
        chat.until_stored("me: before")
        folder.fill(chat.process.pid)
        chat.enter("while it is full " + "x" * 600)
        chat.until_stored("│ xxx")
        chat.until_printed("not kept on this machine")
        chat.enter("and more of it")
        chat.until_stored("me: and more of it")
        assert len(chat.printed("not kept on this machine")) == 1
        away.go()
        chat.until_bar("connecting")
        chat.enter("that nobody could take")
        chat.until_printed("that nobody could take", PENDING)
        chat.type("\x04")
        assert chat.wait() == 1
        assert 'cim chat: not known to be sent: "that nobody could take"' in chat.text()
        assert chat.is_sane()

        folder.free(chat.process.pid)
        away.come()
        again = open_chat(folder, tmp_path / "data")
        again.until_bar(CONNECTED)
        again.enter("after")
        again.until_stored("me: after")
        again.leave()
        texts = [text.strip("x ") for text in lobby(away.route)]
        assert texts == ["before", "while it is full", "and more of it", "after"]


@pytest.mark.parametrize("kind", client_folders()[1:], ids=lambda kind: kind.__name__)
def test_a_chat_that_starts_on_a_full_disk(
    away: AwayCluster, open_chat: OpenChat, tmp_path: Path, kind: Callable[[Path], ClientFolder]
) -> None:
    """What is there can be read: the device, what it has still to send."""
    with contextlib.closing(kind(tmp_path / "data")) as folder:
        away.come()
        chat = open_chat(folder, tmp_path / "data")
        chat.until_bar(CONNECTED)
        away.go()
        chat.until_bar("connecting")
        chat.enter("kept before it was full")
        chat.until_printed("kept before", PENDING)
        chat.type("\x04")
        chat.wait()
        folder.fill(chat.process.pid)
        chat = open_chat(folder, tmp_path / "data")
        chat.until_printed("kept before", PENDING)
        away.come()
        chat.until_stored("kept before")
        chat.until_printed("The disk is full")
        chat.leave()
        folder.free(chat.process.pid)
        chat = open_chat(folder, tmp_path / "data")
        chat.until_bar(CONNECTED)
        chat.enter("after")
        chat.until_stored("me: after")
        assert PENDING not in chat.bar
        chat.leave()
        assert lobby(away.route) == ["kept before it was full", "after"]


def test_a_damaged_file_is_told_and_left(away: AwayCluster, open_chat: OpenChat, tmp_path: Path) -> None:
    (folder_type,) = [kind for kind in client_folders() if kind.__name__ == "LimitedFolder"]
    folder = folder_type(tmp_path)
    away.come()
    chat = open_chat(folder, tmp_path)
    chat.until_bar(CONNECTED)
    chat.enter("before")
    chat.until_stored("me: before")
    chat.leave()
    (path,) = tmp_path.rglob("*.db")
    damaged = bytearray(path.read_bytes())
    damaged[100:] = b"\x55" * (len(damaged) - 100)
    path.write_bytes(damaged)

    chat = open_chat(folder, tmp_path)
    chat.until_bar(CONNECTED)
    chat.until_printed("device-0.db cannot be used")
    chat.enter("all the same")
    chat.until_stored("me: all the same")
    chat.leave()
    assert path.read_bytes() == damaged
    assert lobby(away.route) == ["before", "all the same"]


def alice(away: AwayCluster, folder: Path, token: str | None = None) -> AbstractAsyncContextManager[Client]:
    return connect(
        away.route, name="alice", password=None if token else PASSWORD, token=token, register=token is None,
        data_dir=folder, wait=token is None, on_store_failure="memory",
    )  # fmt: skip


async def notes_of(me: Client) -> list[str]:
    return [message.text async for message in me.history("alice")][::-1]


@pytest.mark.parametrize("connected", [True, False])
async def test_without_numbers_it_becomes_another_device_and_sends_each_message_once(
    away: AwayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connected: bool
) -> None:
    monkeypatch.setattr(on_disk, "NUMBERS_RESERVED", 5)
    await trio.to_thread.run_sync(away.come)
    async with alice(away, tmp_path) as me:
        token, device = me.token, me.device
        await me.send("alice", "0")
    if not connected:
        await trio.to_thread.run_sync(away.go)
    texts = [str(number) for number in range(20)]
    async with alice(away, tmp_path, token) as me:
        posted = [await me.post("alice", text) for text in texts[1:4]]
        with no_room(tmp_path):
            posted += [await me.post("alice", text + "x" * 1_000) for text in texts[4:]]
        notices = [await event(me, "notice", lambda told: told.state == "storage")]
        if not connected:
            assert me.device == device
            assert [waiting.kept for waiting in me.waiting()] == [True] * 3 + [False] * 16
            await trio.to_thread.run_sync(away.come)
        with trio.fail_after(30 * SLOWNESS):
            stored = {(await event(me, "stored")).client_msg_id for _ in posted}
        assert stored == set(posted)
        assert me.device != device
        assert [(found.id, found.ephemeral) for found in await me.devices() if found.current] == [(me.device, True)]
        assert [text.strip("x") for text in await notes_of(me)] == texts
        await me.close()
        notices += [told async for told in me.events() if told.kind == "notice" and told.state == "storage"]
    assert "cannot be used (disk I/O error)" in notices[0].text
    assert len(notices) == 1
    async with alice(away, tmp_path, token) as me:
        await me.ready()
        assert me.device == device
        await eventually_async(lambda: not me.waiting())
        await me.send("alice", "20")
        assert [text.strip("x") for text in await notes_of(me)] == [*texts, "20"]


@contextmanager
def unprivileged() -> Iterator[None]:
    """As somebody whom permissions mean something to."""
    us = os.geteuid()
    if us == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(us)


async def test_a_folder_one_may_not_write(away: AwayCluster, tmp_path: Path) -> None:
    await trio.to_thread.run_sync(away.come)
    folder = tmp_path / "alice"
    folder.mkdir(mode=0o500)
    with unprivileged():
        with pytest.raises(CimError, match="Permission denied"):
            async with connect(away.route, name="alice", password=PASSWORD, register=True, data_dir=folder):
                pass
        async with alice(away, folder) as me:
            assert "Permission denied" in (await event(me, "notice")).text
            assert (await me.send("alice", "all the same")).seq == 1
    assert list(folder.iterdir()) == []
