"""Devices that have logged in at another server: the connection here is closed (I15).

Normally the other server rings. When rings may have been lost, every session here is compared with what the
store says, so that an older connection receives at most one round longer.
"""

from typing import Any

from cim_common.store import keys
from cim_common.store.flow import Flow
from cim_server.redis_link import RedisLink
from cim_server.sessions import Session, Sessions

CHECKED_AT_ONCE = 500


class Takeovers:
    """Closes connections whose device is held by another session."""

    def __init__(self, link: RedisLink, sessions: Sessions) -> None:
        self._link = link
        self._sessions = sessions
        self._checking = False

    def taken_over(self, user: int, device: str, connection: str) -> None:
        """Another server says that this connection's device is its own now."""
        session = self._sessions.get(user, device)
        if session is not None and session.record.connection == connection:
            self._close(session)

    def check_all(self) -> None:
        """Compare every session with the store; rings may have been lost."""
        if not self._checking and self._link.up:
            self._checking = True
            self._link.run(self._flow(), self._checked)

    def _flow(self) -> Flow[list[Session]]:
        lost: list[Session] = []
        everyone = self._sessions.all()
        for start in range(0, len(everyone), CHECKED_AT_ONCE):
            part = everyone[start : start + CHECKED_AT_ONCE]
            replies = yield [("HGET", keys.sessions(session.user), session.device) for session in part]
            lost.extend(
                session
                for session, text in zip(part, replies, strict=True)
                if text is not None and text != str(session.record).encode()
            )
        return lost

    def _checked(self, outcome: Any) -> None:
        self._checking = False
        if isinstance(outcome, list):
            for session in outcome:
                self._close(session)

    def _close(self, session: Session) -> None:
        session.held_by_other = True
        session.channel.door.superseded(session)
