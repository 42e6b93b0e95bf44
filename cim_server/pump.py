"""The pump: one event loop over many sockets, run by trio as one task.

trio wakes the pump when its epoll has something (`wait_readable` on the epoll's own descriptor); a pass then
lets every ready socket feed its protocol object, runs what is due at the end of the pass (one commit batch,
one write per connection). Everything in a pass is synchronous: no task, no await and no lock per message.

A round through trio costs as much as several messages. So a *turn* of the pump is many passes: it polls by itself
until trio's other tasks are due (`TURN_S`); within that the store answers, and the next of many who send little comes.
What a pass costs beside its messages is shared by them. Where messages come without a pause but few at a time, those
that come while a batch is on its way to the store, and could not be committed before its answer anyway, are left to
the pass that reads the answer (`ANSWER_S` at most).

Where thousands are connected and say nothing, their heartbeats come one by one, and nearly all that each would cost
is to be woken for it. So after a while of many of them and nothing else, they are left to be read together (`BEAT_S`);
what the store brings is read at once, and the first other thing a client says ends this.

Whoever has many messages and few cores may have the pump sleep before each poll (`gather_s`): what comes meanwhile,
from clients and from the store, is read together. A message passes several polls, so it takes as many times longer. No
sleep where a pass was large of itself (`MANY_READY`), nor while connections wait to be written to.

Other trio tasks run between passes in the same thread; they may call anything here and then `wake`.
"""

import os
import select
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import trio

from cim_server.timers import Timers

MAX_EVENTS = 1_024
MAX_FLUSHES = 500
"""Connections written to in one pass; the others wait for the next, so that one large group holds up nobody else."""

SLOW_S = (0.001, 0.005, 0.02, 0.1)
"""Passes longer than each of these are counted: so long did a socket that became ready during one have to wait."""

TURN_S = 0.005
"""How long the pump may go on before trio's other tasks get a turn; a sleep longer than the rest of it comes on top."""

PAUSE_S = 0.001
ANSWER_S = 0.001
ANSWER_BELOW_PER_S = 8_000
"""With more sockets ready a second passes are large enough of themselves, and time is better spent on reading."""

MANY_READY = 16
"""After a pass over so many sockets the next one does not wait, in a pump whose passes do."""

BEAT_S = 0.01
"""How long heartbeats are left lying, and so may the first message after a silence be."""

QUIET_S = 0.2
MANY_BEATS_PER_S = 500
"""Below this there is little to be saved."""

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
GONE = select.EPOLLHUP | select.EPOLLERR


class Pollable(Protocol):
    """A socket in the epoll. `ready` reads and writes without blocking and never raises for its peer's sake."""

    def ready(self, events: int) -> None: ...


class Flushable(Protocol):
    """A connection with something to write at the end of the pass."""

    def flush(self) -> None: ...


