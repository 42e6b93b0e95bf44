"""Presence: whether a user is here, for those who ask, and for the other side of direct conversations as it changes.

A change is told a moment later, once, if it still holds then: a client that reconnects goes unnoticed. Offline is said
only when no other server has a session of the user. Nothing of it is stored, nothing is promised.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

from cim_common import ids, names
from cim_common.store import accounts, keys, presence, sessions
from cim_common.store.flow import Flow
from cim_common.store.interest import Liveness
from cim_common.store.presence import Directory
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Signal as Kind
from cim_common.wire.messages import Presence, PresenceInfo, Signal
from cim_server.answers import Table, answer, fail, unanswered
from cim_server.channel import Channel
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink
from cim_server.sessions import Session, Sessions

SETTLE_S = 2.0
SETTLED_AT_ONCE = 200
SETTLED_EVERY_S = 0.05
"""After a rush, when thousands come within a second: all at once would be as many questions at one time."""

MAX_CHANGING = 10_000
"""Users whose coming or going waits to be told; beyond that it is not."""

MAX_TOLD = 200
"""Conversations of a user in which it is told, the newest ones."""


class PresenceDoor:
    """PRESENCE of v2 clients, and what logins and ends of sessions tell others."""

    def __init__(
        self,
        pump: Pump,
        link: RedisLink,
        sessions: Sessions,
        liveness: Liveness,
        tell: Callable[[Signal], None],
        directory: Directory,
    ) -> None:
        self._pump = pump
        self._link = link
        self._sessions = sessions
        self._liveness = liveness
        self._tell = tell
        self._directory = directory
        self._changing: dict[int, tuple[str, bool]] = {}
        self.table: Table = {Presence: self._asked}

    @property
    def waiting(self) -> int:
        return len(self._changing)

    # -- who asks ------------------------------------------------------------------------------------------

    def _asked(self, channel: Channel, event: Presence) -> None:
        try:
            name = names.canonical(event.name)
        except names.BadName:
            fail(channel, event.request, Code.NO_SUCH_USER)
            return
        session: Session = channel.session
        self._link.run(self._look_up(session.user, name), lambda outcome: self._found(channel, event, name, outcome))

    def _look_up(self, viewer: int, name: str) -> Flow[tuple[int, presence.Presence] | None]:
        account = yield from accounts.by_name(name)
        if account is None:
            return None
        found = yield from presence.of(viewer, account.id, self._liveness.live, self._directory)
        return None if found is None else (account.id, found)

    def _found(self, channel: Channel, event: Presence, name: str, outcome: Any) -> None:
        if unanswered(channel, event.request, outcome):
            return
        if outcome is None:
            fail(channel, event.request, Code.NO_SUCH_USER)
        else:
            user, (online, seen_ms) = outcome
            answer(channel, PresenceInfo(event.request, user, name, online, seen_ms))

    # -- who comes and goes --------------------------------------------------------------------------------

    def changed(self, user: int, name: str, here: bool) -> None:
        """A user has its first connection on this server, or has lost its last."""
        before = self._changing.pop(user, None)
        if before is not None and before[1] is not here:
            return  # back before anybody was told
        if len(self._changing) < MAX_CHANGING:
            if not self._changing:
                self._pump.timers.after(SETTLE_S, self._settle)
            self._changing[user] = (name, here)

    def _settle(self) -> None:
        if not self._link.up:
            self._changing.clear()
            return
        for user in list(itertools.islice(self._changing, SETTLED_AT_ONCE)):
            name, here = self._changing.pop(user)
            if bool(self._sessions.of_user(user)) is here:
                self._link.run(self._told_where(user, here), partial(self._say, user, name, here))
        if self._changing:
            self._pump.timers.after(SETTLED_EVERY_S, self._settle)

    def _told_where(self, user: int, here: bool) -> Flow[list[str]]:
        """The direct conversations in which to tell it; none if the user does not want that, or is elsewhere still."""
        ((silent,),) = yield [("HMGET", keys.user(user), "no_seen")]
        if silent == b"1":
            return []
        if not here:
            elsewhere = yield from sessions.of_user(user)
            if any(not self._liveness.is_dead(session.server) for session in elsewhere.values()):
                return []
        (newest,) = yield [("ZREVRANGE", keys.conversations(user), 0, MAX_TOLD)]  # one more: the counter is among them
        direct = [name for member in newest if ids.peer(name := member.decode(), user) not in (0, user)]
        if not direct:
            return []
        records = yield [("HGET", keys.conv(name), f"m:{ids.peer(name, user)}") for name in direct]
        return [name for name, record in zip(direct, records, strict=True) if record and record[:1] == b"m"]

    def _say(self, user: int, name: str, here: bool, found: Any) -> None:
        if isinstance(found, list):
            for conversation in found:
                self._tell(Signal(conversation, Kind.ONLINE if here else Kind.OFFLINE, user, name))
