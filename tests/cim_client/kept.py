"""Entries and stores for tests of what a device keeps."""

import os
import resource
import signal
import sqlite3
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cim_client.local import Local
from cim_client.store.contract import LocalStore
from cim_client.store.messages import KeptMessages
from cim_client.store.opening import open_store
from cim_client.store.own import OwnState
from cim_client.store.sqlite import SqliteStore
from cim_client.types import Message
from cim_client.views import Keep, Passed
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Entry

ROUTE = "http://127.0.0.1:8083"
ME, BOB, EVE = 1, 2, 3
BEGIN_MS = 1_800_000_000_000


def opened(folder: Path, name: str = "alice", keeps: bool = True) -> SqliteStore:
    store = open_store(folder, ROUTE, name, keeps)
    assert isinstance(store, SqliteStore)
    return store


def text(
    seq: int, words: str = "", conversation: str = "c", time_ms: int | None = None, known_to: int = 0, **more: Any
) -> Passed:
    at = BEGIN_MS + seq * 1_000 if time_ms is None else time_ms
    entry = Entry(seq, BOB, "bob", "d2", seq, at, words or f"text {seq}")
    return Passed(conversation, entry._replace(**more), known_to or seq)


def change(seq: int, kind: Kind, ref: int, words: str = "", conversation: str = "c", **more: Any) -> Passed:
    entry = Entry(seq, BOB, "bob", "d2", seq, BEGIN_MS + seq * 1_000, words, int(kind), ref=ref)
    return Passed(conversation, entry._replace(**more), seq)


def keep(store: LocalStore, *keeps: Keep) -> None:
    store.set_positions((), keeps)


def messages(store: LocalStore) -> KeptMessages:
    return store.ask(lambda tables: tables.messages)


def own(store: LocalStore) -> OwnState:
    return store.ask(lambda tables: tables.own)


def seqs(store: LocalStore, conversation: str = "c") -> list[int]:
    return [message.seq for message in messages(store).messages(conversation, 1_000)]


def texts(store: LocalStore, conversation: str = "c") -> list[str]:
    return [message.text for message in messages(store).messages(conversation, 1_000)]


def found(store: LocalStore, words: str, conversation: str | None = None, limit: int = 100) -> list[int]:
    return [hit.message.seq for hit in messages(store).search(words, conversation, limit, None)]


def exported(store: LocalStore, conversation: str | None) -> Iterator[Message]:
    return Local(store).export(conversation)


def numbered(first: int, last: int, conversation: str = "c") -> Iterable[Passed]:
    return [text(seq, conversation=conversation) for seq in range(first, last + 1)]


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """No file of this process may grow beyond that (RLIMIT_FSIZE): a write fails for real."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def no_room(folder: Path) -> AbstractContextManager[None]:
    """No file may grow beyond what the log of the database in a folder is now: the next write there fails."""
    (log,) = folder.rglob("*.db-wal")
    return file_limit(log.stat().st_size)


class _Counted(sqlite3.Connection):
    """Kills the process before its n-th statement."""

    left = 0

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        _count()
        return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        _count()
        return super().executemany(*arguments)


def _count() -> None:
    _Counted.left -= 1
    if not _Counted.left:
        os.kill(os.getpid(), signal.SIGKILL)


def killed_before(statement: int, work: Callable[[], object]) -> bool:
    """Whether work was killed in a process of its own, by SIGKILL before its n-th SQL statement; False if it ended."""
    child = os.fork()
    if not child:
        code = 1
        try:
            _Counted.left = statement
            with patch.object(sqlite3, "connect", partial(sqlite3.connect, factory=_Counted)):
                work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), f"the process ended with {status}"
    return status == signal.SIGKILL
