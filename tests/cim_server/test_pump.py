"""The event loop: when it waits, and its own account of how long it kept others waiting."""

import os
import time
from collections.abc import Iterator
from itertools import cycle

import pytest
import trio

from cim_server import pump as pumps
from cim_server.pump import ANSWER_S, BEAT_S, MANY_BEATS_PER_S, MANY_READY, PAUSE_S, QUIET_S, TURN_S, Pump


class Dawdling:
    """A descriptor that takes its time."""

    def __init__(self, fd: int, seconds: float) -> None:
        self._fd = fd
        self._seconds = seconds

    def ready(self, events: int) -> None:
        os.eventfd_read(self._fd)
        time.sleep(self._seconds)


@pytest.mark.parametrize(("seconds", "at_least"), [(0.006, [1, 1, 0, 0]), (0.101, [1, 1, 1, 1])])
async def test_a_pass_that_keeps_others_waiting_is_counted(seconds: float, at_least: list[int]) -> None:
    pump = Pump()
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    pump.add(fd, Dawdling(fd, seconds))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pump.run)
        os.eventfd_write(fd, 1)
        with trio.fail_after(10):
            while pump.busy_s < seconds:
                await trio.sleep(0.001)
        nursery.cancel_scope.cancel()
    pump.remove(fd)
    os.close(fd)
    pump.close()
    assert all(count >= least for count, least in zip(pump.slow, at_least, strict=True))
    assert pump.longest_pass_s >= seconds
    assert pump.busy_s >= pump.longest_pass_s
    assert pump.passes >= 1


