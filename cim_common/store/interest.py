"""Interest: which servers are rung when a conversation grows, and which of them are dead."""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from cim_common.store import keys
from cim_common.store.flow import Flow
from cim_common.store.scripts import INTEREST_DROP, INTEREST_TAKE

LEFT_IS_DEAD_AFTER_S = 10.0
"""A server seen to leave the registry counts as dead after this; before, it may only have lost its session there."""


class Taken(NamedTuple):
    """What a server is told when it takes interest: where the log stands, how many members, who else is rung."""

    head: int
    incarnation: int
    members: int
    servers: tuple[str, ...]


def take(conversation: str, server: str, generation: int, start: int = 0) -> Flow[Taken | None]:
    """Have the server rung; None if there is no such conversation (I12).

    `start` names the running Redis (`incarnations.py`), 0 if that is not known.
    """
    (reply,) = yield [
        INTEREST_TAKE.call((keys.conv(conversation), keys.interest(conversation)), server, generation, start)
    ]
    if not reply:
        return None
    head, incarnation, members, servers = reply
    return Taken(head, incarnation, members, tuple(other.decode() for other in servers if other != server.encode()))


def drop(conversation: str, server: str, generation: int) -> Flow[None]:
    """Have the server rung no longer, unless it has registered again with a newer generation."""
    yield [INTEREST_DROP.call((keys.conv(conversation), keys.interest(conversation)), server, generation)]


class Liveness:
    """What the registry's lists have told about server runs (`id:epoch`).

    Dead means: the same id is registered with a newer epoch, or the run was seen to leave long enough
    ago. A run never seen counts as alive: its registration may still be on the way.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._live: frozenset[str] = frozenset()
        self._epochs: dict[str, str] = {}
        self._left: dict[str, float] = {}

    def update(self, servers: Iterable[tuple[str, str]]) -> None:
        """Take the registry's current list of (id, epoch)."""
        epochs = dict(servers)
        live = frozenset(f"{server}:{epoch}" for server, epoch in epochs.items())
        now = self._clock()
        self._left = {ref: left for ref, left in self._left.items() if now - left < 3600 and ref not in live}
        self._left.update((ref, now) for ref in self._live - live)
        self._live, self._epochs = live, epochs

    def is_dead(self, server: str) -> bool:
        if server in self._live:
            return False
        name, _, epoch = server.rpartition(":")
        if self._epochs.get(name, "") > epoch:
            return True
        left = self._left.get(server)
        return left is not None and self._clock() - left >= LEFT_IS_DEAD_AFTER_S

    @property
    def live(self) -> frozenset[str]:
        """The runs registered now."""
        return self._live

    def is_registered(self, server: str) -> bool:
        return server in self._live
