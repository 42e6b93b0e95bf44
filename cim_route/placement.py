"""Which IM server a client is sent to: the least loaded one that answers."""

import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence

from cim_common.registry import Server
from cim_route.steps import Probe, Steps

CONNECT_TIMEOUT_S = 1.0
CHOOSE_WITHIN_S = 3.0
"""What one login may take looking for a server that answers."""

LEFT_OUT_S = 5.0
"""A server that did not answer is asked again after this."""

COUNTED_S = 10.0
"""A client sent to a server counts there until the server's load has changed, but no longer than this: it may
never have connected."""

MAX_COUNTED = 10_000


class NoServer(Exception):
    """No server answers."""


def answers(server: Server) -> bool:
    """Whether a server takes TCP connections."""
    try:
        socket.create_connection((server.host, server.tcp_port), CONNECT_TIMEOUT_S).close()
    except OSError:
        return False
    return True


class _Assigned:
    """Clients sent to one server since it last told its load."""

    __slots__ = ("load", "times")

    def __init__(self, load: int) -> None:
        self.load = load
        self.times: deque[float] = deque(maxlen=MAX_COUNTED)

    def count(self, load: int, now: float) -> int:
        if load != self.load:
            self.load = load
            self.times.clear()
        while self.times and now - self.times[0] > COUNTED_S:
            self.times.popleft()
        return len(self.times)


class Placement:
    """Chooses servers for the logins of one route process.

    The registry's loads lag behind, so what was assigned here meanwhile is added: a burst of logins spreads.
    """

    def __init__(
        self,
        servers: Callable[[], Sequence[Server]],
        probe: Callable[[Server], bool] = answers,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.probe = probe
        self._servers = servers
        self._clock = clock
        self._lock = threading.Lock()
        self._assigned: dict[str, _Assigned] = {}
        self._left_out: dict[str, float] = {}

    def choose(self, exclude: Collection[str] = ()) -> Server:
        """A server that has just taken a connection; those in `exclude` ("host:port") only if no other does.

        Raises:
            NoServer: none answers, or none in time.
        """
        steps = self.choosing(exclude)
        try:
            asked = next(steps)
            while True:
                assert isinstance(asked, Probe)
                asked = steps.send(self.probe(asked.server))
        except StopIteration as stop:
            chosen: Server = stop.value
            return chosen

    def choosing(self, exclude: Collection[str] = ()) -> Steps[Server]:
        """The steps of `choose`."""
        give_up = self._clock() + CHOOSE_WITHIN_S
        tried: set[str] = set()
        while self._clock() < give_up:
            server = self._take(exclude, tried)
            if server is None:
                break
            if (yield Probe(server)):
                self._does_answer(server)
                return server
            tried.add(server.ref)
            self._did_not_answer(server)
        raise NoServer

    def spread(self, count: int) -> list[Server]:
        """Servers for so many clients at once, spread over the live ones; each is asked once whether it answers.

        Raises:
            NoServer: none answers.
        """
        spread: list[Server] = []
        answering: set[str] = set()
        tried: set[str] = set()
        while len(spread) < count:
            server = self._take((), tried)
            if server is None:
                raise NoServer
            if server.ref in answering:
                spread.append(server)
            elif self._answers(server):
                answering.add(server.ref)
                spread.append(server)
            else:
                tried.add(server.ref)
                self._did_not_answer(server)
        return spread

    def _take(self, exclude: Collection[str], tried: set[str]) -> Server | None:
        """The next candidate, counted as assigned at once: others choose meanwhile."""
        now = self._clock()
        with self._lock:
            servers = self._servers()
            self._forget_gone(servers, now)
            candidates = [server for server in servers if server.ref not in tried]
            if not candidates:
                return None
            server = min(candidates, key=lambda server: self._rank(server, exclude, now))
            self._assigned[server.ref].times.append(now)
            return server

    def _rank(self, server: Server, exclude: Collection[str], now: float) -> tuple[bool, bool, int, float]:
        count = self._assigned.setdefault(server.ref, _Assigned(server.load)).count(server.load, now)
        excluded = f"{server.host}:{server.tcp_port}" in exclude
        return server.ref in self._left_out, excluded, server.load + count, random.random()

    def _forget_gone(self, servers: Sequence[Server], now: float) -> None:
        live = {server.ref for server in servers}
        self._assigned = {ref: assigned for ref, assigned in self._assigned.items() if ref in live}
        self._left_out = {ref: until for ref, until in self._left_out.items() if ref in live and until > now}

    def _answers(self, server: Server) -> bool:
        """Whether it takes connections, now: not every client that is sent to a dead one tries another."""
        if not self.probe(server):
            return False
        self._does_answer(server)
        return True

    def _does_answer(self, server: Server) -> None:
        with self._lock:
            self._left_out.pop(server.ref, None)

    def _did_not_answer(self, server: Server) -> None:
        with self._lock:
            self._left_out[server.ref] = self._clock() + LEFT_OUT_S
            if server.ref in self._assigned and self._assigned[server.ref].times:
                self._assigned[server.ref].times.pop()
