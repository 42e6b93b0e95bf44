"""`cim bench all`: every benchmark with the settings that a target belongs to, and docs/performance.md from its record.

Each runs on a cluster of its own, so that none finds what another left behind. The floor is measured first, and stands
in every result of messages. What cannot be measured is named with its reason and does not stop the others.
"""

import functools
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cim.bench import (
    charts,
    failures,
    floor,
    group,
    growth,
    idle,
    logins,
    messages,
    plots,
    route,
    startup,
    sync,
    table,
    targets,
)
from cim.bench.charts import Rows
from cim.bench.figures import measured
from cim.bench.results import Result, write_text
from cim.bench.target import Target, own

Progress = Callable[[str], None]

ON_A_FLOOR = ("messages", "group")
"""Benchmarks whose figures stand beside the floor."""

NOTES = re.compile(r"<!-- notes -->\n.*?<!-- end of notes -->\n", re.DOTALL)
"""Written by hand, and kept when the page is made anew."""

NO_NOTES = "<!-- notes -->\n<!-- end of notes -->\n"


@dataclass(frozen=True, slots=True)
class Step:
    """One benchmark of all. `run` gets the cluster (so many servers, which gather so long) and whether to be quick."""

    name: str
    run: Callable[[Target, bool, Progress], Result]
    servers: int = 2
    gather_ms: float = 0.0


def _messages(name: str, gather_ms: float = 0.0, **settings: Any) -> Step:
    def run(target: Target, quick: bool, progress: Progress) -> Result:
        seconds = {"seconds": 2.0, "warm_up": 1.0} if quick else {}
        return messages.run(target, messages.Settings(**{**settings, **seconds}), progress)

    return Step(name, run, gather_ms=gather_ms)


def _group(name: str, **settings: Any) -> Step:
    def run(target: Target, quick: bool, progress: Progress) -> Result:
        shorter = {"seconds": 2.0, "warm_up": 1.0, "lone_messages": 20} if quick else {}
        return group.run(target, group.Settings(**{**settings, **shorter}), progress)

    return Step(name, run)


def _idle(target: Target, quick: bool, progress: Progress) -> Result:
    settings = idle.IdleSettings(connections=1_000, seconds=5.0) if quick else idle.IdleSettings()
    return idle.run(target, settings, progress)


def _sync(target: Target, quick: bool, progress: Progress) -> Result:
    return sync.run(target, sync.SyncSettings(messages=10_000), progress)


def _logins(target: Target, quick: bool, progress: Progress) -> Result:
    return logins.run(target, logins.Settings(seconds=2.0 if quick else 10.0), progress)


def _route(target: Target, quick: bool, progress: Progress) -> Result:
    return route.run(target, route.Settings(seconds=2.0 if quick else 10.0), progress)


STEPS = (
    _messages("500 senders, one in flight", senders=500, in_flight=1),
    _messages("500 senders, four in flight", senders=500, in_flight=4),
    _messages("64 senders", senders=64, in_flight=1),
    _messages("500 messages/s", senders=500, rate=500.0),
    _messages("1,000 messages/s", senders=500, rate=1_000.0),
    _messages("2,000 messages/s", senders=500, rate=2_000.0),
    _messages("5,000 messages/s", senders=500, rate=5_000.0),
    _messages("5,000 messages/s, passes wait", targets.WAIT_MS, senders=500, rate=5_000.0),
    _messages("10,000 messages/s", senders=500, rate=10_000.0),
    _messages("20,000 messages/s", senders=500, rate=20_000.0),
    _group("a group of 500", members=500, online=500, senders=16),
    _group("a group of 10,000", members=10_000, online=2_000, senders=16, lone=True),
    Step("idle connections", _idle, servers=1),
    Step("missed messages", _sync),
    Step("logins with tokens", _logins),
    Step("messages over HTTP", _route),
)


def run(quick: bool, progress: Progress, steps: Sequence[Step] = STEPS) -> Result:
    """All of it, in `runs`: a quarter of an hour; some minutes when quick, with shorter measurements and no curves."""
    began = time.monotonic()
    found: list[Result] = []
    missing: dict[str, str] = {}
    ground = _tried("floor", lambda: floor.run(_floor(quick), progress), missing)
    started = _tried("startup", lambda: startup.run(startup.Settings(times=1 if quick else 5), progress), missing)
    for number, step in enumerate(steps):
        heading = f"{number + 1} of {len(steps)}, {step.name}"
        result = _tried(step.name, functools.partial(_made, step, quick, progress, heading), missing)
        if result is not None:
            found.append(replace(result, floor=ground.floor) if ground and result.benchmark in ON_A_FLOOR else result)
    curves = None
    if quick:
        missing["growth"] = "Not measured with --quick."
    else:
        curves = _tried("growth", lambda: growth.run(growth.GrowthSettings(), progress), missing)
    found += [one for one in (curves, ground, started) if one is not None]
    machine = next((one.machine for one in found if one.machine.engine), found[0].machine) if found else None
    result = Result(
        benchmark="all", settings={"quick": quick}, seconds=time.monotonic() - began, runs=tuple(found), missing=missing
    )
    return result if machine is None else replace(result, machine=machine)


