"""What the project wants of each figure, and with which settings it is measured.

All of them hold for two cores that everything runs on, the generator too, and for a Redis that syncs before each
answer. A target belongs to its settings: another run has none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cim.bench.figures import number, value_at
from cim.bench.results import USUAL, Result

HOLDS = "holds"
MISSED = "missed"
NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure's target. `path` as in figures.py; `at_least` when more is better."""

    text: str
    benchmark: str
    path: str
    bound: float
    unit: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    at_least: bool = False

    @property
    def limit(self) -> str:
        return f"{'>=' if self.at_least else '<='} {number(self.bound)}"

    def is_of(self, result: Result) -> bool:
        """Whether a result was measured with the settings of this target."""
        mine, theirs = {**USUAL, **self.settings}, {**USUAL, **result.settings}
        return result.benchmark == self.benchmark and all(
            name in theirs and theirs[name] == value for name, value in mine.items()
        )

    def value(self, result: Result) -> float | None:
        """None when it was not measured, or the run is no result."""
        return None if result.wrong else value_at(result, self.path)

    def verdict(self, value: float | None) -> str:
        if value is None:
            return NOT_MEASURED
        return HOLDS if (value >= self.bound if self.at_least else value <= self.bound) else MISSED


SATURATED = {"senders": 500, "in_flight": 1, "rate": None, "servers": 2, "payload": 100}
FOUR = {**SATURATED, "in_flight": 4}
SIXTY_FOUR = {**SATURATED, "senders": 64}


def _open(rate: float, gather_ms: float = 0.0) -> dict[str, Any]:
    return {"rate": rate, "servers": 2, "payload": 100, "gather_ms": gather_ms}


WAIT_MS = 1.0
"""For the pass that waits: `--gather-ms`."""

IDLE = {"connections": 15_000}
TOKEN = {"kind": "token"}
GROUP = {"members": 500, "online": 500, "senders": 16, "servers": 2, "payload": 100}

GOALS = (
    Goal("CPU of a message, saturated, one in flight", "messages", "cpu_us_per_message.total", 35, "µs", SATURATED),
    Goal("throughput, one in flight", "messages", "rate_per_s", 30_000, "messages/s", SATURATED, True),
    Goal("CPU of a message, saturated, four in flight", "messages", "cpu_us_per_message.total", 25, "µs", FOUR),
    Goal("throughput, four in flight", "messages", "rate_per_s", 50_000, "messages/s", FOUR, True),
    Goal("64 senders, send to delivery, p50", "messages", "latency_ms.delivery.p50", 4, "ms", SIXTY_FOUR),
    Goal("64 senders, send to delivery, p99", "messages", "latency_ms.delivery.p99", 10, "ms", SIXTY_FOUR),
    Goal("500/s, send to delivery, p50", "messages", "latency_ms.delivery.p50", 1.2, "ms", _open(500)),
    Goal("500/s, send to delivery, p99", "messages", "latency_ms.delivery.p99", 4, "ms", _open(500)),
    Goal("5,000/s, send to delivery, p50", "messages", "latency_ms.delivery.p50", 2, "ms", _open(5_000)),
    Goal("5,000/s, send to delivery, p99", "messages", "latency_ms.delivery.p99", 5, "ms", _open(5_000)),
    Goal("5,000/s, CPU of a message", "messages", "cpu_us_per_message.total", 250, "µs", _open(5_000)),
    Goal(
        "5,000/s, the same with a pass that waits", "messages", "cpu_us_per_message.total", 140, "µs",
        _open(5_000, WAIT_MS),
    ),
    Goal("20,000/s, send to delivery, p50", "messages", "latency_ms.delivery.p50", 3, "ms", _open(20_000)),
    Goal("20,000/s, send to delivery, p99", "messages", "latency_ms.delivery.p99", 10, "ms", _open(20_000)),
    Goal("group of 500 online, CPU of a delivery", "group", "cpu_us_per_delivery", 3, "µs", GROUP),
    Goal("group of 500 online, throughput", "group", "deliveries_per_s", 400_000, "deliveries/s", GROUP, True),
    Goal("group of 500 online, lone message, CPU", "group", "figures.lone_cpu_us_per_member", 8, "µs a member", GROUP),
    Goal(
        "group of 10,000, 2,000 online, one message to the last socket", "group", "figures.last_socket_ms", 30, "ms",
        {"members": 10_000, "online": 2_000, "servers": 2},
    ),
    Goal("idle connection of 15,000, memory of the server", "idle", "bytes_per_connection", 1_536, "bytes", IDLE),
    Goal(
        "heartbeats of 10,000 connections", "idle", "figures.heartbeats_percent_of_core_per_10000", 3, "% of a core",
        IDLE,
    ),
    Goal("logins with a token", "logins", "logins_per_s", 3_500, "logins/s", TOKEN, True),
    Goal("route, login with a token, CPU of route", "logins", "figures.refresh_route_cpu_us", 500, "µs", TOKEN),
    Goal("route, a send over HTTP, CPU", "route", "cpu_us_per_message.total", 600, "µs a message"),
    Goal("sync of 10,000 missed messages", "sync", "figures.sync_s", 0.3, "s", {"messages": 10_000}),
    Goal("cim up to ready", "startup", "figures.up_seconds", 2, "s"),
    Goal("cim --help", "startup", "figures.help_seconds", 0.15, "s"),
    Goal("cim chat to its prompt", "startup", "figures.chat_seconds", 0.6, "s"),
)  # fmt: skip


def goals_of(result: Result) -> list[Goal]:
    return [goal for goal in GOALS if goal.is_of(result)]


def judged(results: Sequence[Result]) -> list[tuple[Goal, float | None]]:
    """Every target with what was measured for it: by the first result that has it, None when none has."""
    found = []
    for goal in GOALS:
        values = (goal.value(result) for result in results if goal.is_of(result))
        found.append((goal, next((value for value in values if value is not None), None)))
    return found
