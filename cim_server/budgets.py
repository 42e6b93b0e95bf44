"""What a user may still send and ask for here: a count per user, filled from the store's budgets.

Spending is one decrement. When a lease is used up the next is asked for while the user goes on, a little on credit:
what is spent before the lease comes is part of it. A refusal says when to ask again; until then nothing passes.
"""

from typing import Any

from cim_common.store import budgets as store
from cim_common.store.budgets import REQUESTS, SENDS, SYNCS, Budget, Lease
from cim_common.store.clock import StoreClock
from cim_common.wire.codes import Code
from cim_server.answers import Table, fail
from cim_server.channel import Channel
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink
from cim_server.sessions import Session

CREDIT_PART = 4
"""The credit is this part of a lease: a round trip's worth, and what a server may let pass beyond the budget."""

ASKING_MS = 50
"""When to try again while a lease is on its way and the credit is used up."""

AWAY_MS = 1_000
REMEMBERED = 10_000
"""Users whose last connection here ended: one who comes back finds the lease instead of taking another."""


class Purse:
    """What one user may still spend of one budget on this server."""

    __slots__ = ("_asking", "_budget", "_closed_until", "_lender", "_user", "left")

    def __init__(self, lender: "Budgets", user: int, budget: Budget) -> None:
        self.left = 0
        self._lender = lender
        self._user = user
        self._budget = budget
        self._asking = False
        self._closed_until = 0.0

    def spend(self) -> int:
        """Take one; 0, or, when there is none, after how many ms to try again."""
        if self.left > 0:
            self.left -= 1
            return 0
        return self._spend_on_credit()

    def _spend_on_credit(self) -> int:
        now = self._lender.now
        if now < self._closed_until:
            return int((self._closed_until - now) * 1000) + 1
        if not self._asking:
            self._asking = True
            self._lender.lease(self._user, self._budget, -self.left, self)
        if self.left <= -(self._budget.lease // CREDIT_PART):
            return ASKING_MS
        self.left -= 1
        return 0

    def leased(self, outcome: Lease | Exception) -> None:
        """The store's answer."""
        self._asking = False
        granted, after_ms = outcome if isinstance(outcome, Lease) else (0, AWAY_MS)
        self.left += granted
        if not granted:
            self._closed_until = self._lender.now + after_ms / 1000


class EndlessPurse(Purse):
    """What unmetered users spend from."""

    __slots__ = ()

    def spend(self) -> int:
        return 0


class UserBudget:
    """One user's purses here, shared by its `connections`; the one for sends is made when something is sent."""

    __slots__ = ("_lender", "_sends", "connections", "requests", "syncs", "user")

    def __init__(self, lender: "Budgets", user: int, purse: type[Purse] = Purse) -> None:
        self._lender = lender
        self._sends: Purse | None = None if purse is Purse else purse(lender, user, SENDS)
        self.user = user
        self.connections = 0
        self.requests = purse(lender, user, REQUESTS)
        self.syncs = purse(lender, user, SYNCS)

    @property
    def sends(self) -> Purse:
        if self._sends is None:
            self._sends = Purse(self._lender, self.user, SENDS)
        return self._sends


class Budgets:
    """The budgets of all users connected here, made when they are first needed."""

    def __init__(self, pump: Pump, link: RedisLink, clock: StoreClock) -> None:
        self._pump = pump
        self._link = link
        self._clock = clock
        self._users: dict[int, UserBudget] = {}
        self._remembered: dict[int, None] = {}
        """Users without a connection, the one that has been so for longest in front."""

        self._unmetered = UserBudget(self, 0, EndlessPurse)
        self.leases = 0

    @property
    def now(self) -> float:
        return self._pump.now

    @property
    def kept(self) -> int:
        return len(self._users)

    def of(self, session: Session) -> UserBudget:
        """The budget of a session's user; that of unmetered users is never used up."""
        budget = session.budget
        if budget is None:
            budget = session.budget = self._unmetered if session.unmetered else self._found(session.user)
            budget.connections += 1
        return budget

    def _found(self, user: int) -> UserBudget:
        self._remembered.pop(user, None)
        budget = self._users.get(user)
        if budget is None:
            budget = self._users[user] = UserBudget(self, user)
        return budget

    def ended(self, session: Session) -> None:
        """The connection has ended; the budget outlives it for a while."""
        budget = session.budget
        if budget is None:
            return
        session.budget = None
        budget.connections -= 1
        if budget.connections or budget is self._unmetered:
            return
        self._remembered[budget.user] = None
        if len(self._remembered) > REMEMBERED:
            longest = next(iter(self._remembered))
            del self._remembered[longest], self._users[longest]

    def lease(self, user: int, budget: Budget, owed: int, purse: Purse) -> None:
        self.leases += 1
        self._link.run(store.lease(user, budget, owed, self._clock.now_ms()), purse.leased)

    def limited(self, table: Table) -> Table:
        """The same table with every request that is answered by its number charged to its user."""
        return {kind: self._charged(method) if hasattr(kind, "request") else method for kind, method in table.items()}

    def _charged(self, method: Any) -> Any:
        def charged(channel: Channel, event: Any) -> None:
            after_ms = self.of(channel.session).requests.spend()
            if after_ms:
                fail(channel, event.request, Code.REQUEST_LIMIT, getattr(event, "conversation", ""), after_ms)
            else:
                method(channel, event)

        return charged
