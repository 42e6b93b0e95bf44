"""Retention on a server: walks over all conversations, and sooner where one grows past its number.

One server at a time walks, a step a second over the keys of the store: what an idle conversation costs is one call
of a script in a pass. The lock only spares double work, a second walker would do no harm. A conversation that grows
past the number kept is trimmed by whoever sees it grow.
"""

from collections.abc import Callable, Iterable
from typing import Any

import structlog

from cim_common.retention import Keep
from cim_common.store import retention as store
from cim_common.store.clock import StoreClock
from cim_common.store.flow import Flow, StoreError
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink

log = structlog.get_logger()

STEP_S = 1.0
LOCK_EVERY_S = 10.0
"""How often the lock is taken or kept; a third of what it lasts."""

STEPS_OF_A_PASS = 2_400
"""A pass over a large store takes as many steps, two thirds of an hour."""

MIN_KEYS, MAX_KEYS = 500, 10_000
"""Keys a step passes: a few ms of Redis at most."""

REST_S = 600.0
"""Between two passes, unless ages are so short that a twentieth of the shortest is less."""

AT_ONCE = 50
"""Conversations in one pipeline."""

TRIMS_A_STEP = 20
"""Larger steps in single conversations, each by itself: 10,000 entries a second at most."""

MAX_PENDING = 10_000
"""Conversations known to have more to remove; others are found by the next pass."""


class Retention:
    """Keeps what `keep` says. `applied` tells how far a conversation held here has grown, 0 for others."""

    def __init__(
        self, pump: Pump, link: RedisLink, clock: StoreClock, keep: Keep, server: str, applied: Callable[[str], int]
    ) -> None:
        self._pump = pump
        self._link = link
        self._clock = clock
        self._keep = keep
        self._server = server
        self._applied = applied
        self._running = False
        self._mine = False
        self._lock_due = 0.0
        self._pass_due = 0.0
        self._cursor = 0
        self._keys_a_step = MIN_KEYS
        self._pending: dict[str, None] = {}
        self._trim_at: dict[str, int] = {}
        self.removed = 0
        self.passes = 0

    @property
    def waiting(self) -> int:
        return len(self._pending)

    def start(self) -> None:
        if self._keep:
            self._pump.timers.after(STEP_S, self._tick)

    def _tick(self) -> None:
        self._pump.timers.after(STEP_S, self._tick)
        if not self._running and self._link.up:
            self._running = True
            self._link.run(self._step(), self._stepped)

    def _stepped(self, outcome: Any) -> None:
        """A step that failed is done again: it moves on only when it has ended."""
        self._running = False
        if isinstance(outcome, StoreError):
            log.error("retention_failed", error=str(outcome))

    def grown(self, conversations: Iterable[str]) -> None:
        """These have new entries: note those that are past their number."""
        for conversation in conversations if self._keep else ():
            newest = self._keep.rule(conversation).newest
            if newest and self._applied(conversation) > max(newest, self._trim_at.get(conversation, 0)):
                self._note(conversation)

    def _note(self, conversation: str) -> None:
        if len(self._pending) < MAX_PENDING:
            self._pending[conversation] = None

    def give_up(self) -> Flow[None]:
        """The server stops: another one may go on at once."""
        if self._mine:
            self._mine = False
            yield from store.give_lock_up(self._server)

    # -- steps -------------------------------------------------------------------------------------------

    def _step(self) -> Flow[None]:
        if self._pump.now >= self._lock_due:
            self._mine = yield from store.hold_lock(self._server)
            self._lock_due = self._pump.now + LOCK_EVERY_S
        if self._mine and self._pump.now >= self._pass_due:
            yield from self._walk()
        for _ in range(min(TRIMS_A_STEP, len(self._pending))):
            yield from self._trim(next(iter(self._pending)))

    def _walk(self) -> Flow[None]:
        if self._cursor == 0:
            size = yield from store.size()
            self._keys_a_step = min(max(size // STEPS_OF_A_PASS, MIN_KEYS), MAX_KEYS)
        cursor, found = yield from store.walk(self._cursor, self._keys_a_step)
        ruled = [(name, rule) for name in dict.fromkeys(found) if (rule := self._keep.rule(name)) != (0, 0)]
        for start in range(0, len(ruled), AT_ONCE):
            part = ruled[start : start + AT_ONCE]
            try:
                outcomes = yield from store.trim_in_passing(part, self._clock.now_ms())
            except StoreError as error:
                # One damaged conversation must not end the walk; the others of its pipeline were trimmed.
                log.error("retention_failed", error=str(error), conversations=[name for name, _ in part])
                continue
            for (name, _), outcome in zip(part, outcomes, strict=True):
                if outcome is not None:
                    self.removed += outcome.removed
                    if outcome.more or outcome.overlay:
                        self._note(name)
        self._cursor = cursor
        if cursor == 0:
            self.passes += 1
            self._pass_due = self._pump.now + self._rest_s()

    def _rest_s(self) -> float:
        shortest_s = self._keep.shortest_age_ms / 1000
        return max(STEP_S, min(REST_S, shortest_s / 20)) if shortest_s else REST_S

    def _trim(self, name: str) -> Flow[None]:
        rule = self._keep.rule(name)
        self._pending.pop(name, None)
        outcome = yield from store.trim(name, rule, self._clock.now_ms())
        if outcome is None:
            return
        self.removed += outcome.removed
        if outcome.more:
            self._note(name)
            return
        if outcome.overlay:
            yield from store.forget_overlay(name, outcome.first_kept)
        if rule.newest:
            if len(self._trim_at) >= MAX_PENDING:
                self._trim_at.clear()
            self._trim_at[name] = outcome.first_kept - 1 + rule.newest + rule.newest // 10
