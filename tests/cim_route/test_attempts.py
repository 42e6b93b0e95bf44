"""Limits of logging in, over a real Redis."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import redis

from cim_common.store.flow import StoreUnavailable
from cim_common.wire.codes import Code
from cim_route.attempts import Attempts
from cim_route.problems import Problem
from tests.real_servers import RealRedis


@pytest.fixture
def make(redis_url: str) -> Iterator[Callable[..., Attempts]]:
    made: list[Attempts] = []

    def make(url: str = redis_url, **limits: int) -> Attempts:
        made.append(Attempts(url, **limits))
        return made[-1]

    yield make
    for attempts in made:
        attempts.close()


def test_thirty_wrong_passwords_a_minute(make: Callable[..., Attempts]) -> None:
    attempts = make()
    for _ in range(30):
        attempts.check("alice")
        attempts.wrong("alice")
    with pytest.raises(Problem) as caught:
        attempts.check("alice")
    assert caught.value.code == Code.TOO_MANY_ATTEMPTS
    assert caught.value.after_s is not None
    assert 1 <= caught.value.after_s <= 60
    attempts.check("alicia")


def test_all_routes_count_together(make: Callable[..., Attempts]) -> None:
    one, other = make(wrong_per_minute=2), make(wrong_per_minute=2)
    one.wrong("alice")
    other.wrong("alice")
    for attempts in (one, other):
        with pytest.raises(Problem):
            attempts.check("alice")


def test_logins_a_second(make: Callable[..., Attempts]) -> None:
    attempts = make(right_per_second=3)
    for _ in range(3):
        attempts.right("alice")
    with pytest.raises(Problem) as caught:
        for _ in range(4):
            attempts.right("alice")
    assert caught.value.after_s == 1.0


def test_logins_with_a_token_a_second(make: Callable[..., Attempts], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("cim_route.attempts.time", SimpleNamespace(monotonic=lambda: now))
    attempts = make(right_per_second=4)
    for _ in range(2):
        for _ in range(4):
            attempts.with_token(7)
        with pytest.raises(Problem) as caught:
            attempts.with_token(7)
        assert (caught.value.code, caught.value.after_s) == (Code.TOO_MANY_ATTEMPTS, 1.0)
        attempts.with_token(8)
        now += 1.0
    now -= 0.75
    attempts.with_token(7)
    with pytest.raises(Problem):
        attempts.with_token(7)


def test_accounts_counted_are_bounded(make: Callable[..., Attempts], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cim_route.attempts.MAX_COUNTED", 10)
    attempts = make(right_per_second=1)
    for user in range(11):
        attempts.with_token(user)
    with pytest.raises(Problem):
        attempts.with_token(10)
    attempts.with_token(0)


def test_checking_counts_nothing(make: Callable[..., Attempts]) -> None:
    attempts = make(wrong_per_minute=1)
    for _ in range(5):
        attempts.check("alice")


def test_what_is_kept_goes_away_and_names_stay_out_of_the_keys(make: Callable[..., Attempts], redis_url: str) -> None:
    attempts = make()
    attempts.wrong("{c1}*:\u00e9")
    attempts.right("{c1}*:\u00e9")
    with redis.Redis.from_url(redis_url) as raw:
        found = list(raw.keys("*"))
        assert len(found) == 2
        for key in found:
            assert key.startswith(b"cim:limit:")
            assert b"{" not in key
            assert 0 < raw.ttl(key) <= 120


def test_without_the_store_there_are_no_attempts(
    make: Callable[..., Attempts], new_redis: Callable[[], RealRedis]
) -> None:
    store = new_redis()
    attempts = make(store.url)
    attempts.check("alice")
    store.kill()
    for ask in (attempts.check, attempts.wrong, attempts.right):
        with pytest.raises(StoreUnavailable):
            ask("alice")
    store.start()
    attempts.check("alice")
