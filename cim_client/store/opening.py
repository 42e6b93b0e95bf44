"""Opening what a device keeps (`store/contract`).

One file is one device; whoever opens the folder second gets another file, and so is another device: two programs must
never use the numbers of one.
"""

import hashlib
import os
import sqlite3
from pathlib import Path
from typing import IO

from cim_client.store.contract import LocalStore
from cim_client.store.memory import MemoryStore
from cim_client.store.schema import PRIMARY_CODE, NewerSchema
from cim_client.store.sqlite import SqliteStore

try:
    import fcntl
except ImportError:  # pragma: no cover - only where there is no POSIX locking
    fcntl = None  # type: ignore[assignment]

MAX_DEVICES = 20


def open_store(
    data_dir: str | os.PathLike[str] | None, route: str, name: str, keep_messages: bool = False
) -> LocalStore:
    """The store of an account of a cluster: the first device of the folder that nobody else has open.

    Raises:
        OSError: the folder cannot be used, or all of its devices are in use.
        ValueError: the folder was written by a newer program.
    """
    if data_dir is None:
        return MemoryStore(keep_messages)
    account = hashlib.sha256(f"{route}\0{name}".encode()).hexdigest()[:16]
    folder = Path(data_dir).expanduser() / account
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for index in range(MAX_DEVICES):
        lock = _try_lock(folder / f"device-{index}.lock")
        if lock is not None:
            path = folder / f"device-{index}.db"
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            try:
                return SqliteStore(path, lock, keep_messages)
            except NewerSchema as error:
                raise ValueError(f"{path} cannot be used: {error}.") from error
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
