"""What a device keeps."""

import sqlite3
import stat
from pathlib import Path

import pytest

from cim_client.store import NUMBERS_RESERVED, Kept, MemoryStore, Saved, SqliteStore, open_store
from cim_client.views import Position

ROUTE = "http://127.0.0.1:8083"


def opened(folder: Path, name: str = "alice") -> SqliteStore:
    store = open_store(folder, ROUTE, name)
    assert isinstance(store, SqliteStore)
    return store


def test_everything_is_there_again(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        device, n = store.device, store.next_n()
        store.set_positions([("c", Position(5, 1)), ("d", Position(6, 2))])
        store.set_positions([("c", Position(7, 1))])
        store.save(Saved(n, "bob", "hello"))
        store.save(Saved(n + 1, "bob", "again"))
        store.forget(n)
    with opened(tmp_path) as store:
        assert store.device == device
        assert (store.position("c"), store.position("d"), store.position("e")) == (
            Position(7, 1),
            Position(6, 2),
            None,
        )
        assert store.saved() == [Saved(n + 1, "bob", "again")]


def test_numbers_rise_for_ever(tmp_path: Path) -> None:
    numbers = []
    for _ in range(3):
        with opened(tmp_path) as store:
            numbers += [store.next_n() for _ in range(NUMBERS_RESERVED + 2)]
    assert numbers == sorted(set(numbers))


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
    monkeypatch.setattr("cim_client.store.fcntl", None)
    with opened(tmp_path) as first, opened(tmp_path) as second:
        assert first.device != second.device


def test_accounts_and_clusters_are_apart(tmp_path: Path) -> None:
    with opened(tmp_path, "alice") as alice, opened(tmp_path, "bob") as bob:
        assert alice.device != bob.device
    other = open_store(tmp_path, "http://127.0.0.1:9000", "alice")
    assert other.device != alice.device
    other.close()


def test_a_position_moved_writes_one_page(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.set_positions([(f"c{number}", Position(1, 1)) for number in range(50)])
        (log,) = tmp_path.rglob("*.db-wal")
        before = log.stat().st_size
        for seq in range(2, 102):
            store.set_positions([("c7", Position(seq, 1))])
        header_and_page = 24 + 512
        assert log.stat().st_size - before == 100 * header_and_page
        assert store.position("c7") == Position(101, 1)


def test_a_program_that_reads_the_file_does_not_make_another_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cim_client.store.BUSY_S", 0.05)
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


def test_nobody_else_opens_a_file_in_use_not_even_past_our_lock(tmp_path: Path) -> None:
    with opened(tmp_path):
        (file,) = tmp_path.rglob("*.db")
        with sqlite3.connect(file, timeout=0) as db, pytest.raises(sqlite3.OperationalError, match="locked"):
            db.execute("SELECT * FROM positions").fetchall()
        db.close()


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


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).close()
    (file,) = tmp_path.rglob("*.db")
    db = sqlite3.connect(file)
    db.execute("UPDATE facts SET value = '99' WHERE name = 'schema'")
    db.commit()
    db.close()
    with pytest.raises(ValueError, match="schema 99"):
        opened(tmp_path)


SCHEMA_1 = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE positions (conversation TEXT PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE outbox (n INTEGER PRIMARY KEY, recipient TEXT NOT NULL, text TEXT NOT NULL);
INSERT INTO facts VALUES ('schema', '1'), ('device', 'abc'), ('n', '1000');
INSERT INTO positions VALUES ('c', 5);
INSERT INTO outbox VALUES (7, 'bob', 'hello');
"""


def test_a_file_of_schema_1_goes_on(tmp_path: Path) -> None:
    opened(tmp_path).close()
    (file,) = tmp_path.rglob("*.db")
    file.unlink()
    with sqlite3.connect(file) as db:
        db.executescript(SCHEMA_1)
    db.close()
    for _ in range(2):
        with opened(tmp_path) as store:
            assert store.device == "abc"
            assert not store.returning
            assert store.last_n == 1000
            assert store.position("c") == Position(5, 0)
            assert store.saved() == [Saved(7, "bob", "hello", "", 0)]


def test_a_new_device_takes_what_is_saved_along(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.logged_in(4294967296)
        old = store.device
        store.save(Saved(1, "bob", "hello", "me:old:1", 4))
        store.set_positions([("c", Position(5, 1))])
    with opened(tmp_path) as store:
        assert store.returning
        assert store.user == 4294967296
        store.new_device([(1, Saved(9, "bob", "hello", "me:old:1", 4))])
        assert not store.returning
    with opened(tmp_path) as store:
        assert store.device != old
        assert not store.returning
        assert store.user == 4294967296
        assert store.saved() == [Saved(9, "bob", "hello", "me:old:1", 4)]
        assert store.position("c") == Position(5, 1)


def test_an_ephemeral_device_keeps_nothing() -> None:
    first, second = MemoryStore(), MemoryStore()
    assert first.device != second.device
    assert first.ephemeral
    assert first.save(Saved(first.next_n(), "bob", "x")) is Kept.NO
    assert first.saved() == []
    first.set_positions([("c", Position(1, 1))])
    assert (first.position("c"), first.position("d")) == (Position(1, 1), None)
    old = first.device
    first.new_device()
    assert first.device != old
    first.close()
