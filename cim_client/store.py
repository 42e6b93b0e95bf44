"""What a device keeps: its id, its numbers, its positions and what it still has to send.

In SQLite under a folder, or in memory for an ephemeral device. One file is one device; whoever opens the folder
second gets another file, and so is another device: two programs must never use the numbers of one.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Protocol

from cim_client.views import Position
from cim_common import ids

try:
    import fcntl
except ImportError:  # pragma: no cover - only where there is no POSIX locking
    fcntl = None  # type: ignore[assignment]

SCHEMA = 2
NUMBERS_RESERVED = 1_000
"""Numbers are reserved in blocks, so that a send need not write; the rest of a block is skipped at a restart."""

MAX_DEVICES = 20
BUSY_S = 1.0
"""How long somebody else may look into the file. Where there are no POSIX locks this is how a device in use is told."""


PRIMARY_CODE = 0xFF
"""Of an error of SQLite; the rest says more closely what it was (sqlite.org/rescode.html)."""


class Saved(NamedTuple):
    """A message that was posted and not yet settled. `id` is what `post` returned: it stays, whatever n becomes."""

    n: int
    to: str
    text: str
    id: str = ""
    reply_to: int = 0


class Kept(IntEnum):
    """Whether a message stands in the file. A write that failed may have got there all the same."""

    NO = 0
    PERHAPS = 1
    YES = 2


class LocalStore(Protocol):
    """What the SDK needs kept. All methods are quick and may be called on the event loop.

    `returning`: the device has been logged in before. `user`: who logged in last, 0 if nobody has. `last_n` is the
    highest number given so far, `reserved` the highest that no other program will be given: above it nothing may be
    sent (`used_up`), the device has to become another one. `path`: the file, if there is one.
    """

    device: str
    ephemeral: bool
    returning: bool
    user: int

    @property
    def path(self) -> Path | None: ...
    @property
    def last_n(self) -> int: ...
    @property
    def reserved(self) -> int: ...
    @property
    def used_up(self) -> bool: ...
    def next_n(self) -> int: ...
    def position(self, conversation: str) -> Position | None: ...
    def set_positions(self, positions: Iterable[tuple[str, Position]]) -> None: ...
    def save(self, message: Saved) -> Kept:
        """Keep a message until it is forgotten; whether it is there for the next program."""

    def forget(self, n: int) -> None: ...
    def saved(self) -> list[Saved]: ...
    def logged_in(self, user: int) -> None:
        """The cluster knows this device from here on, as one of that user."""

    def new_device(self, renumbered: Iterable[tuple[int, Saved]] = ()) -> bool:
        """Take another device id; what was saved under an old n is saved under its new one, both or neither.

        False if it was neither: the device is another one, but what was saved still is under its old n and id.
        """

    def close(self) -> None: ...


class MemoryStore:
    """An ephemeral device."""

    path = None
    ephemeral = True
    used_up = False

    def __init__(self) -> None:
        self.device = ids.new_device_id()
        self.returning = False
        self.user = 0
        self.last_n = 0
        self._positions: dict[str, Position] = {}

    @property
    def reserved(self) -> int:
        return self.last_n

    def next_n(self) -> int:
        self.last_n += 1
        return self.last_n

    def position(self, conversation: str) -> Position | None:
        return self._positions.get(conversation)

    def set_positions(self, positions: Iterable[tuple[str, Position]]) -> None:
        self._positions.update(positions)

    def save(self, message: Saved) -> Kept:
        """Nothing outlives the process."""
        return Kept.NO

    def forget(self, n: int) -> None:
        """Nothing was kept."""

    def saved(self) -> list[Saved]:
        return []

    def logged_in(self, user: int) -> None:
        self.returning, self.user = True, user

    def new_device(self, renumbered: Iterable[tuple[int, Saved]] = ()) -> bool:
        self.device = ids.new_device_id()
        self.returning = False
        return True

    def close(self) -> None:
        """Nothing is open."""


_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS positions (
  conversation TEXT PRIMARY KEY, seq INTEGER NOT NULL, incarnation INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS outbox (
  n INTEGER PRIMARY KEY, recipient TEXT NOT NULL, text TEXT NOT NULL, id TEXT NOT NULL DEFAULT '',
  reply_to INTEGER NOT NULL DEFAULT 0);
"""

