"""What bounds a connection; each limit with its unit and its reason."""

from typing import NamedTuple


class Limits(NamedTuple):
    """Bounds of one connection (docs/protocol.md lists them)."""

    max_frame_bytes: int = 65_536
    """Longest frame body accepted; a page of messages is cut to fit."""

    max_login_frame_bytes: int = 1_024
    """The same before login: a stranger may not make us buffer more than that. A legacy client
    stays at it: all it sends is a login and heartbeats."""


MAX_TEXT_BYTES = 16_384
"""UTF-8 bytes of one message: four of the longest fit into a frame."""

MAX_UNANSWERED_SENDS = 64
"""Sends without an answer per device and conversation: as far as the store walks a device's chain back (I5)."""

MAX_PAGE_ENTRIES = 200
MAX_PAGE_BYTES = 49_152
"""A page stays below a frame with room for its envelope."""

MAX_LIST_PAGE = 200
"""Conversations in one answer to LIST."""

MAX_TARGETS = 200
"""Users one change may concern: their names fit into an entry; larger groups are made in several steps."""

MAX_MEMBERS = 20_000
"""Members of a group."""

MAX_GROUP_NAME = 64
MAX_TOPIC = 256
MAX_REACTION_BYTES = 64
MAX_MEMBER_PAGE = 300
"""Members in one answer to MEMBERS: with the longest names they fit into a frame."""

MAX_SCHEDULED = 100
MAX_SCHEDULE_AHEAD_MS = 366 * 86_400_000
MAX_SCHEDULE_ID = 64

LOGIN_TIMEOUT_S = 10.0
"""A connection that has not logged in by then is closed."""

IDLE_TIMEOUT_S = 30.0
"""Silence after which the server closes and the session is gone; three missed pings."""

PING_INTERVAL_S = 10.0
"""A client that wrote nothing for so long sends a PING."""
