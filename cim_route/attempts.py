"""Limits of logging in, per account: those with a password stand in Redis, over all routes; those with a token, which
cost route nothing but a look at the account, are counted by each route for itself."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

import redis
from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from cim_common.store import keys
from cim_common.wire.codes import Code
from cim_route.problems import Problem
from cim_route.store import blocking_pool, translate

WRONG_PER_MINUTE = 30
RIGHT_PER_SECOND = 20
MAX_CONNECTIONS = 8
MAX_COUNTED = 20_000
"""Accounts whose logins with a token are remembered; the one unseen longest is forgotten, with what it had used up."""


class _Rate:
    """So many a second for each user, and as many at once. Of a user the time is kept at which all are free again."""

    def __init__(self, per_s: int) -> None:
        self._cost_s = 1 / per_s
        self._free_at: OrderedDict[int, float] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, user: int) -> float:
        """Take one; or the time until there is one, with nothing taken."""
        now = time.monotonic()
        with self._lock:
            free_at = max(self._free_at.get(user, 0.0), now)
            wait_s = free_at + self._cost_s - now - 1.0
            if wait_s > 1e-6:
                return wait_s
            self._free_at[user] = free_at + self._cost_s
            self._free_at.move_to_end(user)
            if len(self._free_at) > MAX_COUNTED:
                self._free_at.popitem(last=False)
        return 0.0


class Attempts:
    """Counts attempts per canonical name, whether or not there is such an account.

    Every method raises Problem(TOO_MANY_ATTEMPTS) beyond a limit, and StoreUnavailable or StoreError: without
    the counts nobody may try passwords.
    """

    def __init__(
        self, redis_url: str, wrong_per_minute: int = WRONG_PER_MINUTE, right_per_second: int = RIGHT_PER_SECOND
    ) -> None:
        self._pool = blocking_pool(redis_url, MAX_CONNECTIONS)
        storage = RedisStorage(redis_url, connection_pool=self._pool, key_prefix=keys.LIMITS)
        self._window = MovingWindowRateLimiter(storage)
        self._wrong = RateLimitItemPerMinute(wrong_per_minute, namespace="wrong")
        self._right = RateLimitItemPerSecond(right_per_second, namespace="right")
        self._tokens = _Rate(right_per_second)

    def check(self, name: str) -> None:
        """Whether a password may be tried now; counts nothing."""
        self._ask(self._window.test, self._wrong, name)
        self._ask(self._window.test, self._right, name)

    def wrong(self, name: str) -> None:
        """Count a wrong password; never raises TOO_MANY_ATTEMPTS: `check` of the next one does."""
        try:
            self._window.hit(self._wrong, _key(name))
        except (redis.RedisError, OSError) as error:
            raise translate(error) from error

    def right(self, name: str) -> None:
        """Count a login that succeeds."""
        self._ask(self._window.hit, self._right, name)

    def with_token(self, user: int) -> None:
        """Count a login with a good token; asks nobody."""
        wait_s = self._tokens.take(user)
        if wait_s:
            raise Problem(Code.TOO_MANY_ATTEMPTS, after_s=max(wait_s, 1.0))

    def close(self) -> None:
        self._pool.disconnect()

    def _ask(self, question: Callable[..., bool], limit: RateLimitItem, name: str) -> None:
        try:
            if question(limit, _key(name)):
                return
            reset = self._window.get_window_stats(limit, _key(name)).reset_time
        except (redis.RedisError, OSError) as error:
            raise translate(error) from error
        raise Problem(Code.TOO_MANY_ATTEMPTS, after_s=max(reset - time.time(), 1.0))


def _key(name: str) -> str:
    return name.encode().hex()
