"""What a device with a file keeps there, in SQLite."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from cim_client.store.contract import Kept, Saved, T, Tables
from cim_client.store.messages import KeptMessages
from cim_client.store.own import OwnState
from cim_client.store.schema import make_index, prepare
from cim_client.store.transaction import together
from cim_client.views import Keep, Passed, Position
from cim_common import ids

NUMBERS_RESERVED = 1_000
"""Numbers are reserved in blocks, so that a send need not write; the rest of a block is skipped at a restart."""

BUSY_S = 1.0
"""How long somebody else may look into the file. Where there are no POSIX locks this is how a device in use is told."""

_SET_POSITION = """
INSERT INTO positions VALUES (?, ?, ?)
ON CONFLICT(conversation) DO UPDATE SET seq = excluded.seq, incarnation = excluded.incarnation
"""
"""An update touches one page; INSERT OR REPLACE would take a row out of table and index and put both in again."""

_PRAGMAS = ("page_size=512", "locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON")
"""A position is written for every message shown, in a transaction of its own, so that cost is what counts: nobody else
opens the file, hence no locks are taken and given back each time, and a transaction writes one page, a small one. What
is deleted is overwritten: a message that was taken back is not to be found there."""


def has_unsent(path: Path) -> bool:
    """Whether a device that nobody has open has something to send. One that is in use, or damaged, does not tell.

    Looking takes no lock of the device, so that nobody else takes it for one in use; who opens it meanwhile waits.
    """
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", 0.0, uri=True)) as db:
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
            return db.execute("SELECT 1 FROM outbox LIMIT 1").fetchone() is not None
    except sqlite3.DatabaseError:
        return False


class SqliteStore:
    """A device with a file of its own, locked while it is open."""

    ephemeral = False
    used_up = False
    failure = ""

    def __init__(self, path: Path, lock: IO[bytes], keeps: bool = False) -> None:
        self.path = path
        self.keeps = keeps
        self._lock = lock
        self._db = sqlite3.connect(path, BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            for pragma in _PRAGMAS:
                self._db.execute(f"PRAGMA {pragma}")
            prepare(self._db)
            self.messages = KeptMessages(self._db, make_index(self._db, keeps))
        except BaseException:
            self.close()
            raise
        self.own = OwnState(self._db)
        self.device = self._fact("device") or ""
        if not self.device:
            self.new_device()
        self.returning = self._fact("returning") == self.device
        self.user = self.messages.me = int(self._fact("user") or 0)
        self.last_n = self.reserved = int(self._fact("n") or 0)

    def _fact(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _set_fact(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def next_n(self) -> int:
        if self.last_n >= self.reserved:
            reserved = self.last_n + NUMBERS_RESERVED
            self._set_fact("n", str(reserved))
            self.reserved = reserved
        self.last_n += 1
        return self.last_n

    def position(self, conversation: str) -> Position | None:
        row = self._db.execute(
            "SELECT seq, incarnation FROM positions WHERE conversation = ?", (conversation,)
        ).fetchone()
        return None if row is None else Position(*row)

    def set_positions(self, positions: Iterable[tuple[str, Position]], passed: Sequence[Keep] = ()) -> None:
        rows = [(conversation, *position) for conversation, position in positions]
        if len(rows) == 1 and not passed:
            self._db.execute(_SET_POSITION, rows[0])
            return

        def write() -> None:
            self._db.executemany(_SET_POSITION, rows)
            self.messages.take(passed)

        self._together(write)
        self._tidy()

    def settle(self, n: int, message: Passed) -> None:
        def write() -> None:
            self.forget(n)
            self.messages.take((message,))

        self._together(write)
        self._tidy()

    def ask(self, act: Callable[[Tables], T]) -> T:
        return act(Tables(self.messages, self.own))

    def _tidy(self) -> None:
        if self.messages.untidy:
            self._together(self.messages.tidy)

    def _together(self, writes: Callable[[], object]) -> None:
        try:
            together(self._db, writes)
        except BaseException:
            self.messages.rolled_back()
            raise

    def save(self, message: Saved) -> Kept:
        self._db.execute("INSERT OR REPLACE INTO outbox VALUES (?, ?, ?, ?, ?)", message)
        return Kept.YES

    def forget(self, n: int) -> None:
        self._db.execute("DELETE FROM outbox WHERE n = ?", (n,))

    def saved(self) -> list[Saved]:
        return [
            Saved(*row) for row in self._db.execute("SELECT n, recipient, text, id, reply_to FROM outbox ORDER BY n")
        ]

    def logged_in(self, user: int) -> None:
        if not self.returning:
            self._set_fact("returning", self.device)
            self.returning = True
        if self.user != user:
            self._set_fact("user", str(user))
            self.user = self.messages.me = user

    def new_device(self, renumbered: Iterable[tuple[int, Saved]] = ()) -> bool:
        device = ids.new_device_id()

        def write() -> None:
            self._set_fact("device", device)
            for old, message in renumbered:
                self.forget(old)
                self.save(message)

        self._together(write)
        self.device, self.returning = device, False
        return True

    def close(self) -> None:
        try:
            self._db.close()
        finally:
            self._lock.close()

    def __enter__(self) -> "SqliteStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