def _floor(quick: bool) -> floor.FloorSettings:
    return floor.FloorSettings(seconds=0.3 if quick else 1.0)


def _made(step: Step, quick: bool, progress: Progress, heading: str) -> Result:
    progress(f"{heading}: starting a cluster")
    with own(step.servers, gather_ms=step.gather_ms) as target:
        return step.run(target, quick, lambda text: progress(f"{heading}: {text}"))


def _tried(name: str, make: Callable[[], Result], missing: dict[str, str]) -> Result | None:
    try:
        return make()
    except failures() as error:
        missing[name] = str(error) or repr(error)
        return None


# -- the page of the documentation ----------------------------------------------------------------------------------


def write(results: Sequence[Result], path: Path) -> None:
    """The page, and its plots in a folder of its name. What the folder held of plots and is not drawn again goes away.

    Raises:
        OSError: something cannot be written.
    """
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    drawn = charts.charts(results)
    wanted = {folder / f"{chart.plot.name}.svg": chart for chart in drawn}
    for left_over in set(folder.glob("*.svg")) - wanted.keys():
        left_over.unlink()
    for file, chart in wanted.items():
        write_text(file, plots.file(chart.plot))
    kept = NOTES.search(path.read_text(encoding="utf-8")) if path.exists() else None
    write_text(path, markdown(results, folder.name, kept[0] if kept else NO_NOTES))


def markdown(results: Sequence[Result], folder: str, notes: str = NO_NOTES) -> str:
    """The page: the same text for the same results and notes. `folder` is where its plots are, seen from the page."""
    parts = [
        "# Performance",
        "Written by `cim bench all`, which measures it; what is between the marks of the notes is written by hand. "
        "Each run is checked: acknowledged is delivered, once and in order, or there are no figures. "
        "How each figure is measured: [bench.md](bench.md).",
        *_origin(results[0]),
        "## Targets",
        "All processes and the generator share the machine; Redis syncs before each answer.",
        _rows(_judged(charts.flat(results))),
        *_wrong(results),
        notes.strip(),
    ]
    for chart in charts.charts(results):
        parts += [f"## {chart.plot.title}", f"![{chart.plot.about}]({folder}/{chart.plot.name}.svg)", _rows(chart.rows)]
        parts += [f"{note.removesuffix('.')}." for note in chart.notes]
    parts += _not_measured(results)
    return "\n\n".join(part for part in parts if part) + "\n"


def _origin(result: Result) -> Iterator[str]:
    yield "\n".join(f"- {line}" for line in (*table.origin_lines(result), f"`{result.command}`"))
    if result.settings.get("quick"):
        yield "Measured with `--quick`: shorter, and so less certain."


def _judged(results: Sequence[Result]) -> Rows:
    rows = [["figure", "target", "measured", "unit", ""]]
    for goal, value in targets.judged(results):
        verdict = goal.verdict(value)
        said = f"**{verdict}**" if verdict == targets.MISSED else verdict
        rows.append([goal.text, goal.limit, "" if value is None else measured(value), goal.unit, said])
    return rows


def _wrong(results: Sequence[Result]) -> list[str]:
    wrong = [one for one in charts.flat(results) if one.wrong]
    return ["\n".join(f"- {table.title(one)}: **{table.no_result(one)}**" for one in wrong)] if wrong else []


def _not_measured(results: Sequence[Result]) -> list[str]:
    lines = [f"- {name}: {why}" for result in results for name, why in result.missing.items()]
    return ["## Not measured", "\n".join(lines)] if lines else []


def _rows(rows: Rows) -> str:
    """A table; numbers stand right."""
    lines = [_line(rows[0]), _line(["---", *("---:" if _is_number(cell) else "---" for cell in _widest(rows))])]
    return "\n".join([*lines, *(_line(row) for row in rows[1:])])


def _widest(rows: Rows) -> list[str]:
    """Of each column but the first, a cell that is not empty."""
    return [
        next((row[column] for row in rows[1:] if row[column] not in ("", "–")), "") for column in range(1, len(rows[0]))
    ]


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"[\d,.]+", cell))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
