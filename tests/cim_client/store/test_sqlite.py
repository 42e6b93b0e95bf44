"""What a device with a file keeps there: over restarts, all or nothing, and whatever kills the program."""

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from cim_client.store.contract import Saved
from cim_client.store.messages import STEP
from cim_client.store.sqlite import NUMBERS_RESERVED, SqliteStore
from cim_client.views import Position
from cim_common.wire.kinds import Kind
from tests.cim_client.kept import ME, change, found, keep, killed_before, opened, seqs, text, texts


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


def test_nobody_else_opens_a_file_in_use_not_even_past_our_lock(tmp_path: Path) -> None:
    with opened(tmp_path):
        (file,) = tmp_path.rglob("*.db")
        with sqlite3.connect(file, timeout=0) as db, pytest.raises(sqlite3.OperationalError, match="locked"):
            db.execute("SELECT * FROM positions").fetchall()
        db.close()


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


def test_messages_are_there_again(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.logged_in(ME)
        store.set_positions([("c", Position(1, 1))], [text(1, "hello")])
    with opened(tmp_path) as store:
        keep(store, text(1, "shown again after a crash"), change(2, Kind.REACTION, 1, "+1", sender=ME))
        (message,) = store.messages.messages("c", 5)
        assert message.text == "hello"
        assert message.reactions[0].mine
        assert found(store, "ell") == [1]


def test_what_fails_half_way_is_not_there_at_all(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.save(Saved(1, "bob", "mine"))
        with pytest.raises(sqlite3.IntegrityError):
            store.set_positions([("c", Position(None, 1))], [text(1)])  # type: ignore[arg-type]
        with pytest.raises(sqlite3.IntegrityError):
            store.settle(1, text(2, sender_name=None))
        with pytest.raises(sqlite3.IntegrityError):
            keep(store, text(1), text(2, sender_name=None))
        assert store.position("c") is None
        assert len(store.saved()) == 1
        assert seqs(store) == []
        store.set_positions([("c", Position(1, 1))], [text(1, "after")])
        assert texts(store) == ["after"]
        assert found(store, "after") == [1]
        assert store.messages._unindexed == 1


SHOWN = 150
"""More than go into the index at once."""


def live(folder: Path) -> None:
    """Shows messages, each with its position, and settles one of one's own behind each tenth."""
    store = opened(folder)
    for seq in range((store.position("c") or Position(0, 1)).seq + 1, SHOWN + 1):
        store.set_positions([("c", Position(seq, 1))], [text(seq, f"message {seq}")])
        if seq % 10 == 0:
            store.save(Saved(seq, "bob", f"own {seq}"))
            store.settle(seq, text(seq, f"own {seq}", "d"))


def check(store: SqliteStore) -> int:
    """No position without its messages, no message without its position, none twice; own ones in one place each."""
    position = (store.position("c") or Position(0, 1)).seq
    assert seqs(store) == list(range(position, 0, -1))
    assert found(store, "message", limit=1_000) == seqs(store)
    everywhere = {row for (row,) in store._db.execute("SELECT id FROM messages")}
    unindexed = {row for (row,) in store._db.execute("SELECT id FROM unindexed")}
    trigram = "mes OR own"
    indexed = [row for (row,) in store._db.execute("SELECT rowid FROM texts WHERE texts MATCH ?", (trigram,))]
    assert sorted([*indexed, *unindexed]) == sorted(everywhere)
    waiting, stored = [saved.n for saved in store.saved()], seqs(store, "d")
    assert sorted([*waiting, *stored]) == list(range(10, max([*waiting, *stored, 0]) + 1, 10))
    assert len(waiting) <= 1
    return position


@pytest.mark.invariant("I25", "I26")
def test_killed_between_any_two_steps(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    with opened(before) as store:
        for seq in range(1, STEP):
            store.set_positions([("c", Position(seq, 1))], [text(seq, f"message {seq}")])
        store.save(Saved(10, "bob", "own 10"))

    def one_more_of_each() -> None:
        store = opened(after)
        store.set_positions([("c", Position(STEP, 1))], [text(STEP, f"message {STEP}")])
        store.settle(10, text(10, "own 10", "d"))

    reached: list[tuple[int, int]] = []
    shutil.copytree(before, after)
    while killed_before(len(reached) + 1, one_more_of_each):
        with opened(after) as store:
            reached.append((check(store), len(seqs(store, "d"))))
        shutil.rmtree(after)
        shutil.copytree(before, after)
    with opened(after) as store:
        assert (check(store), len(seqs(store, "d"))) == (STEP, 1)
    assert set(reached) == {(STEP - 1, 0), (STEP, 0)}
    assert reached == sorted(reached)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.invariant("I25", "I26")
def test_killed_at_any_moment_and_again(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    opened(tmp_path).close()
    reached = 0
    while killed_before(rng.randrange(20, 300), lambda: live(tmp_path)):
        with opened(tmp_path) as store:
            assert check(store) >= reached
            reached = check(store)
            for saved in store.saved():
                store.settle(saved.n, text(saved.n, saved.text, "d"))
    with opened(tmp_path) as store:
        assert check(store) == SHOWN
        assert len(seqs(store, "d")) == SHOWN // 10
