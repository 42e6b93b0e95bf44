"""What has grown lately: the reading side of `recent`, for anti-entropy (I9).

Each call of the append script that stores something names the conversations of its batch there, four bytes each
(`mention`), in one stream entry. So it costs a message next to nothing, and whoever reads learns of a conversation only
that it may have grown: another one of the same hash may be meant, or what was sent there may have been refused.
"""

import zlib
from collections.abc import Sequence
from struct import unpack
from typing import Any

from cim_common.store import keys
from cim_common.store.flow import Command, Flow

AT_ONCE = 2_048
"""Stream entries read in one command: 2 MB at most, each is a batch of up to 256 messages."""


def mention(conversation: str) -> bytes:
    """What names a conversation in `recent`."""
    return hash_of(conversation).to_bytes(4, "little")


def hash_of(conversation: str) -> int:
    return zlib.crc32(conversation.encode())


class Grown:
    """Which conversations may have grown: those of some hashes, or all."""

    __slots__ = ("everything", "hashes")

    def __init__(self) -> None:
        self.everything = False
        self.hashes: set[int] = set()

    def add(self, mentions: bytes) -> None:
        self.hashes.update(unpack(f"<{len(mentions) // 4}I", mentions))

    def __bool__(self) -> bool:
        return self.everything or bool(self.hashes)

    def __contains__(self, conversation: str) -> bool:
        return self.everything or hash_of(conversation) in self.hashes


class RecentReader:
    """Remembers up to which entry it has read.

    A read begins with the entry seen last. That it is not there any more means that more was appended since than
    is kept, or that the store was set back: then everything may have grown.
    """

    def __init__(self) -> None:
        self._seen: bytes | None = None
        self.more = False
        """The last reply was full: there may be more to be read at once."""

    def forget(self) -> None:
        """What the last call returned was not made use of: let the next return it again."""
        self._seen = None

    def grown(self) -> Flow[Grown]:
        """What may have grown since the last call; everything at the first."""
        found = Grown()
        while True:
            (reply,) = yield [self.command()]
            self.take(reply, found)
            if not self.more:
                return found

    def command(self) -> Command:
        """What `grown` asks, for those who ask more in the same pipeline; `take` reads the reply."""
        if self._seen is None:
            return ("XREVRANGE", keys.RECENT, "+", "-", "COUNT", 1)
        return ("XRANGE", keys.RECENT, self._seen, "+", "COUNT", AT_ONCE)

    def take(self, reply: Sequence[Any], into: Grown) -> None:
        """Add what a reply to `command` tells."""
        first = self._seen is None
        self.more = not first and len(reply) == AT_ONCE
        if first or not reply or reply[0][0] != self._seen:
            into.everything = True
        else:
            for _, fields in reply[1:]:
                into.add(fields[1])
        self._seen = reply[-1][0] if reply else None