_FROM_1 = """
BEGIN;
ALTER TABLE positions ADD COLUMN incarnation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN reply_to INTEGER NOT NULL DEFAULT 0;
UPDATE facts SET value = '2' WHERE name = 'schema';
COMMIT;
"""
"""Schema 1 knew no incarnations: its positions are of no particular one."""


_SET_POSITION = """
INSERT INTO positions VALUES (?, ?, ?)
ON CONFLICT(conversation) DO UPDATE SET seq = excluded.seq, incarnation = excluded.incarnation
"""
"""An update touches one page; INSERT OR REPLACE would take a row out of table and index and put both in again."""

_PRAGMAS = ("page_size=512", "locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL")
"""A position is written for every message shown, in a transaction of its own, so that cost is what counts: nobody else
opens the file, hence no locks are taken and given back each time, and a transaction writes one page, a small one."""


class SqliteStore:
    """A device with a file of its own, locked while it is open."""

    ephemeral = False
    used_up = False

    def __init__(self, path: Path, lock: IO[bytes]) -> None:
        self.path = path
        self._lock = lock
        self._db = sqlite3.connect(path, BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            for pragma in _PRAGMAS:
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(_TABLES)
            self._check_schema(path)
        except BaseException:
            self.close()
            raise
        self.device = self._fact("device") or ""
        if not self.device:
            self.new_device()
        self.returning = self._fact("returning") == self.device
        self.user = int(self._fact("user") or 0)
        self.last_n = self.reserved = int(self._fact("n") or 0)

    def _check_schema(self, path: Path) -> None:
        found = self._fact("schema")
        if found is None:
            self._set_fact("schema", str(SCHEMA))
        elif found == "1":
            self._db.executescript(_FROM_1)
        elif found != str(SCHEMA):
            raise ValueError(f"{path} has schema {found}; this program knows {SCHEMA}: use the newer program.")

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

    def set_positions(self, positions: Iterable[tuple[str, Position]]) -> None:
        rows = [(conversation, *position) for conversation, position in positions]
        if len(rows) == 1:
            self._db.execute(_SET_POSITION, rows[0])
        else:
            self._together(lambda: self._db.executemany(_SET_POSITION, rows))

    def _together(self, writes: Callable[[], object]) -> None:
        """All of it, or nothing."""
        self._db.execute("BEGIN")
        try:
            writes()
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

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
            self.user = user

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


def open_store(data_dir: str | os.PathLike[str] | None, route: str, name: str) -> LocalStore:
    """The store of an account of a cluster: the first device of the folder that nobody else has open.

    Raises:
        OSError: the folder cannot be used, or all of its devices are in use.
        ValueError: the folder was written by a newer program.
    """
    if data_dir is None:
        return MemoryStore()
    account = hashlib.sha256(f"{route}\0{name}".encode()).hexdigest()[:16]
    folder = Path(data_dir).expanduser() / account
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for index in range(MAX_DEVICES):
        lock = _try_lock(folder / f"device-{index}.lock")
        if lock is not None:
            path = folder / f"device-{index}.db"
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            try:
                return SqliteStore(path, lock)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_BUSY:
                    raise OSError(f"{path} cannot be used: {error}.") from error
                if fcntl is not None:  # no other client: what waits here is still to be sent
                    raise OSError(f"{path} is held by a program that reads it: try again when it has ended.") from error
            except sqlite3.DatabaseError as error:
                raise OSError(f"{path} cannot be used ({error}): move it away to begin as a new device.") from error
    raise OSError(f"All {MAX_DEVICES} devices in {folder} are in use.")


def _try_lock(path: Path) -> IO[bytes] | None:
    """An exclusive lock that ends with the process, or None when somebody else has it."""
    file = os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "r+b")
    if fcntl is None:
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
