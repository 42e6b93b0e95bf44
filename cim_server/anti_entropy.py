"""Anti-entropy: what doorbells have missed is found within one round (I9), and what others left is finished.

Every 3 s a server renews its push stream, asks what has grown, and reads the logs of the conversations it is behind
in. Only those that grew are compared.
"""

from collections.abc import Callable, Iterable
from typing import Any

import structlog

from cim_common.store import conversations as store
from cim_common.store import push
from cim_common.store.clock import StoreClock
from cim_common.store.flow import Flow
from cim_common.store.recent import RecentReader
from cim_server.audit import Audit
from cim_server.conversations import Conversations
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink
from cim_server.sessions import Sessions

log = structlog.get_logger()

ROUND_S = 3.0
CERTAIN_S = 0.1
"""A conversation behind by what is just on its way is not behind."""

SWEEP_EVERY = 2
"""Rounds between two sweeps of unfinished two-slot changes (I13)."""


class AntiEntropy:
    """The rounds of one server (`id:epoch`)."""

    def __init__(
        self,
        pump: Pump,
        link: RedisLink,
        clock: StoreClock,
        conversations: Conversations,
        sessions: Sessions,
        audit: Audit,
        server: str,
    ) -> None:
        self._pump = pump
        self._link = link
        self._clock = clock
        self._conversations = conversations
        self._sessions = sessions
        self._audit = audit
        self._server = server
        self._recent = RecentReader()
        self._round = 0
        self._running = False
        self.on_grown: Callable[[Iterable[str]], None] = lambda conversations: None
        self.repaired = 0

    def start(self) -> None:
        self._pump.timers.after(ROUND_S, self._tick)

    def _tick(self) -> None:
        self.run_now()
        self._conversations.drop_idle()
        self._pump.timers.after(ROUND_S, self._tick)

    def forget(self) -> None:
        """The store may be another one: look at everything again."""
        self._recent.forget()

    def run_now(self) -> None:
        """One round, unless one is running or the store is away."""
        if self._running or not self._link.up:
            return
        self._running = True
        self._round += 1
        self._link.run(self._flow(), self._finished)

    def _flow(self) -> Flow[list[tuple[str, int]]]:
        (there,) = yield [push.renew(self._server)]
        if not there:
            self._sessions.announce()
            self._audit.run_now()
        yield from self._clock.adjust()
        if self._round % SWEEP_EVERY == 0:
            for conversation in (yield from store.overdue(self._clock.now_ms())):
                yield from store.finish_todo(conversation)
        grown = yield from self._recent.grown()
        held = self._conversations.held() if grown else ()
        candidates = [conversation.id for conversation in held if conversation.id in grown]
        self.on_grown(candidates)
        heads = (yield from store.heads(candidates)) if candidates else []
        return [item for item in zip(candidates, heads, strict=True) if self._differs(*item)]

    def _differs(self, name: str, head: int) -> bool:
        conversation = self._conversations.get(name)
        return conversation is not None and conversation.applied != head

    def _finished(self, outcome: Any) -> None:
        self._running = False
        if not isinstance(outcome, list):
            self._recent.forget()
        elif outcome:
            self._pump.timers.after(CERTAIN_S, lambda: self._repair(outcome))

    def _repair(self, behind: list[tuple[str, int]]) -> None:
        """What is still missing was not on its way: read it, and have us rung again."""
        ahead: list[str] = []
        for name, head in behind:
            conversation = self._conversations.get(name)
            if conversation is None or not conversation.held:
                continue
            if conversation.applied < head:
                self.repaired += 1
                self._conversations.renew_interest(conversation)
                self._conversations.catch_up(conversation)
            elif conversation.applied > head:
                ahead.append(name)
        if ahead:
            self._link.run(store.heads(ahead), lambda heads: self._went_back(ahead, heads))

    def _went_back(self, names: list[str], heads: Any) -> None:
        """A head read before a batch was applied looks like a log that went back: only a second look tells."""
        if not isinstance(heads, list):
            return
        for name, head in zip(names, heads, strict=True):
            conversation = self._conversations.get(name)
            if conversation is not None and conversation.held and conversation.applied > head:
                self._conversations.rewind(conversation)