class Time:
    """A clock that stands still but for what the test does, and sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Traffic:
    """An epoll in whose place so many sockets are ready at each poll, this long after the one before."""

    def __init__(self, time: Time, every_s: float, *ready: int) -> None:
        self._time = time
        self._every_s = every_s
        self._ready = list(ready)
        self.waits: list[float] = []

    def poll(self, wait_s: float, most: int = -1) -> list[tuple[int, int]]:
        self.waits.append(wait_s)
        found = self._ready.pop(0) if self._ready else 0
        self._time.now += self._every_s if found else wait_s
        return [(-1, 0)] * found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(pumps, "time", made)
    return made


class Turns:
    """Turns of a pump, each over traffic like that; how long it waited for sockets, and for the store alone."""

    def __init__(
        self, clock: Time, every_s: float, *turns: list[int], store_busy: bool = True, gather_s: float = 0.0
    ) -> None:
        pump = Pump(gather_s)
        pump.store_busy = lambda: store_busy
        epolls = pump._epoll, pump._store
        self.waits: list[list[float]] = []
        self.store_waits: list[list[float]] = []
        for ready in turns:
            sockets, store = Traffic(clock, every_s, *ready), Traffic(clock, 0)
            pump._epoll, pump._store = sockets, store  # type: ignore[assignment]
            pump._turn()
            self.waits.append(sockets.waits)
            self.store_waits.append(store.waits)
        pump._epoll, pump._store = epolls
        pump.close()


FULL = [2] * 20
"""More than a turn: the pump is never without something to do."""


def test_a_lone_message_and_the_answer_of_the_store_are_one_turn_without_waiting(clock: Time) -> None:
    turns = Turns(clock, 0.0003, [1, 1])
    assert turns.waits == [pytest.approx([0.0, TURN_S - 0.0003, TURN_S - 0.0006])]
    assert turns.store_waits == [[]]


def test_a_few_in_one_turn_with_pauses_between_them_do_not_wait_for_the_store(clock: Time) -> None:
    turns = Turns(clock, 1.1 * PAUSE_S, FULL, FULL)
    assert [len(waits) for waits in turns.waits] == [5, 5]
    assert turns.store_waits == [[], []]


def test_few_messages_without_a_pause_wait_for_the_store_until_there_is_one(clock: Time) -> None:
    turns = Turns(clock, 0.0005, FULL, [2, 2, 2], [2])
    assert [len(waits) for waits in turns.waits] == [TURN_S / 0.0005, 4, 2]
    assert turns.store_waits == [[], [ANSWER_S] * 3, []]


def test_nothing_waits_for_a_store_that_has_answered(clock: Time) -> None:
    assert Turns(clock, 0.0005, FULL, FULL, store_busy=False).store_waits == [[], []]


def test_many_messages_do_not_wait_for_the_store(clock: Time) -> None:
    assert Turns(clock, 0.0005, [100] * 20, [100] * 20).store_waits == [[], []]


def test_each_pass_waits_where_that_is_wanted(clock: Time) -> None:
    turns = Turns(clock, 0.0, FULL, FULL, gather_s=TURN_S / 10.5)
    assert [len(waits) for waits in turns.waits] == [11, 11]
    assert clock.slept == [TURN_S / 10.5] * 22
    assert turns.store_waits == [[], []]  # That is waiting enough.


def test_what_is_to_be_written_does_not_wait(clock: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """More connections than one pass writes to: the next one goes on at once."""
    monkeypatch.setattr(pumps, "MAX_FLUSHES", 1)
    written: list[int] = []

    class Connection:
        def flush(self) -> None:
            written.append(len(clock.slept))

    pump = Pump(0.001)
    epolls = pump._epoll, pump._store
    pump._epoll = pump._store = Traffic(clock, 0.0, 1, 1, 1)  # type: ignore[assignment]
    for _ in range(3):
        pump.flush_later(Connection())
    pump._turn()
    pump._epoll, pump._store = epolls
    pump.close()
    assert written == [0, 0, 0]


def test_no_pass_waits_unless_that_is_wanted(clock: Time) -> None:
    Turns(clock, 0.0005, FULL, FULL)
    assert clock.slept == []


def test_a_pass_after_a_large_one_does_not_wait(clock: Time) -> None:
    Turns(clock, 0.0, [MANY_READY, MANY_READY - 1, MANY_READY, 1], gather_s=0.001)
    assert len(clock.slept) == 3  # Before the first, and after each of the small ones.


class Heartbeats:
    """A pump whose sockets are ready this often for a while, and bring so many heartbeats each; 0: something else."""

    def __init__(self, clock: Time) -> None:
        self.clock = clock
        self.pump = Pump()
        self._epolls = self.pump._epoll, self.pump._store
        self.pump._pollables[-1] = self
        self.pump.timers.run(clock.now)
        self._beats = cycle([1])

    def ready(self, events: int) -> None:
        client = object()
        for _ in range(next(self._beats)):
            self.pump.beat(client)

    def last(self, seconds: float, per_s: float, *beats: int) -> None:
        self._beats = cycle(beats or [1])
        self.turn(1 / per_s, *[len(beats) or 1] * round(seconds * per_s))

    def turn(self, every_s: float, *ready: int) -> tuple[list[float], list[float]]:
        """Turns until all that is has been read; how long it waited for sockets, and for the store alone."""
        sockets, store = Traffic(self.clock, every_s, *ready), Traffic(self.clock, 0)
        self.pump._epoll, self.pump._store = sockets, store  # type: ignore[assignment]
        while sockets._ready:
            self.pump._turn()
        self.pump._epoll, self.pump._store = self._epolls
        return sockets.waits, store.waits


@pytest.fixture
def beats(clock: Time) -> Iterator[Heartbeats]:
    made = Heartbeats(clock)
    yield made
    made.pump.close()


def test_many_heartbeats_and_nothing_else_are_read_together(beats: Heartbeats) -> None:
    beats.last(1.1 * QUIET_S, 2 * MANY_BEATS_PER_S)
    assert beats.turn(0, 10, 12) == ([0.0, 0.0], [BEAT_S, BEAT_S])


def test_few_heartbeats_are_not_waited_for(beats: Heartbeats) -> None:
    beats.last(5 * QUIET_S, MANY_BEATS_PER_S / 2)
    assert beats.turn(0, 1)[1] == []


def test_few_heartbeats_are_not_waited_for_after_there_were_many(beats: Heartbeats) -> None:
    beats.last(1.1 * QUIET_S, 20 * MANY_BEATS_PER_S)
    beats.last(0.01, 100, 0)
    test_few_heartbeats_are_not_waited_for(beats)


def test_what_a_client_says_ends_the_waiting_for_heartbeats(beats: Heartbeats) -> None:
    beats.last(1.1 * QUIET_S, 2 * MANY_BEATS_PER_S)
    beats.last(0.01, 100, 0)
    beats.last(0.5 * QUIET_S, 2 * MANY_BEATS_PER_S)
    assert beats.turn(0, 1)[1] == []


def test_what_the_store_brings_is_no_clients_word_nor_is_a_wake(beats: Heartbeats) -> None:
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    pollable = Dawdling(fd, 0)

    def waits_after_it_was_ready() -> list[float]:
        beats.turn(0, MANY_BEATS_PER_S)
        os.eventfd_write(fd, 1)
        beats.pump.wake()
        beats.pump._pass(0.0)
        return beats.turn(0, 1)[1]

    beats.last(1.1 * QUIET_S, 2 * MANY_BEATS_PER_S)
    for _ in range(2):
        beats.pump.add_store(fd, pollable)
        assert waits_after_it_was_ready() == [BEAT_S]
        beats.pump.remove_store(fd)
    beats.pump.add(fd, pollable)
    assert waits_after_it_was_ready() == []
    beats.pump.remove(fd)
    os.close(fd)


def test_many_heartbeats_of_one_client_do_not_hide_what_others_say(beats: Heartbeats) -> None:
    beats.last(1.1 * QUIET_S, 2 * MANY_BEATS_PER_S, 2, 0)
    assert beats.turn(0, 1)[1] == []


def test_a_client_may_be_the_last_of_one_pass_and_the_first_of_the_next(beats: Heartbeats) -> None:
    beats.last(1.1 * QUIET_S, 2 * MANY_BEATS_PER_S)
    for _ in range(2):
        beats.pump.beat(beats)
        beats.pump._note_beats([(-1, 0)])
    assert beats.turn(0, 1)[1] == [BEAT_S]


def test_heartbeats_do_not_hold_up_a_timer(beats: Heartbeats) -> None:
    beats.last(1.1 * QUIET_S, 2 * MANY_BEATS_PER_S)
    beats.pump.timers.after(BEAT_S / 2, lambda: None)
    assert beats.turn(0, 1)[1] == [pytest.approx(BEAT_S / 2)]
