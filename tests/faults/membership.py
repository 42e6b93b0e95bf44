"""Who was a member of what, as far as clients can know it: for certain, or possibly.

A join counts as certain from its answer on, a possible one from the moment it was asked for; a leave or kick ends
what is certain when it is asked for and what is possible when it is answered. Of two that overlap nobody knows which
came first, so nothing certain follows from them. Events are taken in the order of their times.
"""

from bisect import bisect_right
from dataclasses import dataclass, field

from tests.faults.history import Event

Op = tuple[str, str, int]
"""Who asked for a change of members, and under which n."""


def _op(event: Event) -> Op:
    return event.user, event.device, event.n


@dataclass(slots=True)
class _Standing:
    """One user in one conversation."""

    joins: dict[Op, int] = field(default_factory=dict)
    """Asked for and not answered: when."""

    leaves: dict[Op, int] = field(default_factory=dict)
    joined_at: int = -1
    left_at: int = -1
    possible: bool = False
    possible_until: int = -1
    left_seq: int = 0
    begins: list[int] = field(default_factory=list)
    """Since when membership was certain, each time; `ends` is one shorter while it still is."""

    ends: list[int] = field(default_factory=list)

    def joining(self, event: Event) -> None:
        self.joins[_op(event)] = event.t
        self.possible = True
        self.left_seq = 0

    def join(self, event: Event) -> None:
        asked = self.joins.pop(_op(event), event.t)
        self.joined_at = event.t
        self.possible = True
        alone = not self.leaves and self.left_at <= asked
        if alone and len(self.begins) == len(self.ends):
            self.begins.append(event.t)

    def leaving(self, event: Event) -> None:
        self.leaves[_op(event)] = event.t
        if len(self.begins) > len(self.ends):
            self.ends.append(event.t)

    def leave(self, event: Event) -> None:
        asked = self.leaves.pop(_op(event), event.t)
        self.left_at = event.t
        if not self.joins and self.joined_at <= asked:
            self.possible = False
            self.possible_until = event.t
            self.left_seq = event.seq

    def refused(self, event: Event) -> None:
        self.joins.pop(_op(event), None)
        self.leaves.pop(_op(event), None)


class Memberships:
    """All users in all conversations."""

    def __init__(self) -> None:
        self._fixed: dict[str, frozenset[str]] = {}
        self._standings: dict[str, dict[str, _Standing]] = {}
        self._ops: dict[Op, _Standing] = {}

    def take(self, event: Event) -> None:
        """A `members`, `joining`, `join`, `leaving`, `leave` or `nack` event."""
        if event.kind == "members":
            self._fixed[event.conversation] = frozenset(event.members)
        elif event.kind == "nack":
            if (asked := self._ops.get(_op(event))) is not None:
                asked.refused(event)
        else:
            standing = self._standings.setdefault(event.conversation, {}).setdefault(event.member, _Standing())
            self._ops[_op(event)] = standing
            getattr(standing, event.kind)(event)

    def users(self, conversation: str) -> frozenset[str] | None:
        """Everybody who may have been a member at some time; None is everybody there is."""
        fixed = self._fixed.get(conversation)
        if fixed is not None:
            return fixed or None
        return frozenset(self._standings.get(conversation, ()))

    def certain(self, conversation: str, user: str, begin: int, end: int) -> bool:
        """Whether the user was a member all the time between, beyond doubt."""
        standing = self._standings.get(conversation, {}).get(user)
        if standing is None:
            return self._always(conversation, user)
        index = bisect_right(standing.begins, begin) - 1
        return index >= 0 and (index >= len(standing.ends) or standing.ends[index] >= end)

    def possible_since(self, conversation: str, user: str, begin: int, seq: int) -> bool:
        """Whether the user may have been a member at some moment from `begin` until now, and not only before `seq`."""
        standing = self._standings.get(conversation, {}).get(user)
        if standing is None:
            return self._always(conversation, user)
        if standing.possible:
            return True
        return standing.possible_until >= begin and not 0 < standing.left_seq < seq

    def _always(self, conversation: str, user: str) -> bool:
        fixed = self._fixed.get(conversation)
        return fixed is not None and (not fixed or user in fixed)
