"""Which file a device gets, and what is told when it cannot be had."""

import os
import signal
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from cim_client.store.contract import Saved
from cim_client.store.opening import any_unsent, open_store
from cim_client.store.sqlite import SqliteStore
from cim_client.views import Position
from tests.cim_client.kept import ROUTE, opened

OPENERS = 6
ROUNDS = 5


def test_a_second_opener_is_another_device(tmp_path: Path) -> None:
    with opened(tmp_path) as first:
        with opened(tmp_path) as second:
            assert first.device != second.device
            third_device = second.device
        with opened(tmp_path) as again:
            assert again.device == third_device
    with opened(tmp_path) as back:
        assert back.device == first.device


def test_a_second_opener_is_another_device_without_posix_locks_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cim_client.store.opening.POSIX_LOCKS", False)
    with opened(tmp_path) as first, opened(tmp_path) as second:
        assert first.device != second.device


@pytest.mark.parametrize("killed", [False, True])
def test_a_device_with_something_to_send_goes_first(tmp_path: Path, killed: bool) -> None:
    child = os.fork()
    if not child:
        first, second, third = (opened(tmp_path) for _ in range(3))
        for store in (third, second):
            store.save(Saved(store.next_n(), "bob", "waits to be sent"))
        if killed:
            os.kill(os.getpid(), signal.SIGKILL)
        for store in (first, second, third):
            store.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == (signal.SIGKILL if killed else 0)
    assert any_unsent(tmp_path, ROUTE, "alice")
    assert not any_unsent(tmp_path, ROUTE, "bob")
    with opened(tmp_path) as second, opened(tmp_path) as third, opened(tmp_path) as first:
        assert [path.name for path in (second.path, third.path, first.path)] == [
            "device-1.db",
            "device-2.db",
            "device-0.db",
        ]
        assert not any_unsent(tmp_path, ROUTE, "alice")  # they are in use
        for store in (second, third):
            store.forget(store.saved()[0].n)
    with opened(tmp_path) as store:
        assert store.device == first.device


def test_a_damaged_device_is_passed_over_for_one_with_something_to_send_only(tmp_path: Path) -> None:
    with opened(tmp_path) as first, opened(tmp_path) as second:
        second.save(Saved(second.next_n(), "bob", "waits to be sent"))
    first.path.write_bytes(b"this was a database once")
    with opened(tmp_path) as store:
        assert store.device == second.device
        store.forget(store.saved()[0].n)
    with pytest.raises(OSError, match=f"{first.path.name} cannot be used"):
        open_store(tmp_path, ROUTE, "alice")


def test_many_that_open_a_folder_at_once_get_a_device_each_and_no_more(tmp_path: Path) -> None:
    with ExitStack() as stack:
        before = {stack.enter_context(opened(tmp_path)).device for _ in range(OPENERS)}
    together = threading.Barrier(OPENERS)

    def open_it(_: int) -> SqliteStore:
        together.wait()
        return opened(tmp_path)

    for _ in range(ROUNDS):
        with ThreadPoolExecutor(OPENERS) as pool, ExitStack() as stack:
            stores = [stack.enter_context(store) for store in pool.map(open_it, range(OPENERS))]
            assert {store.device for store in stores} == before


def test_accounts_and_clusters_are_apart(tmp_path: Path) -> None:
    with opened(tmp_path, "alice") as alice, opened(tmp_path, "bob") as bob:
        assert alice.device != bob.device
    other = open_store(tmp_path, "http://127.0.0.1:9000", "alice")
    assert other.device != alice.device
    other.close()


def test_a_program_that_reads_the_file_does_not_make_another_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cim_client.store.sqlite.BUSY_S", 0.05)
    with opened(tmp_path) as store:
        device = store.device
        store.save(Saved(store.next_n(), "bob", "waits to be sent"))
    (path,) = tmp_path.rglob("*.db")
    reader = sqlite3.connect(path)
    try:
        reader.execute("BEGIN").execute("SELECT * FROM sqlite_master").fetchall()
        with pytest.raises(OSError, match="held by a program that reads it"):
            open_store(tmp_path, ROUTE, "alice")
    finally:
        reader.close()
    with opened(tmp_path) as store:
        assert store.device == device


@pytest.mark.parametrize("broken", [b"this was a database once", bytes(1_000)])
def test_a_broken_file_is_told_and_left_as_it_is(tmp_path: Path, broken: bytes) -> None:
    with opened(tmp_path) as store:
        device = store.device
    (path,) = tmp_path.rglob("*.db")
    whole = path.read_bytes()
    path.write_bytes(broken)
    with pytest.raises(OSError, match=f"{path.name} cannot be used"):
        open_store(tmp_path, ROUTE, "alice")
    assert path.read_bytes() == broken
    path.write_bytes(whole)
    with opened(tmp_path) as store:
        assert store.device == device


def test_files_are_the_users_own(tmp_path: Path) -> None:
    with opened(tmp_path / "new") as store:
        store.set_positions([("c", Position(1, 1))])
        files = list((tmp_path / "new").rglob("*.db"))
        assert files
        for file in files:
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_may_begin_with_ones_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with opened(Path("~/cim")):
        assert list((tmp_path / "cim").rglob("*.db"))
