"""A device whose data folder fails: nothing is given, sent or lost in silence, at whichever moment it is (F1 to F6)."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cim_client.events import Events
from cim_client.inbox import Inbox
from cim_client.names import Names
from cim_client.outbox import Settled
from cim_client.parts import Parts, Tasks
from cim_client.requests import Requests
from cim_client.sending import Sending
from cim_client.store import sqlite as on_disk
from cim_client.store.contract import Kept, Saved
from cim_client.store.failing import FallibleStore, open_or_memory
from cim_client.store.opening import open_store
from cim_client.store.sqlite import SqliteStore
from cim_client.views import Position
from cim_common import ids
from cim_common.wire.codes import Code
from cim_common.wire.messages import Ack, Nack, Send
from tests.cim_client.kept import found, no_room, own, seqs, text
from tests.cim_client.kept import opened as kept_file

ROUTE = "http://127.0.0.1:8083"
GROUP = "g-00000000000000000000000001"


@contextmanager
def opened(folder: Path) -> Iterator[tuple[FallibleStore, list[str]]]:
    store = open_or_memory(folder, ROUTE, "alice")
    told: list[str] = []
    store.listen(told.append)
    try:
        yield store, told
    finally:
        store.close()


def test_as_long_as_all_is_well_it_is_the_file(tmp_path: Path) -> None:
    with opened(tmp_path) as (store, told):
        device = store.device
        assert store.save(Saved(store.next_n(), "bob", "hello")) is Kept.YES
        store.set_positions([("c", Position(5, 1))])
        store.logged_in(77)
        assert (store.ephemeral, store.failure, told) == (False, "", [])
    with opened(tmp_path) as (store, _):
        assert (store.device, store.returning, store.user) == (device, True, 77)
        assert store.position("c") == Position(5, 1)
        assert [saved.text for saved in store.saved()] == ["hello"]
        assert store.new_device([(1, Saved(store.next_n(), "bob", "hello"))])
        assert store.device != device
        assert not store.ephemeral


def test_a_write_that_fails_is_told_once_and_all_goes_on_in_memory(tmp_path: Path) -> None:
    with opened(tmp_path) as (store, told):
        device = store.device
        store.set_positions([("c", Position(5, 1)), ("d", Position(9, 1))])
        n = store.next_n()
        with no_room(tmp_path):
            assert store.save(Saved(n, "bob", "x" * 2_000)) is Kept.PERHAPS
            store.set_positions([("c", Position(6, 1))])
            store.forget(1)
            store.logged_in(77)
        assert len(told) == 1
        assert "device-0.db cannot be used (disk I/O error). What comes from here on is not kept" in told[0]
        assert store.failure == told[0]
        assert (store.device, store.ephemeral, store.returning, store.user) == (device, False, True, 77)
        assert (store.position("c"), store.position("d"), store.position("e")) == (Position(6, 1), Position(9, 1), None)
        # There is room again, but nothing is written any more: half of what happened would be worse than none.
        assert store.save(Saved(store.next_n(), "bob", "later")) is Kept.NO
    with opened(tmp_path) as (store, _):
        assert (store.device, store.position("c"), store.saved()) == (device, Position(5, 1), [])


def test_positions_of_earlier_runs_count_after_a_failure_too(tmp_path: Path) -> None:
    with opened(tmp_path) as (store, _):
        store.set_positions([("c", Position(5, 1)), ("d", Position(9, 1))])
    with opened(tmp_path) as (store, _):
        with no_room(tmp_path):
            store.set_positions([("c", Position(6, 1))])
            store.save(Saved(store.next_n(), "bob", "x" * 2_000))
        assert store.failure
        assert (store.position("c"), store.position("d"), store.position("e")) == (Position(6, 1), Position(9, 1), None)


def test_what_is_kept_from_the_failure_on_is_kept_in_memory(tmp_path: Path) -> None:
    store = open_or_memory(tmp_path, ROUTE, "alice", keep_messages=True)
    store.listen(lambda sentence: None)
    store.set_positions([("c", Position(1, 1))], [text(1)])
    store.save(Saved(store.next_n(), "bob", "mine"))
    with no_room(tmp_path):
        store.set_positions([("c", Position(2, 1))], [text(2, "x" * 2_000)])
        assert store.failure
        store.set_positions([("c", Position(3, 1))], [text(3)])
        store.settle(1, text(4, "mine"))
        own(store).set_draft("c", "half")
    assert seqs(store) == [4, 3, 2]
    assert found(store, "mine") == [4]
    assert own(store).draft("c") == "half"
    store.close()
    with kept_file(tmp_path) as file:
        assert (file.position("c"), seqs(file), own(file).draft("c")) == (Position(1, 1), [1], "")
        assert [saved.text for saved in file.saved()] == ["mine"]


def test_a_full_disk_is_called_that(tmp_path: Path) -> None:
    with opened(tmp_path) as (store, told):
        _disk(store)._db.execute("PRAGMA max_page_count = 30")
        while store.save(Saved(store.next_n(), "bob", "x" * 500)) is Kept.YES:
            pass
        assert told[0].startswith("The disk is full: ")


def test_a_damaged_file_is_called_that_and_no_longer_believed(tmp_path: Path) -> None:
    with opened(tmp_path) as (store, _):
        store.set_positions([(f"c{number}", Position(number, 1)) for number in range(2_000)])
    (path,) = tmp_path.rglob("*.db")
    content = bytearray(path.read_bytes())
    sound = len(content) * 9 // 5120 * 512
    content[sound:] = b"\x55" * (len(content) - sound)
    path.write_bytes(content)
    with opened(tmp_path) as (store, told):
        before = [store.position(f"c{number}") for number in range(2_000)]
        assert told
        assert "is damaged" in told[0]
        assert 0 < before.count(None) < len(before)
        store.set_positions([("c7", Position(8, 1))])
        after = [store.position(f"c{number}") for number in range(2_000)]
        assert (after.pop(7), set(after)) == (Position(8, 1), {None})


@pytest.mark.parametrize("broken", [b"this was a database once" * 100, bytes(1_000)])
def test_a_file_that_cannot_be_opened_makes_an_ephemeral_device(tmp_path: Path, broken: bytes) -> None:
    with opened(tmp_path) as (store, _):
        device = store.device
    (path,) = tmp_path.rglob("*.db")
    path.write_bytes(broken)
    with opened(tmp_path) as (store, told):
        assert store.ephemeral
        assert store.device != device
        assert "cannot be used" in told[0]
        assert store.save(Saved(store.next_n(), "bob", "x")) is Kept.NO
        assert not store.used_up
    assert path.read_bytes() == broken


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file")
    with opened(tmp_path / "folder") as (store, told):
        assert store.ephemeral
        assert "What comes from here on is not kept on this machine." in told[0]


def test_a_file_of_a_newer_program(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    (path,) = tmp_path.rglob("*.db")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE facts SET value = '99' WHERE name = 'schema'")
    db.close()
    with opened(tmp_path) as (store, told):
        assert store.ephemeral
        assert "has schema 99" in told[0]


def test_what_is_a_bug_is_raised(tmp_path: Path) -> None:
    with opened(tmp_path) as (store, told):
        with pytest.raises(sqlite3.ProgrammingError):
            store.save(Saved(1, "bob", ["no text"]))  # type: ignore[arg-type]
        assert told == []


def test_numbers_reserved_in_the_file_are_used_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_disk, "NUMBERS_RESERVED", 5)
    with opened(tmp_path) as (store, told):
        numbers = [store.next_n()]
        with no_room(tmp_path):
            store.save(Saved(numbers[0], "bob", "x" * 2_000))
            assert told
            for _ in range(4):
                numbers.append(store.next_n())
                assert not store.used_up
            store.next_n()
            assert store.used_up
        device = store.device
        assert store.new_device()
        assert store.device != device
        assert store.ephemeral
        assert not store.used_up
    with opened(tmp_path) as (store, _):
        assert store.device == device
        assert store.next_n() > max(numbers)


def test_a_reservation_that_fails_reserves_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path, ROUTE, "alice")
    assert isinstance(store, SqliteStore)
    with no_room(tmp_path):
        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError):
                store.next_n()
    store.close()


def test_what_stands_in_the_file_does_not_move_to_a_device_it_cannot_be_written_under(tmp_path: Path) -> None:
    with opened(tmp_path) as (store, _):
        store.save(Saved(store.next_n(), "bob", "hello"))
        with no_room(tmp_path):
            assert not store.new_device([(1, Saved(store.next_n(), "bob", "hello"))])
        assert store.ephemeral
    with opened(tmp_path) as (store, _):
        assert [(saved.n, saved.text) for saved in store.saved()] == [(1, "hello")]


# -- any moment ---------------------------------------------------------------------------------------------


class Log:
    """What an IM server does with the messages of a device."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._known: dict[tuple[str, int], tuple[str, int]] = {}
        self._last: dict[tuple[str, str], int] = {}

    def take(self, device: str, send: Send) -> Ack | Nack:
        known = self._known.get((device, send.n))
        if known is not None:
            return Ack(send.n, known[1]) if known[0] == send.text else Nack(send.n, Code.ID_REUSED, "")
        if send.n <= self._last.get((device, send.conversation), 0):
            return Nack(send.n, Code.SUPERSEDED, "")
        self.texts.append(send.text)
        self._last[device, send.conversation] = send.n
        self._known[device, send.n] = send.text, len(self.texts)
        return Ack(send.n, len(self.texts))


