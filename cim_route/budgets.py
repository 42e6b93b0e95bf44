"""What users may still send and ask for over HTTP: counts filled from the budgets that IM servers draw on too (I17)."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from cim_common.store import budgets as store
from cim_common.store.budgets import SENDS, Budget, Lease
from cim_common.store.clock import StoreClock
from cim_common.store.flow import Flow
from cim_common.wire.codes import Code
from cim_route.problems import Problem
from cim_route.store import Store

MAX_PURSES = 20_000
"""Users times budgets remembered; the one unused longest is forgotten, with what it had left."""


class _Purse:
    """What one user may still spend of one budget here. Its lock is held while a lease is on its way."""

    __slots__ = ("closed_until", "left", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.left = 0
        self.closed_until = 0.0


class Budgets:
    """Charges users; any number of threads may do so at once."""

    def __init__(self, route_store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = route_store
        self._monotonic = clock
        self._clock = StoreClock()
        self._purses: OrderedDict[tuple[int, str], _Purse] = OrderedDict()
        self._lock = threading.Lock()

    def charge(self, user: int, budget: Budget, count: int = 1) -> None:
        """Take so many.

        Raises:
            Problem: SENDER_LIMIT or REQUEST_LIMIT, with the time to wait.
            StoreUnavailable: nothing was left, and the store could not be asked for more.
        """
        purse = self._purse(user, budget)
        with purse.lock:
            now = self._monotonic()
            if purse.left < count and now >= purse.closed_until:
                granted, after_ms = self._store.run(self._lease(user, budget, count))
                purse.left += granted
                purse.closed_until = now + after_ms / 1000
            if purse.left < count:
                code = Code.SENDER_LIMIT if budget is SENDS else Code.REQUEST_LIMIT
                raise Problem(code, after_s=purse.closed_until - now)
            purse.left -= count

    def spend(self, user: int, budget: Budget) -> bool:
        """Take one of what is left here, waiting for nobody; whether there was one to take."""
        purse = self._purse(user, budget)
        if not purse.lock.acquire(blocking=False):
            return False
        try:
            if not purse.left:
                return False
            purse.left -= 1
            return True
        finally:
            purse.lock.release()

    @property
    def kept(self) -> int:
        return len(self._purses)

    def _purse(self, user: int, budget: Budget) -> _Purse:
        key = (user, budget.name)
        with self._lock:
            purse = self._purses.setdefault(key, _Purse())
            self._purses.move_to_end(key)
            if len(self._purses) > MAX_PURSES:
                self._purses.popitem(last=False)
        return purse

    def _lease(self, user: int, budget: Budget, count: int) -> Flow[Lease]:
        yield from self._clock.adjust()
        return (yield from store.lease(user, budget, count, self._clock.now_ms()))
