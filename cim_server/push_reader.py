"""Reads this server's push stream: one connection, one blocking read after the other (I9)."""

from collections.abc import Callable
from typing import Any

import structlog
from google.protobuf.message import DecodeError

from cim_common import faults
from cim_common.faults import Point
from cim_common.store import keys, push, resp
from cim_common.store.flow import Command, StoreUnavailable
from cim_common.store.push import MAX_STREAM_LENGTH, Rung
from cim_common.wire.doorbell_pb2 import Doorbell
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink

log = structlog.get_logger()

BLOCK_MS = 2_000
"""Below the link's own deadline for a reply."""

COUNT = 512
LOST_ABOVE = MAX_STREAM_LENGTH * 3 // 4
"""So many doorbells in one read: older ones may have been trimmed before we came."""

RETRY_S = 0.2


class PushReader:
    """Hands each doorbell on; `lost` is called when some may be missing."""

    def __init__(
        self,
        pump: Pump,
        url: str,
        server: str,
        rung: Callable[[Doorbell, list[Rung]], None],
        lost: Callable[[], None],
    ) -> None:
        self._pump = pump
        self._key = keys.push(server)
        self._rung = rung
        self._lost = lost
        self._last = b"0-0"
        self.doorbells = 0
        self.losses = 0
        self.link = RedisLink(pump, url, "push", on_up=self._connected)

    def _connected(self) -> None:
        if self._last != b"0-0":
            self._may_have_lost()
        self._read()

    def _read(self) -> None:
        command: Command = ("XREAD", "COUNT", COUNT, "BLOCK", BLOCK_MS, "STREAMS", self._key, self._last)
        self.link.write(resp.pack([command]), 1, self._answered)

    def _answered(self, replies: list[Any] | StoreUnavailable) -> None:
        if isinstance(replies, StoreUnavailable):
            return  # Read again when the link is back.
        error = resp.first_error(replies)
        if error is not None:
            log.error("push_stream_unreadable", error=str(error))
            self._pump.timers.after(RETRY_S, self._read)
            return
        (answer,) = replies
        if answer is not None:
            entries = answer[0][1]
            if faults.armed:
                faults.reach(Point.PUSH_READ)
            for entry_id, fields in entries:
                self._last = entry_id
                self._ring(fields)
            if faults.armed:
                faults.reach(Point.APPLIED)
                self._pump.flush()
                faults.reach(Point.SOCKET_WRITTEN)
            if len(entries) >= LOST_ABOVE:
                self._may_have_lost()
        self._read()

    def _may_have_lost(self) -> None:
        self.losses += 1
        self._lost()

    def _ring(self, fields: list[bytes]) -> None:
        self.doorbells += 1
        try:
            bell, rungs = push.read(fields)
        except DecodeError:
            log.error("doorbell_undecodable", length=len(fields[1]))
            self._may_have_lost()
        else:
            self._rung(bell, rungs)