class Disk:
    """A store on disk that fails from some call on. The first that fails may have got through (`acts`)."""

    def __init__(self, disk: Any, calls: int, acts: bool) -> None:
        self._disk = disk
        self._calls = calls
        self._acts = acts

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._disk, name)
        if not callable(found) or name == "close":
            return found

        def call(*arguments: Any) -> Any:
            self._calls -= 1
            if self._calls < 0:
                if self._calls == -1 and self._acts:
                    found(*arguments)
                raise sqlite3.OperationalError("disk I/O error")
            return found(*arguments)

        return call


class Run:
    """One program's life with a device: it posts, is connected now and then, and loses answers."""

    def __init__(self, folder: Path, log: Log, calls: int = 1_000_000, acts: bool = False) -> None:
        self.store = FallibleStore(Disk(open_store(folder, ROUTE, "alice"), calls, acts))
        self.events = Events()
        self._log = log
        requests = Requests(lambda: None)
        inbox = Inbox(self.store.device, lambda: self.store.last_n)
        parts = Parts(self.store, requests, Names(requests), self.events, Tasks(), lambda: None)
        self._texts: dict[str, str] = {}
        self.sending = Sending(parts, inbox, lambda reason: self._disconnect(), lambda: 0)
        self.sending.load()

    def post(self, to: str, text: str) -> None:
        self._texts[self.sending.post(to, Send("", 0, 0, text))] = text

    def exchange(self, lose: Callable[[], bool]) -> None:
        """Send what is due, and hear of it, or lose the connection instead."""
        device = self.store.device
        for send in self.sending.frames(0.0):
            assert isinstance(send, Send)
            answer = self._log.take(device, send)
            if lose():
                self._disconnect()
                return
            if isinstance(answer, Ack):
                self.sending.acknowledged(answer)
            else:
                self.sending.refused(answer)

    def _disconnect(self) -> None:
        self.sending.disconnected()

    def end(self) -> list[str]:
        """What is named as not sent, or not known to be."""
        unkept = {waiting.client_msg_id for waiting in self.sending.waiting() if not waiting.kept}
        self.sending.end(Settled(Code.NORMAL, 0, "", left=True))
        self.store.close()
        failed = {told.client_msg_id for told in self.events._queue if told.kind == "failed" and told.state != "kept"}
        assert unkept <= failed
        return [self._texts[message] for message in failed]


