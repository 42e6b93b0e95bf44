"""The audit: sessions here compared with the store, after doorbells may have been lost (I9).

Doorbells also say that a device has logged in elsewhere and that a user's conversation list has moved on. When
the push stream had to be made anew, or more came than it keeps, or this server was taken for dead for a while,
every session is checked once: an older connection so receives at most one round longer (I15), and no new
conversation goes unnoticed.
"""

from typing import Any, NamedTuple

from cim_common.store import keys
from cim_common.store.flow import Flow
from cim_server.redis_link import RedisLink
from cim_server.sessions import Session, Sessions

CHECKED_AT_ONCE = 500


class Found(NamedTuple):
    """What the store says of a session: who holds its device, and the version of its user's list."""

    session: Session
    holder: bytes | None
    version: int


class Audit:
    """Compares, and tells the doors what they have missed."""

    def __init__(self, link: RedisLink, sessions: Sessions) -> None:
        self._link = link
        self._sessions = sessions
        self._running = False

    def run_now(self) -> None:
        """Check every session, unless a check is running or the store is away."""
        if not self._running and self._link.up:
            self._running = True
            self._link.run(self._flow(), self._finished)

    def _flow(self) -> Flow[list[Found]]:
        found: list[Found] = []
        everyone = self._sessions.all()
        for start in range(0, len(everyone), CHECKED_AT_ONCE):
            part = everyone[start : start + CHECKED_AT_ONCE]
            holders = yield [("HGET", keys.sessions(session.user), session.device) for session in part]
            versions = yield [("ZSCORE", keys.conversations(session.user), "#") for session in part]
            found.extend(
                Found(session, holder, int(float(version or 0)))
                for session, holder, version in zip(part, holders, versions, strict=True)
            )
        return found

    def _finished(self, outcome: Any) -> None:
        self._running = False
        if not isinstance(outcome, list):
            return
        for session, holder, version in outcome:
            if not session.channel.open:
                continue
            if holder is not None and holder != str(session.record).encode():
                supersede(session)
            elif version > session.list_version:
                session.channel.door.list_changed(session, version)


def supersede(session: Session) -> None:
    """Another connection holds the device now (I15)."""
    session.held_by_other = True
    session.channel.door.superseded(session)