class Pump:
    """Owns the epoll and the timers. `now` is the monotonic time at which the current pass began.

    `gather_s`: how long it sleeps before each poll; timers come as much later.
    """

    def __init__(self, gather_s: float = 0.0) -> None:
        self.gather_s = gather_s
        self._found = 0
        self._epoll = select.epoll()
        self._pollables: dict[int, Pollable] = {}
        self._ends: list[Callable[[], None]] = []
        self._before_writes: list[Callable[[], None]] = []
        self._dirty: deque[Flushable] = deque()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake_fd, READ)
        self.now = time.monotonic()
        self.timers = Timers(self.now)
        self._store = select.epoll()
        self._awaits_answers = False
        self._silent_fds = {self._wake_fd}
        self._beats = self._quiet_beats = 0
        self._beating: object = None
        """Whose beat was counted last; a pass reads one socket after the other."""

        self._spoken = self.now
        """When a client last said something else than that it is there."""

        self.store_busy: Callable[[], bool] = lambda: False
        """Whether what comes now has to wait for an answer of the store."""

        self.passes = 0
        self.busy_s = 0.0
        """Seconds spent in passes, without the waiting between them."""

        self.slow = [0] * len(SLOW_S)
        """Passes longer than each of `SLOW_S`."""

        self.closed: dict[int, int] = {}
        """Connections closed with a reason, by its code."""

        self.longest_pass_s = 0.0
        """Of the slow ones."""

    def add(self, fd: int, pollable: Pollable, events: int = READ) -> None:
        self._pollables[fd] = pollable
        self._epoll.register(fd, events)

    def add_store(self, fd: int, pollable: Pollable) -> None:
        """The same for a connection to the store: what it brings is not left waiting."""
        self.add(fd, pollable)
        self._store.register(fd, READ)
        self._silent_fds.add(fd)

    def change(self, fd: int, events: int) -> None:
        self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Forget a descriptor that is still open; its owner closes it afterwards."""
        del self._pollables[fd]
        self._epoll.unregister(fd)

    def remove_store(self, fd: int) -> None:
        self.remove(fd)
        self._store.unregister(fd)
        self._silent_fds.remove(fd)

    def at_end_of_pass(self, callback: Callable[[], None]) -> None:
        """Have something called at the end of every pass, before the writes."""
        self._ends.append(callback)

    def flush_later(self, item: Flushable) -> None:
        """Have `item.flush` called at the end of this pass, or of one soon after."""
        self._dirty.append(item)

    def before_writes(self, callback: Callable[[], None]) -> None:
        """Have something called each time before connections are written to, in the order in which this is asked."""
        self._before_writes.append(callback)

    def flush(self) -> None:
        """Write what there is to write now, to a bounded number of connections."""
        for gathered in self._before_writes:
            gathered()
        for _ in range(min(len(self._dirty), MAX_FLUSHES)):
            self._dirty.popleft().flush()

    def beat(self, client: object) -> None:
        """A client whose socket is ready says that it is there. However often it does, it is one socket of the pass."""
        if client is not self._beating:
            self._beating = client
            self._beats += 1

    def wake(self) -> None:
        """Run a pass soon: something was enqueued outside of one."""
        os.eventfd_write(self._wake_fd, 1)

    async def run(self) -> None:
        """Pass after pass, until cancelled."""
        while True:
            with trio.move_on_after(self.timers.next_in(time.monotonic())):
                await trio.lowlevel.wait_readable(self._epoll.fileno())
            self._turn()

    def _turn(self) -> None:
        """Passes, until trio's other tasks are due; none when nothing was there."""
        began = time.monotonic()
        if self._only_beats(began):
            self._store.poll(min(BEAT_S, self.timers.next_in(began)))
            self._pass(0.0)
            return
        self._let_gather()
        found = ready = self._pass(0.0)
        paused = False
        while found:
            spent = self.now - began
            if spent >= TURN_S:
                self._awaits_answers = not paused and ready < ANSWER_BELOW_PER_S * spent
                return
            if self.gather_s:
                self._let_gather()
            elif self._awaits_answers and self.store_busy():
                self._store.poll(ANSWER_S)
            before = self.now
            found = self._pass(min(TURN_S - spent, self.timers.next_in(before)))
            paused = paused or self.now - before > PAUSE_S
            ready += found
        self._awaits_answers = False

    def _let_gather(self) -> None:
        """Sleep, where that is wanted, unless there is enough to do."""
        if self.gather_s and self._found < MANY_READY and not self._dirty:
            time.sleep(self.gather_s)

    def close(self) -> None:
        """Release the epoll; the sockets are their owners' to close, before."""
        self._epoll.close()
        self._store.close()
        os.close(self._wake_fd)

    def _only_beats(self, now: float) -> bool:
        """Whether there has been nothing else for a while, and many of them."""
        quiet_s = now - self._spoken
        return quiet_s >= QUIET_S and self._quiet_beats >= MANY_BEATS_PER_S * quiet_s

    def _note_beats(self, events: list[tuple[int, int]]) -> None:
        """Whether a client has said more than that it is there; the store and `wake` are nobody's word."""
        beats, self._beats, self._beating = self._beats, 0, None
        others = len(events) - beats
        if others > len(self._silent_fds) or others > sum(fd in self._silent_fds for fd, _ in events):
            self._spoken, self._quiet_beats = self.now, 0
        else:
            self._quiet_beats += beats

    def _pass(self, wait_s: float) -> int:
        """One pass, over what is ready in that time; how many sockets were."""
        events = self._epoll.poll(wait_s, MAX_EVENTS)
        now = self.now = time.monotonic()
        for fd, mask in events:
            pollable = self._pollables.get(fd)
            if pollable is not None:
                pollable.ready(mask)
            elif fd == self._wake_fd:
                os.eventfd_read(fd)
        self._note_beats(events)
        self.timers.run(now)
        for end in self._ends:
            end()
        self.flush()
        if self._dirty:
            self.wake()
        took = time.monotonic() - now
        self.passes += 1
        self.busy_s += took
        if took > SLOW_S[0]:
            self._note_slow(took)
        self._found = len(events)
        return self._found

    def _note_slow(self, took: float) -> None:
        self.longest_pass_s = max(self.longest_pass_s, took)
        for index, bound in enumerate(SLOW_S):
            self.slow[index] += took > bound
