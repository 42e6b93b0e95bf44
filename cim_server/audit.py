"""The audit: sessions here compared with the store, and noted there as in use.

Doorbells also say that a device has logged in elsewhere or was logged out, and that a user's conversation list has
moved on. When the push stream had to be made anew, or more came than it keeps, or this server was taken for dead for a
while, or another server has gone, every session is checked (I9): an older connection so receives at most one round
longer (I15), and no new conversation goes unnoticed. So is a session whose cursors were refused: another one must hold
its device.

After Redis was started anew the store may be an older copy, which does not know the sessions that were claimed later,
or knows those before them: such connections end with SESSION_LOST and are made again (I22).

Apart from that each session is checked every two minutes. The same call notes when its device was last in use, so
that what a killed server leaves behind tells that too.
"""

from collections.abc import Sequence
from typing import Any

from cim_common.store import sessions as store
from cim_common.store.clock import StoreClock
from cim_common.store.flow import Flow, StoreUnavailable
from cim_common.store.sessions import Standing
from cim_common.wire.codes import Code
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink
from cim_server.sessions import Session, Sessions

CHECKED_AT_ONCE = 200
EVERY_S = 120.0
AGAIN_S = 1.0
"""When to check again after the store did not answer."""


class Audit:
    """Compares, and tells the doors what they have missed."""

    def __init__(self, pump: Pump, link: RedisLink, clock: StoreClock, sessions: Sessions) -> None:
        self._pump = pump
        self._link = link
        self._clock = clock
        self._sessions = sessions
        self._running = False
        self._due = False

    def start(self) -> None:
        self._pump.timers.after(EVERY_S, self._tick)

    def _tick(self) -> None:
        self.run_now()
        self._pump.timers.after(EVERY_S, self._tick)

    def run_now(self) -> None:
        """Check every session: now, or when a check that is running has ended, or when the store is back."""
        self._due = True
        self.go_on()

    def go_on(self) -> None:
        """The store is there: check what is due."""
        if self._due and not self._running and self._link.up:
            self._due, self._running = False, True
            self._link.run(self._flow(self._sessions.all()), self._finished)

    def check(self, session: Session) -> None:
        """Check one session."""
        self._link.run(self._flow([session]), self._act)

    def _flow(self, sessions: Sequence[Session]) -> Flow[list[tuple[Session, Standing]]]:
        found: list[tuple[Session, Standing]] = []
        for start in range(0, len(sessions), CHECKED_AT_ONCE):
            part = [session for session in sessions[start : start + CHECKED_AT_ONCE] if _counts(session)]
            asked = [(session.user, session.device, session.record) for session in part]
            standings = yield from store.seen(asked, self._clock.now_ms())
            found.extend(zip(part, standings, strict=True))
        return found

    def _finished(self, outcome: Any) -> None:
        self._running = False
        self._act(outcome)
        if isinstance(outcome, StoreUnavailable):
            self._due = True
            self._pump.timers.after(AGAIN_S, self.go_on)
        else:
            self.go_on()

    def _act(self, outcome: Any) -> None:
        if not isinstance(outcome, list):
            return
        for session, standing in outcome:
            if not _counts(session):
                continue
            session.receipts = standing.receipts
            since_start, session.start = session.start == self._link.start, self._link.start
            if session.version not in (None, standing.version):
                log_out(session)
            elif not since_start and (
                standing.holder != str(session.record) or standing.list_version < session.list_version
            ):
                lose(session)
            elif standing.holder not in ("", str(session.record)):
                supersede(session)
            elif standing.list_version > session.list_version:
                session.channel.door.list_changed(session, standing.list_version)


def _counts(session: Session) -> bool:
    return session.channel.open and not session.held_by_other


def supersede(session: Session) -> None:
    """Another connection holds the device now (I15)."""
    session.held_by_other = True
    session.channel.door.superseded(session)


def lose(session: Session) -> None:
    """The store does not know of it, or not of all it was told: an older copy (I22). The client comes back, and begins
    with what is there."""
    session.held_by_other = True
    session.channel.close(Code.SESSION_LOST)


def log_out(session: Session) -> None:
    """The device was logged out: its connection ends, and does not come back by itself."""
    session.held_by_other = True
    session.channel.close(Code.LOGGED_OUT)
