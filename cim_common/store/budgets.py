"""Budgets of a user over all conversations and servers, leased in parts (I17).

A server that asked the store before each message would double what a message costs. It leases a quarter of the burst
instead and spends it by itself: with many servers a user may so go beyond the budget by what they hold between them,
a bounded number, and the store is asked once for hundreds of messages.
"""

from typing import NamedTuple

from cim_common.store import keys
from cim_common.store.flow import Flow
from cim_common.store.scripts import LEASE


class Budget(NamedTuple):
    """So many a second in the long run, and `burst` at once."""

    name: str
    per_s: float
    burst: int

    @property
    def lease(self) -> int:
        """How many are leased at a time."""
        return max(1, self.burst // 4)

    @property
    def least(self) -> int:
        """Fewer are not worth a lease: a user at the limit costs the store a few commands a second."""
        return max(1, self.lease // 10)


SENDS = Budget("sends", 500.0, 5_000)
"""Texts a user sends, over all conversations and devices."""

REQUESTS = Budget("requests", 50.0, 500)
"""Everything else that costs the store something: changes, pages of history, look-ups."""

SYNCS = Budget("syncs", 200.0, 10_000)
"""Pages of new messages: the burst is what thousands of conversations ask for at a login."""

KEPT_MS = 60_000
"""Longer than any burst takes to be there again: what is forgotten then means nothing any more."""


class Lease(NamedTuple):
    """What was granted; nothing, then `after_ms` says when it is worth asking again."""

    granted: int
    after_ms: int


def lease(user: int, budget: Budget, owed: int, now_ms: int) -> Flow[Lease]:
    """Lease a part of a user's budget; `owed` is what was spent before it was leased."""
    cost_ms = 1000 / budget.per_s
    (reply,) = yield [
        LEASE.call(
            (keys.limits(user),), budget.name, now_ms, f"{cost_ms:.3f}", f"{cost_ms * budget.burst:.3f}",
            budget.lease + owed, budget.least + owed, KEPT_MS,
        )
    ]  # fmt: skip
    return Lease(*reply)
