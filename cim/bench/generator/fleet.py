"""Generator processes from the outside: started with their plans, steered, and their books put together."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cim.bench import proc
from cim.bench.generator.plan import Member, Plan
from cim.bench.latency import Latencies
from cim.bench.ledger import Arrivals, Sendings, Verdict, judge
from cim.bench.target import Server
from cim.bench.worker import GeneratorError, Worker

GENERATOR = "cim.bench.generator"

LIVE_S = 120.0
"""Until every connection is logged in and hears its conversation."""

ANSWER_S = 15.0
"""How long answers are waited for after the last send: a server answers within 10 s, or never."""

DELIVERY_S = 15.0
"""How long deliveries are waited for after the last answer: anti-entropy finds what a doorbell missed in 3 s."""

LONE_S = 5.0
"""How long one message is waited for."""

QUIET_S = 0.3

BESIDE_CONNECTIONS = 20
"""Descriptors a generator needs for other things."""

SETTLE_S = 30.0
SLACK_S = 30.0


Renewal = Callable[[Sequence[int]], dict[int, str]]
"""Fresh connect tokens by slot."""


class Mark(NamedTuple):
    """Counts of all processes at about one moment, and their processor time so far."""

    at_us: float
    sent: int
    acked: int
    delivered: int
    failed: int
    cpu_s: float


class Lone(NamedTuple):
    """One message by itself: to how many it came, and milliseconds until the last of them had read it."""

    deliveries: int
    last_ms: float


@dataclass(slots=True)
class Report:
    """What the whole run did, and how long what took."""

    verdict: Verdict
    ack: Latencies = field(default_factory=Latencies)
    delivery: Latencies = field(default_factory=Latencies)
    lateness: Latencies = field(default_factory=Latencies)
    unsent: int = 0


class Fleet:
    """Generator processes with their members logged in. Use `fleet`."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        self._parts = [plan["members"] for plan in plans]
        self.reasons: dict[str, int] = {}
        self._workers = [Worker(GENERATOR, plan) for plan in plans]

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._workers]

    def wait_until_live(self, members: int, say: Callable[[str], None] = lambda text: None) -> None:
        """Until every member is logged in and hears its conversation.

        Raises:
            GeneratorError: some are not.
        """
        say(f"logging in {members} connections")
        live = 0
        for answer in self._answers(LIVE_S):
            live += answer["live"]
            self._count(answer["reasons"])
        if live < members:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in self.reasons.items())
            raise GeneratorError(f"Only {live} of {members} connections came up: {reasons}.")

    def start_closed(self, in_flight: int) -> None:
        """Every sender keeps so many messages unanswered."""
        self._ask(SLACK_S, {"do": "start", "in_flight": in_flight})

    def start_open(self, rate: float) -> None:
        """So many messages a second over all senders, evenly spaced, whatever the answers."""
        count = len(self._workers)
        commands = [{"do": "start", "rate": rate / count, "phase": index / count} for index in range(count)]
        self._ask(SLACK_S, *commands)

    def mark(self, keep: bool | None = None) -> Mark:
        """The counts now; from here on latencies are kept (True), or are not (False)."""
        answers = self._ask(SLACK_S, {"do": "mark", "keep": keep})
        parts = [[answer[name] for answer in answers] for name in ("sent", "acked", "delivered", "failed", "cpu_s")]
        sent, acked, delivered, failed, cpu_s = map(sum, parts)
        return Mark(sum(answer["at_us"] for answer in answers) / len(answers), sent, acked, delivered, failed, cpu_s)

    def pause(self) -> None:
        """Send nothing more, until all that was sent has been answered and nothing has come for a moment."""
        self._ask(ANSWER_S + SLACK_S, {"do": "stop", "within_s": ANSWER_S})
        deadline = time.monotonic() + DELIVERY_S
        before, now = -1, self.mark().delivered
        while before != now and time.monotonic() < deadline:
            time.sleep(QUIET_S)
            before, now = now, self.mark().delivered

    def lone(self, sender: int) -> Lone:
        """One message of one sender, while nothing else is sent: when the last of those who hear it have it."""
        self._ask(SLACK_S, {"do": "alone"})
        commands = [
            {"do": "lone", "sender": sender, "deliveries": hearing, "within_s": LONE_S}
            for hearing in (sum(sender in member.hears for member in part) for part in self._parts)
        ]
        answers = self._ask(LONE_S + SLACK_S, *commands)
        return Lone(
            sum(answer["deliveries"] for answer in answers), max(answer["last_us"] for answer in answers) / 1000
        )

    def finish(self, servers: Sequence[Server], renew: Renewal = lambda slots: {}) -> Report:
        """Stop sending, wait until everything acknowledged came, and compare.

        `renew` gives fresh connect tokens to members whose connection was lost: they read their logs over a new one.
        """
        answers = self._ask(ANSWER_S + SLACK_S, {"do": "stop", "within_s": ANSWER_S})
        said = {index: sending for answer in answers for index, sending in answer["sendings"].items()}
        places = [(server.host, server.port) for server in servers]
        lost = [slot for answer in answers for slot in answer["lost"]]
        tokens = renew(lost) if lost else {}
        settle = {"do": "settle", "sendings": said, "servers": places, "tokens": tokens, "within_s": DELIVERY_S}
        answers = self._ask(DELIVERY_S + SETTLE_S + SLACK_S, settle)
        arrivals = [
            (int(receiver), {int(sender): Arrivals.of_record(record) for sender, record in by_sender.items()})
            for answer in answers
            for receiver, by_sender in answer["arrivals"].items()
        ]
        unsettled = [index for answer in answers for index in answer["unsettled"]]
        report = Report(judge({int(index): Sendings(*sending) for index, sending in said.items()}, arrivals, unsettled))
        for answer in answers:
            report.ack.add(answer["ack"])
            report.delivery.add(answer["delivery"])
            report.lateness.add(answer["lateness"])
            report.unsent += answer["unsent"]
            report.verdict.stray += answer["stray"]
            report.verdict.examples += answer["wonders"]
            self._count(answer["reasons"])
        report.verdict.reasons = self.reasons
        return report

    def _count(self, reasons: dict[str, int]) -> None:
        for reason, count in reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count

    def _ask(self, within_s: float, *commands: dict[str, Any]) -> list[dict[str, Any]]:
        """Give every process its command, or all the same one, and wait for the answers."""
        for index, worker in enumerate(self._workers):
            worker.tell(commands[index if len(commands) > 1 else 0])
        return list(self._answers(within_s))

    def _answers(self, within_s: float) -> Iterator[dict[str, Any]]:
        deadline = time.monotonic() + within_s
        for worker in self._workers:
            yield worker.answer(deadline - time.monotonic())

    def end(self) -> None:
        for worker in self._workers:
            worker.end()


@contextlib.contextmanager
def fleet(members: Sequence[Member], text_bytes: int, processes: int = 1) -> Iterator[Fleet]:
    """Generator processes with these members, split as they stand into equal parts; ended at the end.

    Raises:
        GeneratorError: a process may not open as many connections.
    """
    began_ns = time.monotonic_ns()
    size = -(-len(members) // processes)
    if size + BESIDE_CONNECTIONS > (most := proc.allow_descriptors()):
        raise GeneratorError(
            f"A generator may open {most} files, which is too few for {size} connections: take more --generators, or "
            "raise the hard limit (ulimit -H -n)."
        )
    parts = [members[start : start + size] for start in range(0, len(members), size)]
    made = Fleet([Plan(members=list(part), text_bytes=text_bytes, began_ns=began_ns) for part in parts])
    try:
        yield made
    finally:
        made.end()
