"""Which plots a set of results gives, each with the table of what it shows."""

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cim.bench import figures, plots
from cim.bench.figures import flatness, measured, number, rows_of, value_at
from cim.bench.plots import Axis, Bar, Bars, Lines, Series
from cim.bench.results import Curve, Result

Rows = list[list[str]]
"""A table: its first row are the headings, its first column the names of the rows."""

PARTS = {"servers": "servers", "route": "route", "redis": "Redis"}


class Chart(NamedTuple):
    plot: plots.Plot
    rows: Rows
    notes: tuple[str, ...] = ()


def charts(results: Sequence[Result]) -> list[Chart]:
    """Of those that are results: what was lost is not drawn."""
    good = [result for result in flat(results) if not result.wrong]
    found = [
        _latency_by_load(good),
        _percentiles(good),
        _cpu(good, "cpu_us_per_message", "message"),
        _cpu(good, "cpu_us_per_login", "login"),
        *_curves(good),
    ]
    return [chart for chart in found if chart is not None]


def flat(results: Iterable[Result]) -> list[Result]:
    """Those of `cim bench all` one by one; a repeated run stays one result."""
    found: list[Result] = []
    for result in results:
        found += flat(result.runs) if result.benchmark == "all" else [result]
    return found


def name_of(result: Result) -> str:
    """Short enough for a legend: the label, or what tells it from others of its benchmark."""
    if result.label:
        return result.label
    settings = result.settings
    if result.benchmark == "messages" and settings.get("rate") is not None:
        gathering = f", {number(settings['gather_ms'])} ms gathered" if settings.get("gather_ms") else ""
        return f"{number(settings['rate'])}/s{gathering}"
    if result.benchmark == "messages" and "senders" in settings:
        return f"{settings['senders']:,} senders, {settings.get('in_flight', 1)} in flight"
    if result.benchmark == "group" and "members" in settings:
        return f"group of {settings['members']:,}"
    return result.benchmark


def _named(results: Sequence[Result]) -> list[tuple[str, Result]]:
    """Names are unique: later ones of the same name are numbered."""
    counts: dict[str, int] = {}
    named = []
    for result in results:
        name = name_of(result)
        counts[name] = counts.get(name, 0) + 1
        named.append((name if counts[name] == 1 else f"{name} ({counts[name]})", result))
    return named


def _latency_by_load(results: Sequence[Result]) -> Chart | None:
    usual = [one for one in results if one.settings.get("rate") and not one.settings.get("gather_ms")]
    loads = {float(one.settings["rate"]): one for one in usual if one.latency_ms}
    known = sorted(loads.items())
    if len(known) < 2:
        return None
    shown = [("delivery", "p50"), ("delivery", "p99"), ("delivery", "p99_9"), ("ack", "p50"), ("ack", "p99")]
    series, columns = [], []
    for kind, one in shown:
        values = [(rate, value_at(result, f"latency_ms.{kind}.{one}")) for rate, result in known]
        name = f"{kind} {figures.PERCENTILE_NAMES[one]}"
        columns.append((name, [value for _, value in values]))
        points = tuple((rate, value) for rate, value in values if value is not None)
        if points:
            series.append(Series(name, points))
    rows: Rows = [["messages/s", *(name for name, _ in columns)]]
    rows += [
        [number(rate), *(_or_dash(values[index]) for _, values in columns)] for index, (rate, _) in enumerate(known)
    ]
    plot = Lines(
        "latency-by-load", "Latency against load",
        "Latency from the intended moment of sending, in milliseconds, at rising rates of messages.",
        Axis("messages/s", log=True), Axis("ms", log=True), tuple(series),
    )  # fmt: skip
    return Chart(plot, rows)


def _percentiles(results: Sequence[Result]) -> Chart | None:
    shown = [(name, one) for name, one in _named(results) if one.latency_ms and one.latency_ms.delivery]
    if not shown:
        return None
    places = tuple((float(index), name) for index, name in enumerate(figures.PERCENTILE_NAMES.values()))
    rows: Rows = [["ms", *figures.PERCENTILE_NAMES.values()]]
    series = []
    for name, result in shown:
        values = [value_at(result, f"latency_ms.delivery.{one}") for one in figures.PERCENTILES]
        rows.append([name, *(_or_dash(value) for value in values)])
        points = tuple((float(index), value) for index, value in enumerate(values) if value is not None)
        series.append(Series(name, points))
    plot = Lines(
        "latency-percentiles", "Send to delivery, percentiles",
        "How long messages took from being sent to being read by their receivers, in milliseconds.",
        Axis("share of the messages that took no longer", places=places), Axis("ms", log=True), tuple(series),
    )  # fmt: skip
    return Chart(plot, rows)


def _cpu(results: Sequence[Result], path: str, what: str) -> Chart | None:
    bars, rows = [], [[f"µs a {what}", *PARTS.values(), "total", "generator", "times the floor"]]
    for name, result in _named(results):
        values = [value_at(result, f"{path}.{part}") for part in PARTS]
        total, generator = value_at(result, f"{path}.total"), value_at(result, f"{path}.generator")
        if total is None:
            continue
        bars.append(Bar(name, tuple(value or 0.0 for value in values), generator))
        floor = figures.times_floor(result) if what == "message" else None
        rows.append([name, *(_or_dash(value) for value in (*values, total, generator, floor))])
    if not bars:
        return None
    plot = Bars(
        f"cpu-per-{what}", f"Processor time of a {what}, by process",
        f"User and system time in microseconds for each {what}: servers, route and Redis; the generator's apart.",
        f"µs a {what}", tuple(PARTS.values()), "generator (apart)", tuple(bars),
    )  # fmt: skip
    return Chart(plot, rows)


def _curves(results: Sequence[Result]) -> list[Chart]:
    found = []
    names: dict[str, int] = {}
    for curve in (curve for result in results for curve in result.curve):
        name = "growth-" + (re.sub(r"[^a-z0-9]+", "-", curve.name.lower()).strip("-") or "curve")
        names[name] = names.get(name, 0) + 1
        found.append(_curve(curve, name if names[name] == 1 else f"{name}-{names[name]}"))
    return found


def _curve(curve: Curve, name: str) -> Chart:
    by_series = {
        key: sorted((point.x, point.y) for point in points)
        for key, points in itertools.groupby(
            sorted(curve.points, key=lambda point: point.series), key=lambda point: point.series
        )
    }
    series = tuple(Series(key or curve.y, tuple(points)) for key, points in by_series.items())
    xs = sorted({point.x for point in curve.points})
    rows: Rows = [[curve.x, *(one.name for one in series)]]
    rows += [[number(x), *(_or_dash(dict(one.points).get(x)) for one in series)] for x in rows_of(curve)]
    log = len(xs) > 1 and xs[0] > 0 and xs[-1] / xs[0] >= 20
    notes = (*flatness(curve), *([curve.note] if curve.note else []))
    about = f"{curve.y} against {curve.x}. {' '.join(notes)}".strip()
    return Chart(Lines(name, curve.name, about, Axis(curve.x, log=log), Axis(curve.y), series), rows, notes)


def _or_dash(value: float | None) -> str:
    return "–" if value is None else measured(value)
