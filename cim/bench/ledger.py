"""Whether every message acknowledged was delivered exactly once and in order.

Each sender numbers its messages 1, 2, 3, ... in their text, so that a few integers say everything as long as all goes
well: a sender keeps how many it sent and which of them were not acknowledged, a receiver keeps for each sender the
number it expects next. Only what goes wrong takes memory of its own: gaps as ranges, the rest as counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_GAPS = 10_000
"""Ranges of missing messages one receiver keeps of one sender: beyond that the run is lost anyhow."""

Range = tuple[int, int]
"""First and last number of a range."""


class Arrivals:
    """What came to one receiver from one sender. `next` is the number expected."""

    __slots__ = ("duplicates", "gaps", "next", "out_of_order")

    def __init__(self) -> None:
        self.next = 1
        self.gaps: list[Range] = []
        self.duplicates = 0
        self.out_of_order = 0

    def take(self, number: int) -> None:
        """A message that came. The receiving loop takes the expected one itself, which is all but every one."""
        if number == self.next:
            self.next = number + 1
        elif number > self.next:
            if len(self.gaps) < MAX_GAPS:
                self.gaps.append((self.next, number - 1))
            self.next = number + 1
        else:
            self._late(number)

    def _late(self, number: int) -> None:
        """Below what was expected: it fills a gap, out of order, or has been here before."""
        for index, (first, last) in enumerate(self.gaps):
            if first <= number <= last:
                parts = [(first, number - 1), (number + 1, last)]
                self.gaps[index : index + 1] = [part for part in parts if part[0] <= part[1]]
                self.out_of_order += 1
                return
        self.duplicates += 1

    @property
    def count(self) -> int:
        """Different messages that came."""
        return self.next - 1 - sum(last - first + 1 for first, last in self.gaps)

    def record(self) -> list[Any]:
        """As JSON carries it between processes."""
        return [self.next, self.gaps, self.duplicates, self.out_of_order]

    @classmethod
    def of_record(cls, record: list[Any]) -> "Arrivals":
        arrivals = cls()
        arrivals.next, gaps, arrivals.duplicates, arrivals.out_of_order = record
        arrivals.gaps = [(first, last) for first, last in gaps]
        return arrivals


@dataclass(slots=True)
class Sendings:
    """What one sender sent: numbers 1 to `count`, all of them acknowledged but those in `unacknowledged`."""

    count: int = 0
    unacknowledged: list[int] = field(default_factory=list)

    @property
    def acked(self) -> int:
        return self.count - len(self.unacknowledged)

    def missing(self, arrivals: Arrivals) -> int:
        """Messages that were acknowledged and did not come."""
        ranges = [*arrivals.gaps, (arrivals.next, self.count)]
        missing = sum(last - first + 1 for first, last in ranges if first <= last)
        return missing - sum(any(first <= n <= last for first, last in ranges) for n in self.unacknowledged)


@dataclass(slots=True)
class Verdict:
    """What a whole run did. `acked` and `sent` count messages; `delivered` and the faults count deliveries."""

    sent: int = 0
    acked: int = 0
    delivered: int = 0
    lost: int = 0
    duplicates: int = 0
    out_of_order: int = 0
    stray: int = 0
    failed: int = 0
    unsettled: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether figures of this run may be called a result."""
        faults = self.lost + self.duplicates + self.out_of_order + self.stray + self.failed + self.unsettled
        return faults == 0 and not self.reasons

    def sentences(self) -> list[str]:
        """What is wrong, for people."""
        counts = {
            "acknowledged and not delivered": self.lost,
            "delivered twice": self.duplicates,
            "delivered out of order": self.out_of_order,
            "delivered to somebody else or unreadable": self.stray,
            "sent and not acknowledged": self.failed,
            "deliveries that could not be looked up": self.unsettled,
        }
        found = [f"{what}: {count}" for what, count in counts.items() if count]
        return found + [f"{reason}: {count}" for reason, count in sorted(self.reasons.items())] + self.examples


EXAMPLES = 5


def judge(
    sendings: Mapping[int, Sendings],
    arrivals: Iterable[tuple[int, Mapping[int, Arrivals]]],
    unsettled: Iterable[int] = (),
) -> Verdict:
    """Compare what senders had acknowledged with what each receiver got.

    `arrivals` gives every receiver with, for each sender whose messages are meant for it, what came. Receivers in
    `unsettled` lost their connection and could not read their log afterwards: what they lack is not known to be lost.
    """
    verdict = Verdict()
    for sending in sendings.values():
        verdict.sent += sending.count
        verdict.acked += sending.acked
    verdict.failed = verdict.sent - verdict.acked
    blind = set(unsettled)
    for receiver, by_sender in arrivals:
        for sender, came in by_sender.items():
            missing = sendings[sender].missing(came)
            verdict.delivered += came.count
            verdict.duplicates += came.duplicates
            verdict.out_of_order += came.out_of_order
            if receiver in blind:
                verdict.unsettled += missing
            else:
                verdict.lost += missing
            if missing + came.duplicates + came.out_of_order and len(verdict.examples) < EXAMPLES:
                gaps = ", ".join(f"{first}-{last}" for first, last in came.gaps[:3]) or "none"
                verdict.examples.append(
                    f"from {sender} to {receiver}: {missing} missing (gaps {gaps}; {came.next - 1} the last of"
                    f" {sendings[sender].count}), {came.duplicates} twice, {came.out_of_order} out of order"
                )
    return verdict
