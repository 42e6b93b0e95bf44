"""What the blueprints of route work with; made once, in `cim_route.app`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cim_common.accept import Append, Owner
from cim_common.registry import Registry
from cim_common.store.flow import Command, Flow, StoreError, StoreUnavailable
from cim_common.store.presence import Directory
from cim_common.tokens import Tokens
from cim_route.appending import Appending, Refused, Stored
from cim_route.attempts import Attempts
from cim_route.budgets import Budgets
from cim_route.passwords import Passwords
from cim_route.placement import Placement
from cim_route.problems import Problem
from cim_route.steps import Charge, Probe, Steps, T, Wait
from cim_route.store import Store
from cim_route.watcher import Watcher


class Accepts(Protocol):
    """The accept operation as route drives it (`cim_route.acceptor`)."""

    @property
    def waiting(self) -> int:
        """Appends that no batch has taken yet."""
        ...

    def append_all(self, asked: Sequence[Appending]) -> list[Stored]:
        """Returns when the entries of one call are durable; raises Refused."""
        ...

    def begin(self, asked: Appending, owner: Owner) -> Append:
        """Returns at once; `owner` is told when the entry is durable, or refused."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """Shared by all request threads; every part may be used by several at once."""

    store: Store
    registry: Registry
    tokens: Tokens
    acceptor: Accepts
    passwords: Passwords
    attempts: Attempts
    placement: Placement
    directory: Directory
    budgets: Budgets
    watcher: Watcher

    def run(self, steps: Steps[T]) -> T:
        """Take the steps of a call, and wait where they wait.

        Raises:
            Problem, Refused, StoreError, StoreUnavailable: what ended them.
        """
        try:
            asked = next(steps)
            while True:
                try:
                    answer = self._answer(asked)
                except (Problem, Refused, StoreError, StoreUnavailable) as error:
                    asked = steps.throw(error)
                else:
                    asked = steps.send(answer)
        except StopIteration as stop:
            result: T = stop.value
            return result

    def _answer(self, asked: Wait) -> Any:
        if isinstance(asked, list):
            return self.store.run(_replies(asked))
        if isinstance(asked, Charge):
            return self.budgets.charge(asked.user, asked.budget)
        if isinstance(asked, Probe):
            return self.placement.probe(asked.server)
        (stored,) = self.acceptor.append_all([asked])
        return stored


def _replies(commands: list[Command]) -> Flow[list[Any]]:
    return (yield commands)
