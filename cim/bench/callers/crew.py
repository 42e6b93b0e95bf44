"""Processes of callers from the outside: started, measured over a stretch of time, stopped, their counts added up."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cim.bench.accounts import Account
from cim.bench.callers.loop import STOP_S
from cim.bench.latency import Latencies
from cim.bench.target import Target
from cim.bench.usage import Meter, Usage
from cim.bench.worker import GeneratorError, Worker

ANSWER_S = 30.0
REASONS_SHOWN = 5
DEFAULT_PORT = 80

Progress = Callable[[str], None]


class Mark(NamedTuple):
    """Counts of all processes at about one moment (seconds of the monotonic clock)."""

    at: float
    done: int
    failed: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Counts at the two ends of the time that was measured, and what it cost."""

    first: Mark
    last: Mark
    usage: Usage

    @property
    def seconds(self) -> float:
        return self.last.at - self.first.at

    @property
    def done(self) -> int:
        return self.last.done - self.first.done

    @property
    def rate_per_s(self) -> float:
        return self.done / self.seconds


@dataclass(slots=True)
class Outcome:
    """Everything the callers did, warming up included. `shown` is what each subject has to show, in their order."""

    began: int = 0
    done: int = 0
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    durations: Latencies = field(default_factory=Latencies)
    shown: list[Any] = field(default_factory=list)

    def sentence(self) -> str:
        """Why calls failed."""
        return "; ".join(f"{reason}: {count}" for reason, count in self.reasons.most_common(REASONS_SHOWN))


class Crew:
    """Callers at work from their making. Use `crew`."""

    def __init__(self, plans: Sequence[dict[str, Any]]) -> None:
        self._workers = [Worker("cim.bench.callers", plan) for plan in plans]

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._workers]

    def mark(self, keep: bool = False) -> Mark:
        """The counts now. From here on durations are kept, or not."""
        answers = self._ask({"do": "mark", "keep": keep}, ANSWER_S)
        done, failed = (sum(answer[name] for answer in answers) for name in ("done", "failed"))
        return Mark(sum(answer["at"] for answer in answers) / len(answers), done, failed)

    def stop(self) -> Outcome:
        """Begin nothing new, wait for what was begun."""
        outcome = Outcome()
        for answer in self._ask({"do": "stop"}, STOP_S + ANSWER_S):
            outcome.began += answer["began"]
            outcome.done += answer["done"]
            outcome.failed += answer["failed"]
            outcome.reasons.update(answer["reasons"])
            outcome.durations.add(answer["durations"])
            outcome.shown += answer["shown"]
        return outcome

    def _ask(self, command: dict[str, Any], within_s: float) -> list[Any]:
        for worker in self._workers:
            worker.tell(command)
        return [worker.answer(within_s) for worker in self._workers]

    def end(self) -> None:
        for worker in self._workers:
            worker.end()


@contextlib.contextmanager
def crew(exchange: str, subjects: Sequence[dict[str, Any]], at_once: int, processes: int = 1) -> Iterator[Crew]:
    """`at_once` callers in so many processes, who make calls of one kind (`exchanges.EXCHANGES`) until `stop`."""
    size = -(-len(subjects) // processes)
    parts = [list(subjects[first : first + size]) for first in range(0, len(subjects), size)]
    each = max(1, at_once // len(parts))
    made = Crew([{"exchange": exchange, "subjects": part, "at_once": each} for part in parts])
    try:
        yield made
    finally:
        made.end()


def measure(at_work: Crew, target: Target, seconds: float, warm_up: float, progress: Progress) -> Stretch:
    """Let them warm up, then measure so long; they go on."""
    meter = Meter(target, lambda: at_work.pids)
    try:
        _watch(at_work, warm_up, "warming up", progress)
        meter.start()
        first = at_work.mark(keep=True)
        _watch(at_work, seconds, "measuring", progress, keep=True)
        last = at_work.mark()
        return Stretch(first, last, meter.stop())
    finally:
        meter.close()


def _watch(at_work: Crew, seconds: float, what: str, progress: Progress, keep: bool = False) -> None:
    """Wait, and tell each second how fast it goes."""
    end = time.monotonic() + seconds
    before = at_work.mark(keep)
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 1.0))
        now = at_work.mark(keep)
        rate = (now.done - before.done) / max(now.at - before.at, 1e-6)
        progress(
            f"{what}: {max(left - 1, 0):.0f} s left, {rate:,.0f}/s" + (f", {now.failed} failed" * bool(now.failed))
        )
        before = now


def subject(target: Target, account: Account, **more: Any) -> dict[str, Any]:
    """An account as callers are told of it (`exchanges.Subject`).

    Raises:
        GeneratorError: route is reached through TLS, which callers do not speak.
    """
    route = urlsplit(target.route)
    if route.scheme != "http":
        raise GeneratorError(f"This benchmark calls route in plain HTTP, and {target.route} is not.")
    return {
        "user": account.user, "name": account.name, "device": account.device, "token": account.token,
        "connect_token": account.connect_token, "server": (account.host, account.port),
        "route": (route.hostname, route.port or DEFAULT_PORT), "password": account.password, **more,
    }  # fmt: skip
