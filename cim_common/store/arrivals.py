"""Legacy users on their way: between /login at route and the LOGIN frame at a server they count as here.

What is written to them meanwhile is in the logs; only the lobby needs a note, for there a legacy device starts
at the head of its /login (missed lobby messages are not replayed).
"""

from cim_common import ids
from cim_common.store import keys
from cim_common.store.flow import Flow

DEVICE = "legacy"
"""The one device of a legacy user."""

EXPECTED_MS = 10_000
"""How long after /login a user counts as online without a connection."""

_LOGIN = "@login"


def expect(user: int, now_ms: int) -> Flow[None]:
    """A legacy user has called /login: its lobby begins here."""
    (head,) = yield [("HGET", keys.conv(ids.LOBBY), "l")]
    yield [("HSET", keys.cursors(user, DEVICE), ids.LOBBY, head or 0, _LOGIN, now_ms)]


def arrived(user: int) -> Flow[None]:
    """The LOGIN frame has come: from here on the session says whether the user is here."""
    yield [("HDEL", keys.cursors(user, DEVICE), _LOGIN)]


def is_expected(user: int, now_ms: int) -> Flow[bool]:
    """Whether a legacy user has called /login just now."""
    (at,) = yield [("HGET", keys.cursors(user, DEVICE), _LOGIN)]
    return at is not None and now_ms - int(at) < EXPECTED_MS
