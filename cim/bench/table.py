"""Results as text for a terminal: figures in columns with their units, and the targets that belong to them."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from cim.bench import figures, targets
from cim.bench.figures import Figure, flatness, measured, number, rows_of
from cim.bench.results import Percentiles, Result

GAP = "  "
INDENT = "  "
CALLS_SHOWN = 8
WIDTH = 80

HELD = 0.98
"""The share of a rate that has to be acknowledged for it to count as held."""


def table(results: Sequence[Result]) -> str:
    """One block for each result, without a newline at the end. What is no result has no figures."""
    return "\n\n".join(_block(result) for result in results)


def no_result(result: Result) -> str | None:
    """ "no result: 3 lost" when something happened that must not; None when the figures count."""
    if not result.wrong:
        return None
    return "no result: " + ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in result.wrong.items())


def _block(result: Result) -> str:
    wrong = no_result(result)
    if result.benchmark == "all":
        parts = [_summary(result), _missing(result)]
    elif wrong is not None:
        parts = [checked_lines(result), [wrong, *([why] if (why := result.missing.get("result")) else [])]]
    else:
        parts = [
            checked_lines(result),
            _figures(result),
            _latencies(result),
            work_lines(result),
            _curves(result),
            _missing(result),
        ]
    return "\n\n".join("\n".join(_fitting(part)) for part in [[title(result), *origin_lines(result)], *parts] if part)


def _fitting(lines: Iterable[str]) -> Iterator[str]:
    """Sentences broken to fit a terminal; rows of tables, which are indented, stay as they are."""
    for line in lines:
        yield from [line] if line.startswith(INDENT) else textwrap.wrap(line, WIDTH, subsequent_indent=INDENT) or [""]


def title(result: Result) -> str:
    label = f" ({result.label})" if result.label else ""
    settings = figures.settings_line(result)
    return f"{result.benchmark}{label}{': ' if settings else ''}{settings}"


def origin_lines(result: Result) -> list[str]:
    """What was measured, when, and on what."""
    commit = f" at {result.commit}" if result.commit else ""
    return [f"cim {result.version}{commit}, {result.at}", machine_line(result)]


def machine_line(result: Result) -> str:
    machine = result.machine
    engine = f", {machine.engine}" if machine.engine else ""
    memory = f"{machine.memory_bytes / 2**30:.0f} GiB"
    return f"{machine.cores} x {machine.cpu}, {memory}, {machine.kernel}, {machine.python}{engine}"


def checked_lines(result: Result) -> list[str]:
    """What was sent and what became of it."""
    names = {
        "sent": "sent", "acked": "acknowledged", "delivered": "delivered", "lost": "lost", "duplicates": "doubled",
        "out_of_order": "reordered", "failed": "failed",
    }  # fmt: skip
    counts = [(said, getattr(result, name)) for name, said in names.items()]
    known = [f"{said} {count:,}" for said, count in counts if count is not None]
    seconds = [f"measured for {result.seconds:.1f} s"] if result.seconds else []
    return [", ".join(known)] * bool(known) + seconds + _rate_not_held(result)


def _rate_not_held(result: Result) -> list[str]:
    """An open loop that fell behind: its latencies are those of a growing queue."""
    wanted = result.settings.get("rate")
    if not isinstance(wanted, float) or result.rate_per_s is None or result.rate_per_s >= wanted * HELD:
        return []
    return [f"the rate was not held: {result.rate_per_s:,.0f} of {wanted:,.0f} messages/s were acknowledged"]


def _figures(result: Result) -> list[str]:
    rows: list[list[str]] = []
    goals = {goal.path: [one for one in targets.goals_of(result) if one.path == goal.path] for goal in targets.GOALS}
    for figure, value in figures.figures_of(result):
        if figure in figures.LATENCY:
            continue
        rows.append([figure.name, measured(value), figure.unit, _runs(result, figure), _judged(goals, figure, value)])
        if figure.path == "cpu_us_per_message.total":
            times = figures.times_floor(result)
            if times is not None:
                rows.append(["  of the floor", measured(times), "times", "", ""])
    return aligned(rows, right={1})


def _runs(result: Result, figure: Figure) -> str:
    found = figures.spread(result, figure.path)
    if found is None:
        return ""
    return f"{measured(found.low)} to {measured(found.high)} in {len(figures.runs_of(result))} runs"


def _judged(goals: dict[str, list[targets.Goal]], figure: Figure, value: float) -> str:
    return ", ".join(f"target {goal.limit}: {goal.verdict(value)}" for goal in goals.get(figure.path, []))


def _latencies(result: Result) -> list[str]:
    if result.latency_ms is None:
        return []
    rows = [["latency, ms", *figures.PERCENTILE_NAMES.values()]]
    for kind, name in figures.LATENCIES.items():
        found: Percentiles | None = getattr(result.latency_ms, kind)
        if found is not None:
            rows.append([name, *(_or_dash(getattr(found, one)) for one in figures.PERCENTILES)])
    goals = [goal for goal in targets.goals_of(result) if goal.path.startswith("latency_ms.")]
    judged = [f"{goal.path.rpartition('.')[2]} {goal.limit}: {goal.verdict(goal.value(result))}" for goal in goals]
    lines = aligned(rows, right=set(range(1, 6)))
    return [*lines, f"{INDENT}target of {figures.LATENCIES['delivery']}: {', '.join(judged)}"] if judged else lines


def work_lines(result: Result) -> list[str]:
    """What servers did besides: system calls, passes of the event loop, collections."""
    lines = []
    if result.system_calls_per_message:
        largest = sorted(result.system_calls_per_message.items(), key=lambda one: -one[1])[:CALLS_SHOWN]
        lines.append("system calls a message: " + _named(largest))
    if result.event_loop_lag_ms:
        lines.append("event loop, ms: " + _named(result.event_loop_lag_ms.items()))
    if result.garbage_collections:
        lines.append("garbage collections: " + _named(result.garbage_collections.items()))
    return lines


def _named(counts: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {measured(count)}" for name, count in counts)


def _curves(result: Result) -> list[str]:
    lines: list[str] = []
    for curve in result.curve:
        rows, shown = [[curve.x, curve.y, ""]], set(rows_of(curve))
        rows += [[number(at.x), measured(at.y), at.series] for at in curve.points if at.x in shown]
        lines += [curve.name, *aligned(rows, right={0, 1}), *(INDENT + said for said in flatness(curve)), ""]
    return lines[:-1]


def _missing(result: Result) -> list[str]:
    return [f"not measured: {name}: {why}" for name, why in result.missing.items()]


def _summary(result: Result) -> list[str]:
    """The targets of `cim bench all`."""
    rows = [["figure", "target", "measured", "", ""]]
    for goal, value in targets.judged(result.runs):
        rows.append([goal.text, goal.limit, "" if value is None else measured(value), goal.unit, goal.verdict(value)])
    lines = aligned(rows, right={2})
    return [*lines, *(f"{title(run)}: {no_result(run)}" for run in result.runs if run.wrong)]


def aligned(rows: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    """Columns as wide as what is in them; those in `right` end where their neighbours end."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))] if rows else []
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((INDENT + GAP.join(cells)).rstrip())
    return lines


def _or_dash(value: float | None) -> str:
    return "-" if value is None else measured(value)
