"""`cim bench logins`: how many logins a second, and what each costs.

With tokens two things are measured, one after the other: logins at IM servers by clients that have a connect token in
hand, connection included, and logins at route with the token of an earlier one. With passwords each login is a whole
one: name and password at route, then an IM server. Every login must be answered as the user it is of.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from cim.bench import accounts
from cim.bench.accounts import Account
from cim.bench.callers import crew as callers
from cim.bench.callers.crew import Outcome, Stretch
from cim.bench.measuring import told_by
from cim.bench.results import Cpu, Latency, Percentiles, Result
from cim.bench.target import Target

Progress = Callable[[str], None]

TOKEN, PASSWORD = "token", "password"

MAX_REGISTERED = 64
"""Accounts registered for logins with passwords: each costs a hash."""

MAX_REGISTERED_FOR_TOKENS = 200
"""The same where no operator's token is known: so many may renew their tokens 4,000 times a second."""

AT_ONCE = {"connect": 64, "refresh": 16, "password": 16}
"""Clients by kind of call. More at route only wait: its threads share a core, and 34 logins with passwords are all it
takes before it sends the next one away."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`at_once` clients (None: `AT_ONCE`) log in over and over, each time as another of so many accounts."""

    kind: str = TOKEN
    seconds: float = 10.0
    warm_up: float = 1.0
    at_once: int | None = None
    accounts: int = 2_000
    generators: int = 1


def run(target: Target, settings: Settings, progress: Progress = lambda text: None) -> Result:
    """Measure, and say what was found; without figures when a login failed.

    Raises:
        AccountsError, GeneratorError: nothing could be measured.
    """
    machine, told = told_by(target)
    result = Result(benchmark="logins", machine=machine, settings={**asdict(settings), **told})
    if settings.kind == PASSWORD:
        people = accounts.register(target, min(settings.accounts, MAX_REGISTERED), accounts.fresh_prefix(), progress)
        return _with_logins(result, *_measured(target, settings, "password", people, progress))
    people = _with_tokens(target, settings, progress)
    stretch, outcome = _measured(target, settings, "connect", people, progress)
    result = _with_logins(result, stretch, outcome)
    if outcome.failed:
        return result
    return _with_refreshes(result, *_measured(target, settings, "refresh", people, progress))


def _with_tokens(target: Target, settings: Settings, progress: Progress) -> list[Account]:
    count = settings.accounts if target.operator_token else min(settings.accounts, MAX_REGISTERED_FOR_TOKENS)
    made = accounts.make(target, count, progress=progress)
    return [account._replace(password=None) for account in made]


def _measured(
    target: Target, settings: Settings, exchange: str, people: list[Account], progress: Progress
) -> tuple[Stretch, Outcome]:
    subjects = [callers.subject(target, account) for account in people]
    at_once = settings.at_once or AT_ONCE[exchange]
    with callers.crew(exchange, subjects, at_once, settings.generators) as crew:
        stretch = callers.measure(crew, target, settings.seconds, settings.warm_up, progress)
        return stretch, crew.stop()


def _with_logins(result: Result, stretch: Stretch, outcome: Outcome) -> Result:
    if outcome.failed or not stretch.done:
        return _failed(result, outcome)
    return replace(
        result,
        seconds=stretch.seconds,
        failed=0,
        logins_per_s=stretch.rate_per_s,
        cpu_us_per_login=Cpu(**stretch.usage.cpu_us_per(stretch.done)),
        latency_ms=Latency(ack=percentiles(outcome)),
        event_loop_lag_ms=stretch.usage.event_loop_lag_ms,
        garbage_collections=stretch.usage.garbage_collections,
        missing=stretch.usage.missing,
        figures={"logins": float(stretch.done)},
    )


def _with_refreshes(result: Result, stretch: Stretch, outcome: Outcome) -> Result:
    if outcome.failed or not stretch.done:
        return _failed(result, outcome)
    cpu, took = stretch.usage.cpu_us_per(stretch.done), outcome.durations.percentiles_ms() or {}
    figures: dict[str, float | None] = {
        **result.figures, "refreshes": float(stretch.done), "refreshes_per_s": stretch.rate_per_s,
        "refresh_route_cpu_us": cpu["route"], "refresh_redis_cpu_us": cpu["redis"],
        "refresh_generator_cpu_us": cpu["generator"], "refresh_p50_ms": took.get("p50"),
        "refresh_p99_ms": took.get("p99"), "refresh_max_ms": took.get("max"),
    }  # fmt: skip
    return replace(result, figures=figures)


def _failed(result: Result, outcome: Outcome) -> Result:
    """No figures: logins that fail fast would look like fast logins."""
    why = outcome.sentence() or "no login was answered"
    return Result(
        benchmark=result.benchmark, machine=result.machine, settings=result.settings,
        failed=max(outcome.failed, 1), missing={"result": why},
    )  # fmt: skip


def percentiles(outcome: Outcome) -> Percentiles | None:
    found: dict[str, Any] | None = outcome.durations.percentiles_ms()
    return None if found is None else Percentiles(**found)
