"""Redis' time, so that limits and time stamps do not depend on how well the servers' clocks agree."""

import time

from cim_common.store.flow import Flow


class StoreClock:
    """Redis' time as last asked, carried on by the monotonic clock; the own wall clock until then."""

    def __init__(self) -> None:
        self._offset_s = time.time() - time.monotonic()

    def now_ms(self) -> int:
        """Unix time in ms by Redis' clock."""
        return int((time.monotonic() + self._offset_s) * 1000)

    def adjust(self) -> Flow[None]:
        """Ask Redis for its time."""
        asked = time.monotonic()
        (reply,) = yield [("TIME",)]
        seconds, micros = int(reply[0]), int(reply[1])
        self._offset_s = seconds + micros / 1e6 - (asked + time.monotonic()) / 2
