"""The messages a device keeps: how many, by what time, in and out of the index (`store/test_contract` has the rest)."""

import sqlite3
from pathlib import Path

import pytest

from cim_client.store import messages as store_messages
from cim_client.store.messages import STEP
from cim_client.store.reading import MAX_UNINDEXED
from cim_client.store.schema import SECURE_DELETE
from cim_client.store.sqlite import SqliteStore
from cim_client.views import Passed
from cim_common.wire.kinds import Kind
from tests.cim_client.kept import change, exported, found, keep, numbered, opened, seqs, text


def indexed(store: SqliteStore) -> list[int]:
    """Rowids the index has, by a trigram all texts of these tests hold."""
    return [row for (row,) in store._db.execute("SELECT rowid FROM texts WHERE texts MATCH 'tex'")]


def one_by_one(store: SqliteStore, passed: list[Passed]) -> None:
    for each in passed:
        keep(store, each)


def test_texts_are_indexed_some_at_a_time(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        one_by_one(store, list(numbered(1, STEP - 1)))
        assert indexed(store) == []
        assert len(found(store, "text", limit=1_000)) == STEP - 1
        one_by_one(store, list(numbered(STEP, 2 * STEP + 5)))
        assert len(indexed(store)) == 2 * STEP
        assert found(store, "text 2", limit=1_000)[0] == 2 * STEP + 5
        keep(store, *numbered(1_000, 1_000 + MAX_UNINDEXED * 2))
        assert len(found(store, "text 1", limit=1_000)) > MAX_UNINDEXED - STEP
    with opened(tmp_path) as store:
        one_by_one(store, list(numbered(9_000, 9_100)))
        kept = sum(1 for _ in exported(store, None))
        assert kept - STEP < len(indexed(store)) < kept


def test_long_texts_are_indexed_a_few_at_a_time(tmp_path: Path) -> None:
    long = "text " * 3_000
    with opened(tmp_path) as store:
        keep(store, *(text(seq, long) for seq in range(1, STEP + 1)))
        assert 1 <= len(indexed(store)) <= 4
        one_by_one(store, [text(seq, long) for seq in range(STEP + 1, 3 * STEP)])
        assert store.messages._unindexed <= STEP


def test_changed_and_removed_texts_leave_the_index(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep(store, *numbered(1, STEP))
        assert len(indexed(store)) == STEP
        keep(store, change(900, Kind.EDITED, 5, "other words"), change(901, Kind.RECALLED, 6))
        assert len(indexed(store)) == STEP - 2
        assert found(store, "other words") == [5]
        keep(store, *numbered(STEP + 1, 2 * STEP))
        assert found(store, "other words") == [5]
        store._db.execute("INSERT INTO texts (texts) VALUES ('integrity-check')")


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_messages.KeptMessages.__init__, "__defaults__", (500,))
    with opened(tmp_path) as store:
        one_by_one(store, list(numbered(2_001, 3_000)))
        assert 500 <= len(seqs(store)) < 500 + STEP
        assert seqs(store)[0] == 3_000
        assert sorted(indexed(store)) == [
            row
            for (row,) in store._db.execute(
                "SELECT id FROM messages WHERE id NOT IN (SELECT id FROM unindexed) ORDER BY id"
            )
        ]
        one_by_one(store, list(numbered(1, 300)))
        assert seqs(store)[-1] > 2_000
        store._db.execute("INSERT INTO texts (texts) VALUES ('integrity-check')")
    with opened(tmp_path) as store:
        one_by_one(store, list(numbered(3_001, 3_000 + 2 * STEP)))
        assert 500 <= len(seqs(store)) < 500 + STEP


def test_the_oldest_go_when_the_file_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 2_000_000
    monkeypatch.setattr(store_messages, "MAX_FILE_BYTES", limit)
    with opened(tmp_path) as store:
        one_by_one(store, [text(seq, f"{seq} " * 500) for seq in range(1, 2_000)])
        assert seqs(store)[0] == 1_999
        assert seqs(store)[-1] > 1
        assert store.messages._bytes() < limit * 1.5


def test_clocks_that_are_not_in_step_change_no_order_within_a_conversation(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        times = [5_000, 4_998, 5_001, 5_001, 4_000, 9_000]
        keep(store, *(text(seq, "x", time_ms=at) for seq, at in enumerate(times, 1)))
        keep(store, *(text(seq, "x", "d", time_ms=5_000) for seq in (3, 2, 1)))
        assert found(store, "x", "c") == [6, 5, 4, 3, 2, 1]
        assert found(store, "x", "d") == [3, 2, 1]
        keep(store, text(5, "x", "e", time_ms=5_000), text(4, "x", "e", time_ms=6_000))
        assert found(store, "x", "e") == [5, 4]


def test_a_message_taken_back_is_not_to_be_found_in_the_file(tmp_path: Path) -> None:
    secret, other = "the launch code is 0000", "but this one may stay"
    piece, other_piece = "жщъ", "ёэю"  # the index has three letters at a time, small ones
    with opened(tmp_path) as store:
        keep(store, text(1, secret), text(2, other), text(3, piece.upper()), text(4, other_piece.upper()))
        keep(store, *numbered(5, STEP + 4))
        keep(store, change(900, Kind.RECALLED, 1), change(901, Kind.RECALLED, 3))
    whole = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert other.encode() in whole
    assert other_piece.encode() in whole
    assert secret.encode() not in whole
    assert piece.encode() not in whole or sqlite3.sqlite_version_info < SECURE_DELETE
