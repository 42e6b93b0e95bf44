"""The event loop's own account of how long it kept others waiting."""

import os
import time

import pytest
import trio

from cim_server.pump import Pump


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
