"""Timers on a virtual clock."""

from cim_server.timers import SLOTS, Timers


class Item:
    def __init__(self, again: float | None = None) -> None:
        self.seen: list[float] = []
        self.again = again

    def expire(self, now: float) -> float | None:
        self.seen.append(now)
        return self.again


def test_exact_timers_run_in_order_of_their_time() -> None:
    timers, called = Timers(0.0), []
    timers.after(0.2, lambda: called.append("late"))
    timers.after(0.1, lambda: called.append("early"))
    timers.after(0.1, lambda: called.append("early too"))
    assert timers.next_in(0.0) == 0.1
    timers.run(0.15)
    assert called == ["early", "early too"]
    timers.run(0.25)
    assert called == ["early", "early too", "late"]


def test_the_wheel_is_a_tick_late_at_most() -> None:
    timers, item = Timers(0.0), Item()
    timers.watch(item, 10.0)
    now = 0.0
    while not item.seen:
        now += 0.25
        timers.run(now)
    assert 10.0 <= now <= 11.25
    for _ in range(SLOTS * 8):
        now += 0.25
        timers.run(now)
    assert len(item.seen) == 1


def test_an_item_is_looked_at_again_when_it_says_so() -> None:
    timers, item = Timers(0.0), Item(again=5.0)
    timers.watch(item, 5.0)
    for tick in range(30):
        timers.run(float(tick))
    assert len(item.seen) in (4, 5)


def test_a_late_run_misses_nothing() -> None:
    timers, item = Timers(0.0), Item()
    timers.watch(item, 3.0)
    timers.run(50.0)
    assert len(item.seen) == 1


def test_the_longest_time_is_the_wheels() -> None:
    timers, item = Timers(0.0), Item()
    timers.watch(item, 10_000.0)
    timers.run(float(SLOTS))
    assert len(item.seen) == 1
