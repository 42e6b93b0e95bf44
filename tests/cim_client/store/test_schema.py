"""Files of earlier versions go on, and whatever ends the change of one leaves it as it was."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cim_client.store import schema as store_schema
from cim_client.store.contract import Saved
from cim_client.store.sqlite import SqliteStore
from cim_client.views import Position
from tests.cim_client.kept import found, keep, killed_before, opened, text, texts

VERSION_1 = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE positions (conversation TEXT PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE outbox (n INTEGER PRIMARY KEY, recipient TEXT NOT NULL, text TEXT NOT NULL);
INSERT INTO facts VALUES ('schema', '1'), ('device', 'abc'), ('n', '1000');
INSERT INTO positions VALUES ('c', 5);
INSERT INTO outbox VALUES (7, 'bob', 'hello');
"""

VERSION_2 = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE positions (
  conversation TEXT PRIMARY KEY, seq INTEGER NOT NULL, incarnation INTEGER NOT NULL DEFAULT 0);
CREATE TABLE outbox (
  n INTEGER PRIMARY KEY, recipient TEXT NOT NULL, text TEXT NOT NULL, id TEXT NOT NULL DEFAULT '',
  reply_to INTEGER NOT NULL DEFAULT 0);
INSERT INTO facts VALUES ('schema', '2'), ('device', 'abc'), ('n', '1000'), ('returning', 'abc'), ('user', '17');
INSERT INTO positions VALUES ('c', 5, 3);
INSERT INTO outbox VALUES (7, 'bob', 'hello', '17:abc:7', 4);
"""

INTERRUPTED = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE positions (conversation TEXT PRIMARY KEY, seq INTEGER NOT NULL);
"""
"""What a program of version 1 or 2 left that was stopped as it made the file."""


def written(folder: Path, sql: str) -> Path:
    """A file of an earlier version, where the next one looks for it."""
    opened(folder).close()
    (file,) = folder.rglob("*.db")
    file.unlink()
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA page_size=512")
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(sql)
    return file


def check_1(store: SqliteStore) -> None:
    assert (store.device, store.returning, store.user, store.last_n) == ("abc", False, 0, 1000)
    assert store.position("c") == Position(5, 0)
    assert store.saved() == [Saved(7, "bob", "hello", "", 0)]


def check_2(store: SqliteStore) -> None:
    assert (store.device, store.returning, store.user, store.last_n) == ("abc", True, 17, 1000)
    assert store.position("c") == Position(5, 3)
    assert store.saved() == [Saved(7, "bob", "hello", "17:abc:7", 4)]


EARLIER = pytest.mark.parametrize(("sql", "check"), [(VERSION_1, check_1), (VERSION_2, check_2)], ids=["1", "2"])


@EARLIER
@pytest.mark.parametrize("keeps", [False, True])
def test_a_file_of_an_earlier_version_goes_on(tmp_path: Path, sql: str, check: object, keeps: bool) -> None:
    written(tmp_path, sql)
    assert callable(check)
    with opened(tmp_path, keeps=keeps) as store:
        check(store)
        store.own.set_draft("c", "half")
    with opened(tmp_path) as store:
        check(store)
        keep(store, text(6, "kept since then"))
        assert found(store, "since") == [6]
        assert store.own.draft("c") == "half"


@EARLIER
def test_a_file_is_as_it_was_if_the_change_is_killed_at_any_step(tmp_path: Path, sql: str, check: object) -> None:
    file = written(tmp_path, sql)
    assert callable(check)
    whole = file.read_bytes()
    killed = 0
    while killed_before(killed + 1, lambda: opened(tmp_path).close()):
        killed += 1
        with opened(tmp_path) as store:
            check(store)
            keep(store, text(6, "kept since then"))
            assert texts(store) == ["kept since then"]
        for left in file.parent.glob("*.db*"):
            left.unlink()
        file.write_bytes(whole)
    assert killed > 10


def test_a_new_file_is_there_whole_or_begun_anew(tmp_path: Path) -> None:
    killed = 0
    while killed_before(killed + 1, lambda: opened(tmp_path).close()):
        killed += 1
        with opened(tmp_path) as store:
            assert store.device
            keep(store, text(1))
        shutil.rmtree(tmp_path)
    assert killed > 10


def test_a_file_an_earlier_program_did_not_finish_is_begun_anew(tmp_path: Path) -> None:
    written(tmp_path, INTERRUPTED)
    with opened(tmp_path) as store:
        store.set_positions([("c", Position(1, 1))], [text(1)])
        assert store.position("c") == Position(1, 1)


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).close()
    (file,) = tmp_path.rglob("*.db")
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE facts SET value = '99' WHERE name = 'schema'")
    before = file.read_bytes()
    with pytest.raises(ValueError, match="schema 99"):
        opened(tmp_path)
    assert file.read_bytes() == before


def test_without_trigrams_texts_are_looked_through_and_indexed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = store_schema._INDEX
    monkeypatch.setattr(store_schema, "_INDEX", index.replace("trigram", "one_there_is_not"))
    with opened(tmp_path) as store:
        keep(store, *(text(seq, f"message {seq}") for seq in range(1, 400)))
        assert found(store, "message 39") == [*range(399, 389, -1), 39]
    monkeypatch.setattr(store_schema, "_INDEX", index)
    with opened(tmp_path) as store:
        assert len(found(store, "message", limit=1_000)) == 399
        keep(store, *(text(seq, f"message {seq}") for seq in range(400, 1_000)))
        for seq in range(1_000, 1_010):
            keep(store, text(seq, f"message {seq}"))
        assert len(found(store, "message", limit=1_000)) == 1_000
        assert store.messages._unindexed < 128


def test_an_index_is_made_only_where_messages_are_kept(tmp_path: Path) -> None:
    with opened(tmp_path, keeps=False) as store:
        assert not store_schema._has_table(store._db, "texts")
    with opened(tmp_path) as store:
        assert store_schema._has_table(store._db, "texts")
        keep(store, text(1, "hello"))
    with opened(tmp_path, keeps=False) as store:
        assert found(store, "hello") == [1]
