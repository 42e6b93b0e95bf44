"""All of it or nothing, however it ends."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from cim_client.store.transaction import together


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        made.execute("CREATE TABLE t (x UNIQUE)")
        yield made


def rows(db: sqlite3.Connection) -> list[int]:
    assert not db.in_transaction
    return [x for (x,) in db.execute("SELECT x FROM t ORDER BY x")]


@pytest.mark.parametrize("begin", ["BEGIN", "BEGIN IMMEDIATE"])
def test_all_of_it(db: sqlite3.Connection, begin: str) -> None:
    def writes() -> None:
        assert db.in_transaction
        db.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])

    together(db, writes, begin)
    assert rows(db) == [1, 2]


def test_nothing_after_an_error(db: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        together(db, lambda: [db.execute("INSERT INTO t VALUES (1)") for _ in range(2)])
    assert rows(db) == []


def test_an_error_with_which_sqlite_ends_it_comes_out_as_it_is(db: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        together(db, lambda: [db.execute("INSERT OR ROLLBACK INTO t VALUES (1)") for _ in range(2)])
    assert rows(db) == []
