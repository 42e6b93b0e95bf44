"""Whether IM servers take connections, asked in the thread of the network.

All calls that want to know it of one server in the same turn share one connection, which is made after they came: what
each is told is as true as if it had asked alone.
"""

import errno
import ipaddress
import socket
import time
from collections.abc import Callable
from functools import lru_cache

from cim_common.registry import Server
from cim_route.placement import CONNECT_TIMEOUT_S
from cim_route.polled import Polled, Sockets

MAX_AT_ONCE = 8
"""Connections on their way to one server; who wants another waits for one of these to end, not for its answer."""

Done = Callable[[bool], None]
_Place = tuple[str, int]
_UNDER_WAY = (errno.EINPROGRESS, errno.EALREADY)


@lru_cache(maxsize=256)
def family_of(host: str) -> socket.AddressFamily | None:
    """Of an address; None for a name, which somebody has to look up."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    return socket.AF_INET if version == 4 else socket.AF_INET6


class _Connecting(Polled):
    """A connection on its way, and those who wait for it."""

    def __init__(self, sock: socket.socket, waiting: list[Done], sockets: Sockets) -> None:
        self._sock, self._waiting, self._sockets = sock, waiting, sockets
        self.due = time.monotonic() + CONNECT_TIMEOUT_S
        sockets[sock.fileno()] = self

    @property
    def over(self) -> bool:
        return not self._waiting

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def handle_write_event(self) -> None:
        self.end(self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0)

    def handle_close(self) -> None:
        self.end(False)

    def end(self, connected: bool) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            del self._sockets[self._sock.fileno()]
            self._sock.close()
        for done in waiting:
            done(connected)


class Probes:
    """Questions that wait for the end of the turn, and connections on their way."""

    def __init__(self) -> None:
        self._wanted: dict[_Place, list[Done]] = {}
        self._connecting: dict[_Place, list[_Connecting]] = {}

    def ask(self, server: Server, done: Done) -> bool:
        """`done` is told later whether it takes connections. False: it has a name to look up, which takes a thread."""
        if family_of(server.host) is None:
            return False
        self._wanted.setdefault((server.host, server.tcp_port), []).append(done)
        return True

    def begin(self, sockets: Sockets) -> None:
        """Make the connections that are wanted."""
        while places := [place for place in self._wanted if self._under_way(place) < MAX_AT_ONCE]:
            for place in places:
                self._connect(place, self._wanted.pop(place), sockets)

    def check(self, now: float) -> None:
        """End those that take too long."""
        for place in list(self._connecting):
            for connecting in self._connecting[place]:
                if connecting.due < now:
                    connecting.end(False)
            self._under_way(place)

    def _under_way(self, place: _Place) -> int:
        """How many are; those that have ended are forgotten."""
        left = [connecting for connecting in self._connecting.pop(place, ()) if not connecting.over]
        if left:
            self._connecting[place] = left
        return len(left)

    def _connect(self, place: _Place, waiting: list[Done], sockets: Sockets) -> None:
        host, port = place
        family = family_of(host)
        assert family is not None
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            error = errno.EMFILE
        else:
            sock.setblocking(False)
            error = sock.connect_ex((host, port))
            if error == errno.EINPROGRESS:
                error = sock.connect_ex((host, port))  # on this machine it is there by now
            if error in _UNDER_WAY:
                self._connecting.setdefault(place, []).append(_Connecting(sock, waiting, sockets))
                return
            sock.close()
        for done in waiting:
            done(error in (0, errno.EISCONN))
