"""A Redis that rewrites its file: who rewrites has a lower priority, who answers keeps its own."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import trio
import trio.testing

from cim import background
from cim.background import NICENESS, keep_behind, put_behind
from cim.data_folder import DataFolder
from cim.embedded_redis import EmbeddedRedis
from cim.supervisor import Child
from tests.real_servers import eventually, eventually_async, free_port


class Rewriting:
    """A Redis whose rewrites take their time."""

    def __init__(self, path: Path) -> None:
        self._folder = DataFolder(path)
        embedded = EmbeddedRedis(self._folder, free_port())
        self.child = Child("redis", lambda: embedded.command, path / "log", embedded.environment)
        self.child.start()
        eventually(embedded.answers, 20)
        assert self.child.pid is not None
        self.pid = self.child.pid
        with redis.Redis.from_url(embedded.url) as client:
            client.mset({f"key-{n}": n for n in range(1_000)})
            client.config_set("rdb-key-save-delay", 100_000)
            client.bgrewriteaof()
        (self.writer,) = eventually(self._children, 20)

    def _children(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def close(self) -> None:
        assert self.child._process is not None
        self.child._process.terminate()
        self.child._process.wait(20)
        self._folder.close()


@pytest.fixture
def rewriting(tmp_path: Path) -> Iterator[Rewriting]:
    made = Rewriting(tmp_path)
    yield made
    made.close()


def niceness(pid: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, pid)


async def test_who_rewrites_gives_way_and_who_answers_does_not(rewriting: Rewriting) -> None:
    before = niceness(rewriting.pid)
    assert niceness(rewriting.writer) == before
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_behind, rewriting.child)
        await eventually_async(lambda: niceness(rewriting.writer) == NICENESS)
        nursery.cancel_scope.cancel()
    assert niceness(rewriting.pid) == before


async def test_the_number_of_one_that_has_ended_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    followed: list[int] = []
    monkeypatch.setattr(background, "put_behind", followed.append)
    child = Child("redis", lambda: ["true"], tmp_path / "log", {})
    with trio.move_on_after(1):
        await keep_behind(child)
    child.start()
    eventually(lambda: child.ended() is not None, 20)
    with trio.move_on_after(1):
        await keep_behind(child)
    assert followed == []


def test_a_priority_is_never_raised() -> None:
    """Not of those that an operator put further behind; nor may everybody do it."""
    parent = subprocess.Popen(["sh", "-c", "nice -n 19 sleep 60 & echo $!; wait"], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        eventually(lambda: niceness(child) == 19)
        put_behind(parent.pid)
        assert niceness(child) == 19
    finally:
        os.kill(child, signal.SIGKILL)
        parent.communicate()


def test_a_process_that_has_ended_has_nobody() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait(20)
    put_behind(ended.pid)
