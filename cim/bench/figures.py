"""The figures of a record: where each stands, what it is called, its unit, and which way is better.

Tables, comparisons, plots and the page all name and print them from here.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cim.bench.results import Curve, Result

MAX_ROWS = 12
"""Rows of a curve in a table; a plot has all its points."""


class Figure(NamedTuple):
    """`path` is the place in the record, its parts joined by dots. `better` is "lower", "higher" or "" for neither."""

    path: str
    name: str
    unit: str
    better: str = "lower"


RATES = (
    Figure("rate_per_s", "rate", "messages/s", "higher"),
    Figure("deliveries_per_s", "deliveries", "deliveries/s", "higher"),
    Figure("logins_per_s", "logins", "logins/s", "higher"),
)

CPU = (
    Figure("cpu_us_per_message.servers", "CPU, servers", "µs a message"),
    Figure("cpu_us_per_message.route", "CPU, route", "µs a message"),
    Figure("cpu_us_per_message.redis", "CPU, Redis", "µs a message"),
    Figure("cpu_us_per_message.total", "CPU, total", "µs a message"),
    Figure("cpu_us_per_delivery", "CPU, total", "µs a delivery"),
    Figure("cpu_us_per_login.servers", "CPU, servers", "µs a login"),
    Figure("cpu_us_per_login.route", "CPU, route", "µs a login"),
    Figure("cpu_us_per_login.redis", "CPU, Redis", "µs a login"),
    Figure("cpu_us_per_login.total", "CPU, total", "µs a login"),
    Figure("cpu_us_per_message.generator", "CPU, generator (apart)", "µs a message"),
    Figure("cpu_us_per_login.generator", "CPU, generator (apart)", "µs a login"),
)

WORK = (
    Figure("messages_per_batch", "batch", "messages", ""),
    Figure("redis.commands_per_message", "Redis commands", "a message"),
    Figure("redis.bytes_in_per_message", "Redis reads", "bytes a message"),
    Figure("redis.bytes_out_per_message", "Redis writes", "bytes a message"),
    Figure("redis.aof_bytes_per_message", "Redis file", "bytes a message"),
    Figure("redis.memory_bytes_per_message", "Redis memory", "bytes a message"),
    Figure("redis.fsyncs_per_message", "Redis syncs", "a message"),
    Figure("bytes_per_connection", "memory of the servers", "bytes a connection"),
    Figure("kernel_bytes_per_connection", "memory of the kernel", "bytes a connection"),
)

PERCENTILES = ("p50", "p90", "p99", "p99_9", "max")
PERCENTILE_NAMES = {"p50": "p50", "p90": "p90", "p99": "p99", "p99_9": "p99.9", "max": "max"}

LATENCIES = {"ack": "send to acknowledgement", "delivery": "send to delivery"}

LATENCY = tuple(
    Figure(f"latency_ms.{kind}.{one}", f"{name}, {PERCENTILE_NAMES[one]}", "ms")
    for kind, name in LATENCIES.items()
    for one in PERCENTILES
)

UNITS = (
    ("_per_s", "/s", "higher"),
    ("_percent_of_core", "% of a core", "lower"),
    ("_percent", "%", "lower"),
    ("_bytes", "bytes", "lower"),
    ("_messages", "messages", ""),
    ("_seconds", "s", "lower"),
    ("_ms", "ms", "lower"),
    ("_us", "µs", "lower"),
    ("_s", "s", "lower"),
)
"""Endings of names in `figures` of a record, longest first where one ends in another."""


def figures_of(result: Result) -> Iterator[tuple[Figure, float]]:
    """What was measured, in the order of a table."""
    for figure in (*RATES, *CPU, *LATENCY, *WORK, *own_figures(result)):
        value = value_at(result, figure.path)
        if value is not None:
            yield figure, value


def own_figures(result: Result) -> list[Figure]:
    """What only this benchmark has. `ack_p50_ms` is "ack p50" in ms; `cpu_us_per_page` is "cpu" in µs a page."""
    return [_own(name) for name in result.figures]


def _own(name: str) -> Figure:
    before, per, what = name.partition("_us_per_")
    if per:
        return Figure(f"figures.{name}", _words(before), f"µs a {_words(what)}")
    before, per, what = name.partition("_bytes_per_")
    if per:
        return Figure(f"figures.{name}", _words(before), f"bytes a {_words(what)}")
    before, per, what = name.partition("_percent_of_core_per_")
    if per:
        return Figure(f"figures.{name}", _words(before), f"% of a core for {number(float(what))}")
    for ending, unit, better in UNITS:
        if name.endswith(ending):
            return Figure(f"figures.{name}", _words(name.removesuffix(ending)), unit, better)
    return Figure(f"figures.{name}", _words(name), "", "")


def _words(name: str) -> str:
    return name.replace("_", " ")


def value_at(result: Result, path: str) -> float | None:
    """The number at a place; None when it was not measured."""
    found: Any = result
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else getattr(found, part, None)
    return None if found is None or isinstance(found, str) else float(found)


class Spread(NamedTuple):
    """The lowest and the highest of a figure over the runs of a result."""

    low: float
    high: float


def runs_of(result: Result) -> tuple[Result, ...]:
    """The runs that a result of --repeat is the median of; the result itself when it is one run."""
    return tuple(run for run in result.runs if run.benchmark == result.benchmark) or (result,)


def spread(result: Result, path: str) -> Spread | None:
    """None with fewer than two runs."""
    values = [value for run in runs_of(result) if (value := value_at(run, path)) is not None]
    return Spread(min(values), max(values)) if len(values) > 1 else None


def times_floor(result: Result) -> float | None:
    """Processor time of a message, as a multiple of the floor that the same session measured at the same batch size.

    None for a group: the floor is of one receiver.
    """
    from cim.bench.floor import at

    total = value_at(result, "cpu_us_per_message.total")
    floor = result.floor or {}
    if result.benchmark != "messages" or total is None or "cpu_us_per_message" not in floor:
        return None
    return total / at(dict(floor), result.messages_per_batch or 1.0)


def flatness(curve: Curve) -> list[str]:
    """For each series of a curve that should be flat, whether it is: "CPU: flat, 7 % apart (target 20 %)"."""
    found: dict[str, list[float]] = {}
    for point in curve.points:
        found.setdefault(point.series, []).append(point.y)
    if curve.flat_within is None:
        return []
    said = []
    for series, values in found.items():
        if len(values) > 1 and min(values) > 0:
            apart = max(values) / min(values) - 1
            verdict = "flat" if apart <= curve.flat_within else "not flat"
            name = f"{series}: " if series else ""
            said.append(f"{name}{verdict}, {apart * 100:.0f} % apart (target {curve.flat_within * 100:.0f} %)")
    return said


def number(value: float) -> str:
    """A given number, as people write it: 1.2, 30, 10,000."""
    return f"{value:,.12g}" if abs(value) >= 1e-3 or value == 0 else f"{value:.3g}"


def measured(value: float) -> str:
    """A measured number with the three digits that mean something: 1.50, 41.2, 41,234."""
    size = abs(value)
    if size >= 99.95 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 9.995 else f"{value:.2f}" if size >= 0.0995 else f"{value:.3g}"


def settings_line(result: Result) -> str:
    """The settings in one line: "500 senders, in flight 1, ..."; what is not set stays away."""
    return ", ".join(_setting(name, value) for name, value in result.settings.items() if _is_said(name, value))


COUNTED = ("servers", "senders", "members", "connections", "messages", "seconds", "generators", "online")


def _is_said(name: str, value: Any) -> bool:
    if name in ("label", "warm_up") or value is None or value is False or value == "":
        return False
    return not ((name in ("repeat", "generators") and value == 1) or (name == "gather_ms" and not value))


def _setting(name: str, value: Any) -> str:
    if name in COUNTED and isinstance(value, int | float):
        text = f"{value:,.6g}" if isinstance(value, float) else f"{value:,}"
        return f"{text} {name.removesuffix('s') if value == 1 else name}"
    if value is True:
        return _words(name)
    if isinstance(value, list | tuple):
        return f"{_words(name)} {' '.join(str(one) for one in value)}"
    return f"{_words(name)} {number(value) if isinstance(value, int | float) else value}"


def rows_of(curve: Curve) -> list[float]:
    """The places on the curve's x axis that stand in a table: all, or of many some, evenly among them."""
    xs = sorted({point.x for point in curve.points})
    if len(xs) <= MAX_ROWS:
        return xs
    return [xs[round(row * (len(xs) - 1) / (MAX_ROWS - 1))] for row in range(MAX_ROWS)]
