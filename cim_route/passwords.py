"""Passwords: argon2id, a bounded number at a time.

Each hash costs some 20 ms of a core and 19 MiB, so at most two are computed at once and few requests wait for
them: a flood of logins is told to come back instead of taking the machine.
"""

import base64
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cim_common.wire.codes import Code
from cim_route.problems import Problem

MIN_LENGTH = 8
MAX_LENGTH = 128
"""Code points."""

MAX_RUNNING = 2
MAX_WAITING = 32
MAX_WAIT_S = 5.0
RETRY_S = 1.0


def _recommended() -> PasswordHasher:
    """OWASP's parameters for argon2id with the least memory they name."""
    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class Passwords:
    """Hashes and checks passwords. Waiting for a turn ends in Problem(OVERLOADED), at once when too many wait."""

    def __init__(
        self, hasher: PasswordHasher | None = None, max_running: int = MAX_RUNNING, max_waiting: int = MAX_WAITING
    ) -> None:
        self._hasher = hasher or _recommended()
        self._running = threading.BoundedSemaphore(max_running)
        self._admitted = threading.BoundedSemaphore(max_running + max_waiting)
        self._lock = threading.Lock()
        self.admitted = 0
        """Those being hashed, and those that wait for it."""

        self._nobodys = _hash_of_nothing(self._hasher)

    def hash(self, password: str) -> str:
        """The hash of a new password.

        Raises:
            Problem: BAD_PASSWORD, OVERLOADED.
        """
        normal = _normal(password)
        if not MIN_LENGTH <= len(normal) <= MAX_LENGTH:
            raise Problem(Code.BAD_PASSWORD)
        with self._turn():
            return self._hasher.hash(normal)

    def verify(self, password_hash: str | None, password: str, last_check: Callable[[], None]) -> bool:
        """Whether the password is right. Without a hash it never is, after the same time.

        `last_check` is called when it is this request's turn and may raise: what others found out meanwhile
        counts, so that a limit on wrong passwords is overrun by `max_running` at most.

        Raises:
            Problem: OVERLOADED, or what `last_check` raises.
        """
        with self._turn():
            last_check()
            try:
                self._hasher.verify(password_hash or self._nobodys, _normal(password))
            except (VerificationError, InvalidHashError):
                return False
            return password_hash is not None

    def hash_again(self, password: str) -> str:
        """A fresh hash of a password that has just been verified. Raises Problem(OVERLOADED)."""
        with self._turn():
            return self._hasher.hash(_normal(password))

    def outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._admitted.acquire(blocking=False):
            raise Problem(Code.OVERLOADED, after_s=RETRY_S)
        self._count(1)
        try:
            if not self._running.acquire(timeout=MAX_WAIT_S):
                raise Problem(Code.OVERLOADED, after_s=RETRY_S)
            try:
                yield
            finally:
                self._running.release()
        finally:
            self._count(-1)
            self._admitted.release()

    def _count(self, change: int) -> None:
        with self._lock:
            self.admitted += change


def _normal(password: str) -> str:
    """The same password typed on another keyboard may come decomposed."""
    return unicodedata.normalize("NFC", password)


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """A well-formed hash that no password has, as dear to check as any other."""
    salt, digest = (
        base64.b64encode(bytes(length)).decode().rstrip("=") for length in (hasher.salt_len, hasher.hash_len)
    )
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"
