"""Timers of the pump: few exact ones in a heap, many coarse ones in a wheel.

A connection's deadlines (login, silence, stalled writes) need no precision and are nearly never reached, so
each connection stands in one slot of a wheel of one-second ticks and is looked at when the slot comes up; a
heartbeat stores the time and moves nothing.
"""

import heapq
import itertools
from collections.abc import Callable
from typing import Protocol

TICK_S = 1.0
SLOTS = 64
"""Longest time ahead in the wheel, in ticks; twice the idle timeout."""


class Expiring(Protocol):
    """Something in the wheel. `expire` returns in how many seconds it wants to be looked at again, or None."""

    def expire(self, now: float) -> float | None: ...


class Timers:
    """Both kinds of timer; `run` calls what is due."""

    def __init__(self, now: float) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._slots: list[list[Expiring]] = [[] for _ in range(SLOTS)]
        self._start = now
        self._tick = 0
        self._now = now

    def after(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call once, that many seconds after the current pass began."""
        heapq.heappush(self._heap, (self._now + seconds, next(self._order), callback))

    def watch(self, item: Expiring, seconds: float) -> None:
        """Have `item.expire` called in that many seconds, a tick late at most."""
        ticks = min(max(int(seconds / TICK_S) + 1, 1), SLOTS - 1)
        self._slots[(self._tick + ticks) % SLOTS].append(item)

    def next_in(self, now: float) -> float:
        """Seconds until something may be due."""
        due = self._start + (self._tick + 1) * TICK_S
        if self._heap and self._heap[0][0] < due:
            due = self._heap[0][0]
        return max(0.0, due - now)

    def run(self, now: float) -> None:
        self._now = now
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2]()
        while self._start + (self._tick + 1) * TICK_S <= now:
            self._tick += 1
            index = self._tick % SLOTS
            items, self._slots[index] = self._slots[index], []
            for item in items:
                again = item.expire(now)
                if again is not None:
                    self.watch(item, again)