@pytest.mark.parametrize("acts", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_at_whichever_call_the_disk_fails_each_message_is_stored_once_or_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, acts: bool
) -> None:
    monkeypatch.setattr(on_disk, "NUMBERS_RESERVED", 3)
    for fails_at in range(30):
        chance = random.Random(1_000 * seed + fails_at)
        folder, log = tmp_path / str(fails_at), Log()
        posted: list[str] = []
        named: list[str] = []
        for run in range(2):
            here = Run(folder, log, fails_at if run == 0 else 1_000_000, acts)
            for step in range(chance.randrange(5, 25)):
                if chance.random() < 0.6:
                    posted.append(f"{run}:{step}")
                    here.post(chance.choice((ids.LOBBY, GROUP)), posted[-1])
                else:
                    here.exchange(lambda chance=chance: chance.random() < 0.2)  # type: ignore[misc]
            named += here.end()
        last = Run(folder, log)
        for _ in range(100):
            last.exchange(lambda: False)
        assert last.sending.waiting() == []
        last.end()
        assert len(log.texts) == len(set(log.texts)), f"sent twice, seed {seed}, failed at {fails_at}"
        # What was named may be stored all the same: nobody had said so. What was not named has to be.
        missing = set(posted) - set(log.texts)
        assert missing <= set(named), f"lost in silence, seed {seed}, failed at {fails_at}"


def _disk(store: FallibleStore) -> SqliteStore:
    assert isinstance(store._disk, SqliteStore)
    return store._disk
