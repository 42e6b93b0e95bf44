"""What has grown lately: the reading side of `recent:{b}`, for anti-entropy (I9)."""

from collections.abc import Iterable
from typing import Any

from cim_common.store import keys
from cim_common.store.flow import Flow


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
        self._seen = {bucket: seen for bucket, seen in self._seen.items() if bucket in set(asked)}
        replies = yield [
            ("ZRANGE", keys.recent(bucket), self._seen.get(bucket, 0), "+inf", "BYSCORE", "WITHSCORES")
            for bucket in asked
        ]
        grown: set[str] = set()
        uncertain: set[int] = set()
        for bucket, flat in zip(asked, replies, strict=True):
            self._read(bucket, flat, grown, uncertain)
        return grown, uncertain

    def _read(self, bucket: int, flat: list[Any], grown: set[str], uncertain: set[int]) -> None:
        seen = self._seen.get(bucket)
        scores = {member: int(float(score)) for member, score in zip(flat[::2], flat[1::2], strict=True)}
        counter = scores.pop(b"#", 0)
        if seen is None or counter < seen or (counter - seen > len(scores) and len(scores) >= 1_000):
            uncertain.add(bucket)
        self._seen[bucket] = counter
        grown.update(member.decode() for member, score in scores.items() if seen is None or score > seen)
