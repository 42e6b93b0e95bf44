"""What has grown lately: the reading side of `recent:{b}`, for anti-entropy (I9)."""

from collections.abc import Iterable, Sequence
from typing import Any

from cim_common.store import keys
from cim_common.store.flow import Command, Flow


class RecentReader:
    """Remembers, per bucket, the counter up to which it has seen appends.

    A read includes the last counter seen, which is always there (member `#` carries the counter): an
    empty answer means the bucket went back, a restored store, and everything in it may have changed. So it
    does when more was appended than is kept.
    """

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    def forget(self) -> None:
        """What the last call returned was not made use of: let the next return it again."""
        self._seen = {}

    def grown(self, buckets: Iterable[int]) -> Flow[tuple[set[str], set[int]]]:
        """Conversations that grew since the last call, and buckets of which only that is known that they did."""
        asked = list(buckets)
        if not asked:
            return set(), set()
        return self.take(asked, (yield self.commands(asked)))

    def commands(self, buckets: Sequence[int]) -> list[Command]:
        """What `grown` asks, for those who ask more in the same pipeline; `take` reads the replies."""
        return [self._command(bucket) for bucket in buckets]

    def _command(self, bucket: int) -> Command:
        seen = self._seen.get(bucket)
        if seen is None:
            return ("ZSCORE", keys.recent(bucket), "#")
        return ("ZRANGE", keys.recent(bucket), seen, "+inf", "BYSCORE", "WITHSCORES")

    def take(self, buckets: Sequence[int], replies: Sequence[Any]) -> tuple[set[str], set[int]]:
        asked = set(buckets)
        self._seen = {bucket: seen for bucket, seen in self._seen.items() if bucket in asked}
        grown: set[str] = set()
        uncertain: set[int] = set()
        for bucket, flat in zip(buckets, replies, strict=True):
            self._read(bucket, flat, grown, uncertain)
        return grown, uncertain

    def _read(self, bucket: int, reply: Any, grown: set[str], uncertain: set[int]) -> None:
        seen = self._seen.get(bucket)
        if seen is None:
            uncertain.add(bucket)
            self._seen[bucket] = int(float(reply or 0))
            return
        scores = {member: int(float(score)) for member, score in zip(reply[::2], reply[1::2], strict=True)}
        counter = scores.pop(b"#", 0)
        if counter < seen or (counter - seen > len(scores) and len(scores) >= 1_000):
            uncertain.add(bucket)
        self._seen[bucket] = counter
        grown.update(member.decode() for member, score in scores.items() if score > seen)
