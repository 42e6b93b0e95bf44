"""The poll of waitress' sockets, which costs the same however many of them are open.

waitress puts its poll together anew each time, and asks every socket for what it waits: beside a thousand connections
that is half a millisecond, several times a request. Here only those are asked that may have changed. A connection that
waits for its next request is *quiet*: nothing but an event of its own changes it, or waitress' look for those idle too
long. For the latter all are asked once in `ASK_ALL_S`, which is also how long anything could be overlooked.

One whose request is being answered is not polled at all. Were it, the next request would wake this thread while another
still writes the answer; it would find something to write, be told at once that it can be written, and so go round.
"""

import contextlib
import select
import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.wasyncore import readwrite

ASK_ALL_S = 1.0

READ = select.EPOLLIN | select.EPOLLPRI
WRITE = select.EPOLLOUT


class Poll(dict[int, Any]):
    """The map in which waitress keeps its sockets by descriptor, and the poll over them; see `Polled`."""

    def __init__(self) -> None:
        super().__init__()
        self._epoll = select.epoll()
        self._registered: dict[int, int] = {}
        self._to_ask: set[int] = set()
        self._ask_all_at = 0.0

    def turn(self, timeout_s: float) -> None:
        """Wait for events, and have each handled by its socket."""
        now = time.monotonic()
        if now >= self._ask_all_at:
            self._ask_all_at = now + ASK_ALL_S
            self._to_ask.update(self)
        for descriptor in tuple(self._to_ask):
            if descriptor in self:
                try:
                    self._ask(descriptor)
                except Exception:
                    self[descriptor].handle_error()  # as `readwrite` has it: it ends this one, and no other
        for descriptor, events in self._epoll.poll(timeout_s):
            if descriptor in self._registered:  # it may have been closed meanwhile, and opened as another one's
                self._to_ask.add(descriptor)
                readwrite(self[descriptor], events)

    def close(self) -> None:
        self._epoll.close()

    def __setitem__(self, descriptor: int, socket: Any) -> None:
        super().__setitem__(descriptor, socket)
        self._to_ask.add(descriptor)

    def __delitem__(self, descriptor: int) -> None:
        """It is about to be closed; the next one of that number is another."""
        super().__delitem__(descriptor)
        self._to_ask.discard(descriptor)
        self._register(descriptor, 0)

    def _ask(self, descriptor: int) -> None:
        socket = self[descriptor]
        wanted = READ if socket.readable() else 0
        if socket.writable() and not socket.accepting:
            wanted |= WRITE
        if wanted != self._registered.get(descriptor, 0):
            self._register(descriptor, wanted)
        if wanted == READ and isinstance(socket, HTTPChannel):
            self._to_ask.discard(descriptor)

    def _register(self, descriptor: int, wanted: int) -> None:
        before = self._registered.pop(descriptor, 0)
        if not wanted:
            if before:
                with contextlib.suppress(OSError):  # closed already, and so forgotten by the kernel
                    self._epoll.unregister(descriptor)
            return
        if before:
            self._epoll.modify(descriptor, wanted)
        else:
            self._epoll.register(descriptor, wanted)
        self._registered[descriptor] = wanted
