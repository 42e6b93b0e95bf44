"""Opening what a device keeps (`store/contract`).

One file is one device; whoever opens the folder second gets another file, and so is another device: two programs must
never use the numbers of one. What the second one leaves to be sent can be sent under its own numbers only, so a device
that has something to send goes before one that has not: whoever opens the folder alone the next time sends it.
"""

import hashlib
import os
import sqlite3
import sys
from pathlib import Path
from typing import IO

from cim_client.store.contract import LocalStore
from cim_client.store.memory import MemoryStore
from cim_client.store.schema import PRIMARY_CODE, NewerSchema
from cim_client.store.sqlite import SqliteStore, has_unsent

POSIX_LOCKS = sys.platform != "win32"
if sys.platform != "win32":
    import fcntl

MAX_DEVICES = 20


def open_store(
    data_dir: str | os.PathLike[str] | None, route: str, name: str, keep_messages: bool = False
) -> LocalStore:
    """The store of an account of a cluster: of the devices of the folder that nobody else has open the first with
    something to send, else the first.

    Raises:
        OSError: the folder cannot be used, or all of its devices are in use.
        ValueError: the folder was written by a newer program.
    """
    if data_dir is None:
        return MemoryStore(keep_messages)
    folder = _folder_of(data_dir, route, name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in _devices(folder):
        lock = _try_lock(path.with_suffix(".lock"))
        if lock is not None:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            try:
                return SqliteStore(path, lock, keep_messages)
            except NewerSchema as error:
                raise ValueError(f"{path} cannot be used: {error}.") from error
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_BUSY:
                    raise OSError(f"{path} cannot be used: {error}.") from error
                if POSIX_LOCKS:  # no other client: what waits here is still to be sent
                    raise OSError(f"{path} is held by a program that reads it: try again when it has ended.") from error
            except sqlite3.DatabaseError as error:
                raise OSError(f"{path} cannot be used ({error}): move it away to begin as a new device.") from error
    raise OSError(f"All {MAX_DEVICES} devices in {folder} are in use.")


def any_unsent(data_dir: str | os.PathLike[str], route: str, name: str) -> bool:
    """Whether a device of the folder that nobody has open has something to send."""
    return any(map(has_unsent, _folder_of(data_dir, route, name).glob("device-*.db")))


def _folder_of(data_dir: str | os.PathLike[str], route: str, name: str) -> Path:
    account = hashlib.sha256(f"{route}\0{name}".encode()).hexdigest()[:16]
    return Path(data_dir).expanduser() / account


def _devices(folder: Path) -> list[Path]:
    """The files of its devices, whether they are there or not, in the order they are to be tried."""
    devices = [folder / f"device-{index}.db" for index in range(MAX_DEVICES)]
    there = [path for path in devices if path.exists()]
    first = [path for path in there if has_unsent(path)] if len(there) > 1 else []
    return [*first, *(path for path in devices if path not in first)]


def _try_lock(path: Path) -> IO[bytes] | None:
    """An exclusive lock that ends with the process, or None when somebody else has it."""
    file = os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "r+b")
    if not POSIX_LOCKS:
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
