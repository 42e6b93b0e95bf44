"""A device whose data folder may fail: from the first failure on everything is kept in memory.

A disk is full, a file is damaged, a folder is not ours: the program goes on, and is told once. What must hold then is
the same as ever (F1 to F6 in docs/architecture.md): no number is given twice, nothing is sent twice, nothing is lost
without being named. The file stays as the last write that succeeded has left it, for it is not touched again; so the
device goes on under its id and with the numbers that stand in the file as reserved, and nobody else does, for its lock
is kept. When those are used up (`used_up`), it has to become another device, an ephemeral one (`new_device`).
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cim_client.store.contract import Kept, LocalStore, Saved, T, Tables
from cim_client.store.memory import MemoryStore
from cim_client.store.opening import open_store
from cim_client.store.schema import PRIMARY_CODE
from cim_client.views import Keep, Passed, Position
from cim_common import ids

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_KEPT_NOT = "What comes from here on is not kept on this machine."


class FallibleStore:
    """A `LocalStore` on a file until that fails, then in memory. `failure` says why, "" as long as all is well.

    `listen` names who is told; a failure from before is told there and then.
    """

    def __init__(self, disk: LocalStore, failure: str = "") -> None:
        self._disk = disk
        self._damaged = False
        self._told: Callable[[str], None] | None = None
        self._positions: dict[str, Position] = {}
        self._memory = MemoryStore(disk.keeps)
        self.failure = failure
        self.keeps = disk.keeps
        self.device, self.ephemeral = disk.device, disk.ephemeral
        self.returning, self.user = disk.returning, disk.user
        self.last_n = disk.last_n

    def listen(self, told: Callable[[str], None]) -> None:
        self._told = told
        if self.failure:
            told(self.failure)

    @property
    def path(self) -> Path | None:
        return self._disk.path

    @property
    def used_up(self) -> bool:
        """Whether a number was given that is not reserved in the file: the next program would give it again."""
        return self.last_n > self.reserved

    @property
    def reserved(self) -> int:
        return self.last_n if self.ephemeral else self._disk.reserved

    # -- the file, until it fails ------------------------------------------------------------------------

    def _try(self, act: Callable[[], T], otherwise: T) -> T:
        """What the file answers; `otherwise` once it has failed."""
        if self.failure:
            return otherwise
        try:
            return act()
        except (sqlite3.DatabaseError, OSError) as error:
            if not _is_failure(error):
                raise
            self._fail(error)
            return otherwise

    def _did(self, act: Callable[[], None]) -> bool:
        """Whether the file has done it."""

        def done() -> bool:
            act()
            return True

        return self._try(done, False)

    def _fail(self, error: Exception) -> None:
        code = _primary(error)
        self._damaged = code in _DAMAGED
        if self._damaged:
            reason = f"{self.path} is damaged ({error}): move it away to begin as a new device."
        elif code == sqlite3.SQLITE_FULL:
            reason = f"The disk is full: {self.path} cannot be written."
        else:
            reason = f"{self.path} cannot be used ({error})."
        self.failure = f"{reason} {_KEPT_NOT}"
        if self._told is not None:
            self._told(self.failure)

    # -- what the SDK keeps ------------------------------------------------------------------------------

    def next_n(self) -> int:
        self.last_n = self._try(self._disk.next_n, 0) or self.last_n + 1
        return self.last_n

    def position(self, conversation: str) -> Position | None:
        """What was written in this run; else what stands in the file, as long as that is to be believed."""
        if conversation in self._positions:
            return self._positions[conversation]
        if not self.failure:
            return self._try(lambda: self._disk.position(conversation), None)
        if not self._damaged:
            with contextlib.suppress(sqlite3.DatabaseError, OSError):
                return self._disk.position(conversation)
        return None

    def set_positions(self, positions: Iterable[tuple[str, Position]], passed: Sequence[Keep] = ()) -> None:
        moved = list(positions)
        self._positions.update(moved)
        if not self._did(lambda: self._disk.set_positions(moved, passed)):
            self._memory.set_positions((), passed)

    def settle(self, n: int, message: Passed) -> None:
        if not self._did(lambda: self._disk.settle(n, message)):
            self._memory.settle(n, message)

    def ask(self, act: Callable[[Tables], T]) -> T:
        """What the file answers; once it has failed, what has been kept since then."""
        found: list[T] = []
        if self._did(lambda: found.append(self._disk.ask(act))):
            return found[0]
        return self._memory.ask(act)

    def save(self, message: Saved) -> Kept:
        return self._try(lambda: self._disk.save(message), Kept.NO if self.failure else Kept.PERHAPS)

    def forget(self, n: int) -> None:
        """One that cannot be removed is sent again by the next program, under its number: so it is stored once (I4)."""
        self._try(lambda: self._disk.forget(n), None)

    def saved(self) -> list[Saved]:
        return self._try(self._disk.saved, [])

    def logged_in(self, user: int) -> None:
        self.returning, self.user = True, user
        self._memory.logged_in(user)
        self._try(lambda: self._disk.logged_in(user), None)

    def new_device(self, renumbered: Iterable[tuple[int, Saved]] = ()) -> bool:
        moving = list(renumbered)
        if self._try(lambda: self._disk.new_device(moving), False):
            self.device, self.returning = self._disk.device, False
            return True
        self.device, self.ephemeral, self.returning = ids.new_device_id(), True, False
        return not moving

    def close(self) -> None:
        with contextlib.suppress(sqlite3.DatabaseError, OSError):
            self._disk.close()
        self._memory.close()


def open_or_memory(
    data_dir: str | os.PathLike[str] | None, route: str, name: str, keep_messages: bool = False
) -> FallibleStore:
    """The store of an account of a cluster, or an ephemeral device where there can be none."""
    try:
        return FallibleStore(open_store(data_dir, route, name, keep_messages))
    except (OSError, ValueError) as error:
        return FallibleStore(MemoryStore(keep_messages), f"{error} {_KEPT_NOT}")


def _is_failure(error: Exception) -> bool:
    """Whether it was the disk; anything else is a bug of ours."""
    return isinstance(error, OSError) or type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError)


def _primary(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & PRIMARY_CODE
