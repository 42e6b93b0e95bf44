"""Drives the group commit over the pump's Redis connection: one batch in flight, all else waits for it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from cim_common import faults
from cim_common.accept import Append, Status
from cim_common.faults import Point
from cim_common.store import resp
from cim_common.store.clock import StoreClock
from cim_common.store.commit import RETRY_AWAY_MS, GroupCommit
from cim_common.store.flow import StoreError, StoreUnavailable
from cim_common.wire.codes import Code
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink

_CREATE = Status.CREATE


class CommitWorker:
    """Takes appends, settles them, and hands new entries on for local delivery.

    Every append's owner is told exactly once. `applied` is called with each new append and its entry before the
    answers of its batch go out.
    """

    def __init__(
        self,
        pump: Pump,
        link: RedisLink,
        group: GroupCommit,
        clock: StoreClock,
        applied: Callable[[Append, bytes], None],
    ) -> None:
        self._pump = pump
        self._link = link
        self._group = group
        self._clock = clock
        self._applied = applied
        self._following = 0
        pump.at_end_of_pass(self._write)
        pump.store_busy = lambda: group.in_flight

    @property
    def idle(self) -> bool:
        """Whether every append has been settled and every push written."""
        return not (self._group.in_flight or self._group.waiting or self._following)

    @property
    def waiting(self) -> int:
        return self._group.waiting

    @property
    def waiting_bytes(self) -> int:
        return self._group.waiting_bytes

    @property
    def refused(self) -> int:
        return self._group.refused

    @property
    def batches(self) -> int:
        return self._group.batches

    @property
    def appended(self) -> int:
        return self._group.appended

    def submit(self, append: Append) -> None:
        if not self._link.up:
            append.refuse(Status.RETRY, Code.STORE_UNAVAILABLE, RETRY_AWAY_MS)
            append.owner.settled(append)
        elif not self._group.submit(append):
            append.owner.settled(append)

    def store_back(self) -> None:
        """The connection is there."""
        self._group.connected(self._link.start)

    def store_lost(self) -> None:
        """The connection is gone: nothing of what waits is committed."""
        _settle(self._group.drain(Code.STORE_UNAVAILABLE))

    def _write(self) -> None:
        group = self._group
        if group.in_flight:
            _settle(group.expired(self._pump.now))
            return
        write = group.next_write(self._clock.now_ms())
        if write is not None:
            self._link.write(write[0], write[1] + 1, self._answered)
            if faults.armed:
                self._link.flush()
                faults.reach(Point.APPEND_WRITTEN)
            return
        bells = group.doorbells()
        if bells is not None:
            self._link.write(*bells, _nothing)
            if faults.armed:
                self._link.flush()
                faults.reach(Point.PUSHES_WRITTEN)

    def _answered(self, replies: list[Any] | StoreUnavailable) -> None:
        error = replies if isinstance(replies, StoreUnavailable) else resp.first_error(replies[-1:])
        if error is not None:
            _settle(self._group.fail(error))
            return
        assert isinstance(replies, list)
        if faults.armed:
            faults.reach(Point.APPEND_ANSWERED)
        appends, stored = self._group.complete(replies[-1])
        applied = self._applied
        for append, entry in stored:
            applied(append, entry)
        unfinished = []
        for append in appends:
            if append.todo or append.status is _CREATE:
                unfinished.append(append)
            else:
                append.owner.settled(append)
        if faults.armed and stored:
            self._pump.flush()
            faults.reach(Point.ACKNOWLEDGED)
        for flow, concerned in self._group.follow_up(unfinished, self._clock.now_ms()):
            self._following += 1
            self._link.run(flow, partial(self._followed, concerned))

    def _followed(self, concerned: list[Append], outcome: bool | StoreError | StoreUnavailable | None) -> None:
        self._following -= 1
        if not concerned:
            return
        create = concerned[0].status is Status.CREATE
        if isinstance(outcome, StoreError | StoreUnavailable):
            for append in concerned:
                append.refuse(Status.RETRY, Code.OUTCOME_UNKNOWN, RETRY_AWAY_MS)
            _settle(concerned)
        elif create:
            _settle(self._group.created(concerned, bool(outcome)))
        else:
            _settle(concerned)


def _settle(appends: list[Append]) -> None:
    for append in appends:
        append.owner.settled(append)


def _nothing(replies: object) -> None:
    """Doorbells need no answer (I9)."""
