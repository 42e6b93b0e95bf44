"""Scheduled messages: what v2 clients ask about them, and sending them when they are due (I24).

Every server sweeps; which of several sends a message is decided by the append script. So nothing has to be handed
over when a server dies, and a server that comes back sends what became due meanwhile.
"""

import secrets
from typing import Any

import structlog

from cim_common import accept, ids
from cim_common.accept import Append
from cim_common.store import firing, schedules
from cim_common.store.clock import StoreClock
from cim_common.store.conversations import may_take_part
from cim_common.store.firing import Firing
from cim_common.store.flow import StoreError
from cim_common.store.schedules import Asker, Outcome, Record
from cim_common.wire.codes import Code
from cim_common.wire.limits import MAX_PAGE_BYTES
from cim_common.wire.messages import Cancel, Schedule, ScheduleList, Schedules
from cim_server.answers import RETRY_MS, Table, answer, done, fail, unanswered
from cim_server.channel import Channel
from cim_server.commit import CommitWorker
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink
from cim_server.sessions import Session

log = structlog.get_logger()

SWEEP_S = 1.0
"""A message goes out at most this long after its time, and the time of a commit."""

AGAIN_S = 0.05
"""The same when the last sweep found more than it took."""

OVERHEAD_BYTES = 256
"""Bytes of a scheduled message in a list, beside its text."""


class _Sending:
    """The owner of the append of one firing."""

    __slots__ = ("_firing", "_scheduling")

    def __init__(self, scheduling: "Scheduling", found: Firing) -> None:
        self._scheduling = scheduling
        self._firing = found

    def settled(self, append: Append) -> None:
        self._scheduling.settled(self._firing, append)


class Scheduling:
    """SCHEDULE, CANCEL and SCHEDULES of v2 clients, and the sweeps of one server."""

    def __init__(self, pump: Pump, link: RedisLink, commit: CommitWorker, clock: StoreClock) -> None:
        self._pump = pump
        self._link = link
        self._commit = commit
        self._clock = clock
        self._sending: set[str] = set()
        """What is being sent, as it stands in `due`; another sweep finds it again meanwhile."""
        self.table: Table = {Schedule: self._schedule, Cancel: self._cancel, Schedules: self._list}

    @property
    def sending(self) -> int:
        return len(self._sending)

    # -- what clients ask ------------------------------------------------------------------------------

    def _schedule(self, channel: Channel, event: Schedule) -> None:
        session: Session = channel.session
        request, name, conversation, at_ms, text = event
        code = accept.check_text(text)
        if not schedules.is_schedule_id(name):
            code = Code.BAD_REQUEST
        elif not may_take_part(conversation, session.user):
            code = Code.NO_SUCH_CONVERSATION
        if code is not None:
            fail(channel, request, code, conversation)
            return
        flow = schedules.schedule(
            session.user, name, conversation, min(at_ms, ids.MAX_SEQ), text, self._clock.now_ms(), _asker(session)
        )
        self._link.run(flow, lambda outcome: self._answer(channel, request, conversation, outcome))

    def _cancel(self, channel: Channel, event: Cancel) -> None:
        session: Session = channel.session
        flow = schedules.cancel(session.user, event.id, self._clock.now_ms(), _asker(session))
        self._link.run(flow, lambda outcome: self._answer(channel, event.request, "", outcome))

    def _answer(self, channel: Channel, request: int, conversation: str, outcome: Any) -> None:
        if unanswered(channel, request, outcome, conversation):
            return
        assert isinstance(outcome, Outcome)
        if outcome.code is None:
            done(channel, request)
        else:
            after_ms = RETRY_MS if 2000 <= outcome.code < 3000 else 0
            fail(channel, request, outcome.code, conversation, after_ms, outcome.seq)

    def _list(self, channel: Channel, event: Schedules) -> None:
        session: Session = channel.session
        flow = schedules.waiting(session.user, self._clock.now_ms())
        self._link.run(flow, lambda found: self._listed(channel, event, found))

    def _listed(self, channel: Channel, event: Schedules, found: Any) -> None:
        if unanswered(channel, event.request, found):
            return
        rest: list[Record] = [record for record in found if record.id > event.after]
        size = 0
        page: list[Schedule] = []
        for record in rest:
            size += len(record.text.encode()) + OVERHEAD_BYTES
            if page and size > MAX_PAGE_BYTES:
                break
            page.append(Schedule(0, record.id, record.conversation, record.at_ms, record.text))
        answer(channel, ScheduleList(event.request, tuple(page), len(page) < len(rest)))

    # -- when they are due -----------------------------------------------------------------------------

    def start(self) -> None:
        self._pump.timers.after(0, self._sweep)

    def _sweep(self) -> None:
        if not self._link.up or len(self._sending) >= firing.MOST:
            self._pump.timers.after(SWEEP_S, self._sweep)
        else:
            self._link.run(firing.sweep(secrets.randbelow(ids.BUCKETS), self._clock.now_ms()), self._found)

    def _found(self, outcome: Any) -> None:
        firings, more = outcome if isinstance(outcome, tuple) else ([], False)
        if isinstance(outcome, StoreError):
            log.error("schedules_unreadable", error=str(outcome))
        new = [found for found in firings if found.member not in self._sending]
        for found in new:
            self._sending.add(found.member)
            self._commit.submit(found.append(_Sending(self, found), self._clock.now_ms(), self._pump.now))
        self._pump.timers.after(AGAIN_S if more and new else SWEEP_S, self._sweep)

    def settled(self, found: Firing, append: Append) -> None:
        """An append of ours has its outcome. Whatever fails from here on, a later sweep or request finds."""
        flow = found.after(append)
        if flow is None:
            self._sending.discard(found.member)
        else:
            self._link.run(flow, lambda outcome: self._sending.discard(found.member))


def _asker(session: Session) -> Asker:
    return Asker(session.device, session.record)
