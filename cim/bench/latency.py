"""Latencies as HdrHistograms: recorded cheaply, merged over processes, read as percentiles.

Recording one value into the library's histogram costs 1 µs, as much as reading a frame. So a loop appends values to a
list, `Counter` adds the list up at 50 ns a value, and what is recorded is one call per different value.
"""

from collections import Counter
from typing import Any

MIN_US = 1
MAX_US = 120_000_000
"""What is longer counts as this long: no run waits two minutes for a message."""

DIGITS = 3
FLUSH_AT = 50_000
"""Different values counted before they are recorded: what bounds the counter."""

ENOUGH_FOR_P99_9 = 1_000

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99_9": 99.9}


class Latencies:
    """A distribution of durations in microseconds. `waiting` is the list that a loop appends to."""

    def __init__(self) -> None:
        from hdrh.histogram import HdrHistogram

        self._histogram: Any = HdrHistogram(MIN_US, MAX_US, DIGITS)
        self._counts: Counter[int] = Counter()
        self.waiting: list[int] = []

    def gather(self) -> None:
        """Count what waits; call it every few thousand values."""
        self._counts.update(self.waiting)
        self.waiting.clear()
        if len(self._counts) > FLUSH_AT:
            self._flush()

    def _flush(self) -> None:
        for value, count in self._counts.items():
            self._histogram.record_value(min(max(value, MIN_US), MAX_US), count)
        self._counts.clear()

    def encoded(self) -> str:
        """The whole histogram as text, for another process; HdrHistogram's own V2 format."""
        self.gather()
        self._flush()
        text: bytes = self._histogram.encode()
        return text.decode()

    def add(self, encoded: str) -> None:
        self._histogram.decode_and_add(encoded)

    @property
    def count(self) -> int:
        """Values recorded."""
        self.gather()
        self._flush()
        return int(self._histogram.get_total_count())

    def percentiles_ms(self) -> dict[str, float] | None:
        """p50, p90, p99, p99_9 and max in milliseconds; None when nothing was recorded.

        p99_9 is left out below a thousand values: it would be the largest by another name.
        """
        if not self.count:
            return None
        found = {name: self._histogram.get_value_at_percentile(at) / 1000 for name, at in PERCENTILES.items()}
        if self.count < ENOUGH_FOR_P99_9:
            del found["p99_9"]
        return {**found, "max": self._histogram.get_max_value() / 1000}
