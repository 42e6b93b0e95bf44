"""The data folder of a cluster on one machine: its lock, its secrets, and what engine wrote its data."""

import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import IO

SECRET_BYTES = 32


class FolderError(Exception):
    """The folder cannot be used; one sentence with what to do."""


class DataFolder:
    """An opened data folder; nobody else can open it until `close`.

    Raises:
        FolderError: it is in use, not writable, or full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for part in ("redis", "logs", "run"):
                (path / part).mkdir(mode=0o700, exist_ok=True)
            self._lock = _lock(path / "lock")
        except OSError as error:
            reason = error.strerror or str(error)
            raise FolderError(
                f"The data folder {path} cannot be used ({reason}): choose another with --data."
            ) from error
        for left_over in (path / "run").iterdir():
            left_over.unlink()

    def close(self) -> None:
        self._lock.close()

    def secret_file(self, name: str) -> Path:
        """A file of mode 0600 with a random secret, made at the first call."""
        file = self.path / name
        try:
            descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return file
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write(secrets.token_hex(SECRET_BYTES) + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        return file

    def check_engine(self, engine: str, version: int) -> None:
        """Note which engine writes the data, or compare with who did.

        Raises:
            FolderError: another engine wrote it, or a newer version.
        """
        file = self.path / "engine.json"
        if not file.exists():
            unfinished = file.with_suffix(".new")
            unfinished.write_text(json.dumps({"engine": engine, "version": version}))
            os.replace(unfinished, file)
            return
        try:
            found = json.loads(file.read_text())
            known = found["engine"] == engine and int(found["version"]) <= version
        except (ValueError, KeyError, TypeError):
            found, known = {"engine": "unknown", "version": "?"}, False
        if not known:
            raise FolderError(
                f"The data in {self.path} was written by {found['engine']} {found['version']}, which {engine} {version}"
                " cannot read: use the program that wrote it, or another folder with --data."
            )


def _lock(path: Path) -> IO[str]:
    lock = os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "r+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = lock.read().strip() or "unknown"
        lock.close()
        raise FolderError(
            f"A cluster with the data folder {path.parent} is running already (process {pid}): "
            "stop it, or choose another folder with --data."
        ) from None
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def read_secret(path: Path) -> bytes:
    """A secret as programs use it.

    Raises:
        FolderError: it is missing, readable by others, or too short.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FolderError(f"The secret file {path} cannot be read ({error}).") from error
    if mode & 0o077:
        raise FolderError(f"The secret file {path} can be read by others: chmod 600 {path}.")
    if len(text) < SECRET_BYTES:
        raise FolderError(f"The secret in {path} is shorter than {SECRET_BYTES} characters: make a longer one.")
    return text.encode()
