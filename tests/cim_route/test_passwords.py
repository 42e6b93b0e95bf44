"""Hashing, its bounds, and what it does not give away."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest
from argon2 import PasswordHasher

from cim_common.wire.codes import Code
from cim_route.passwords import Passwords
from cim_route.problems import Problem
from tests.cim_route.conftest import CHEAP
from tests.real_servers import eventually


def nothing() -> None:
    """No last check."""


def test_a_password_is_its_own_and_no_other() -> None:
    passwords = Passwords(CHEAP)
    stored = passwords.hash("correct horse")
    assert stored.startswith("$argon2id$")
    assert passwords.verify(stored, "correct horse", nothing)
    assert not passwords.verify(stored, "correct Horse", nothing)
    assert passwords.hash("correct horse") != stored


def test_composed_and_decomposed_letters_are_the_same() -> None:
    passwords = Passwords(CHEAP)
    assert passwords.verify(passwords.hash("caf\u00e9caf\u00e9"), "cafe\u0301cafe\u0301", nothing)


@pytest.mark.parametrize("password", ["", "seven77", "x" * 129, "e\u0301" * 7])
def test_bad_passwords(password: str) -> None:
    with pytest.raises(Problem) as caught:
        Passwords(CHEAP).hash(password)
    assert caught.value.code == Code.BAD_PASSWORD


@pytest.mark.parametrize("stored", ["", "hash", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA"])
def test_a_damaged_hash_fits_nothing(stored: str) -> None:
    assert not Passwords(CHEAP).verify(stored, "correct horse", nothing)


def test_nobodys_password_is_computed_like_any_other() -> None:
    computed: list[str] = []

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            computed.append(str(hash))
            return super().verify(hash, password)

    passwords = Passwords(Watched(time_cost=1, memory_cost=8, parallelism=1))
    assert not passwords.verify(None, "correct horse", nothing)
    passwords.verify(passwords.hash("correct horse"), "x", nothing)
    nobodys, own = computed
    assert nobodys.split("$")[:4] == own.split("$")[:4]
    assert [len(part) for part in nobodys.split("$")] == [len(part) for part in own.split("$")]


def test_a_hash_with_other_parameters_is_outdated() -> None:
    stored = Passwords(CHEAP).hash("correct horse")
    assert not Passwords(CHEAP).outdated(stored)
    assert Passwords().outdated(stored)


class Slow:
    """Verifications that last until they are let go."""

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords
        self._stored = passwords.hash("correct horse")
        self.go = threading.Event()
        self.running = 0
        self.done = 0
        self._lock = threading.Lock()

    def _wait(self) -> None:
        with self._lock:
            self.running += 1
        assert self.go.wait(10)

    def _verify(self) -> None:
        assert self._passwords.verify(self._stored, "correct horse", self._wait)
        with self._lock:
            self.done += 1

    @contextmanager
    def threads(self, count: int) -> Iterator[None]:
        threads = [threading.Thread(target=self._verify) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.go.set()
            for thread in threads:
                thread.join()


def test_two_run_some_wait_and_the_rest_are_told_to_come_back() -> None:
    passwords = Passwords(CHEAP, max_running=2, max_waiting=3)
    slow = Slow(passwords)
    with slow.threads(5):
        eventually(lambda: slow.running == 2)
        eventually(lambda: not _admits(passwords))
        with pytest.raises(Problem) as caught:
            passwords.hash("another password")
        assert (caught.value.code, caught.value.status) == (Code.OVERLOADED, 503)
        assert slow.running == 2
    assert slow.done == 5
    assert passwords.hash("another password")


def _admits(passwords: Passwords) -> bool:
    admitted = passwords._admitted.acquire(blocking=False)
    if admitted:
        passwords._admitted.release()
    return admitted


def test_the_last_check_ends_it_and_gives_the_turn_back() -> None:
    passwords = Passwords(CHEAP, max_running=1, max_waiting=0)

    def refuse() -> None:
        raise Problem(Code.TOO_MANY_ATTEMPTS)

    for _ in range(3):
        with pytest.raises(Problem):
            passwords.verify(None, "correct horse", refuse)
    assert passwords.hash("correct horse")
