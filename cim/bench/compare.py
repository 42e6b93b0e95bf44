"""Two results against each other: the ratio of each figure, with its spread over the runs.

Runs that were made in turn (A B, B A, A B, ...) are compared pair by pair: the machine differs from minute to minute by
more than most changes do, but hardly within a pair. Otherwise every run of one stands against every run of the other.
A ratio whose spread has 1 in it is within noise.
"""

import shlex
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from cim.bench import NotMeasured, figures, results, table
from cim.bench.charts import flat
from cim.bench.figures import Figure, Spread, measured, runs_of, value_at
from cim.bench.results import USUAL, BadResult, Result
from cim_common.build import program

Progress = Callable[[str], None]

UNLIKE = ("label", "repeat")
"""Settings that may differ."""

COMMAND_S = 3_600.0
"""How long one run of a command may take."""

SAID = 2_000
"""Characters of what a failed command said that are shown."""


class CompareError(NotMeasured):
    """The two cannot be compared; one sentence."""


class Ratio(NamedTuple):
    """A figure of both, medians over the runs, and B / A. `spread` is None when one of them was run once."""

    figure: Figure
    a: float
    b: float
    ratio: float
    spread: Spread | None

    @property
    def verdict(self) -> str:
        """ "" when nothing can be said."""
        if self.spread is None:
            return ""
        if self.spread.low <= 1 <= self.spread.high:
            return "within noise"
        if not self.figure.better:
            return "differs"
        return "better" if (self.ratio < 1) == (self.figure.better == "lower") else "worse"


def comparison(a: Result, b: Result, paired: bool = False, force: bool = False) -> str:
    """The text of `cim bench compare`: those of `cim bench all` benchmark by benchmark.

    Raises:
        CompareError: one is no result, or they were measured with other settings (unless `force`).
    """
    parts = [_heading(a, b)]
    for one, other in matched(a, b, force):
        rows = [["", "A", "B", "", "B / A", "spread", ""]]
        rows += [_row(ratio) for ratio in ratios(one, other, paired)]
        parts.append("\n".join([table.title(one), *table.aligned(rows, right={1, 2, 4, 5})]))
    if len(runs_of(a)) < 2 or len(runs_of(b)) < 2:
        parts.append("A figure that was measured once has no spread: --repeat tells how far runs differ by themselves.")
    return "\n\n".join(parts)


def matched(a: Result, b: Result, force: bool = False) -> list[tuple[Result, Result]]:
    """Results of the same benchmark with the same settings.

    Raises:
        CompareError: as comparison.
    """
    for letter, result in (("A", a), ("B", b)):
        wrong = table.no_result(result)
        if wrong is not None:
            raise CompareError(f"{letter} is {wrong}.")
    if "all" in (a.benchmark, b.benchmark):
        pairs = [(one, other) for one in flat([a]) for other in flat([b]) if not _unlike(one, other)]
        if not pairs:
            raise CompareError("There is no benchmark that both were measured with, with the same settings.")
        return pairs
    unlike = _unlike(a, b)
    if unlike and not force:
        raise CompareError(
            f"These are different measurements ({'; '.join(unlike)}): --force compares them all the same."
        )
    return [(a, b)]


def _unlike(a: Result, b: Result) -> list[str]:
    found = [] if a.benchmark == b.benchmark else [f"{a.benchmark} and {b.benchmark}"]
    ours, theirs = {**USUAL, **a.settings}, {**USUAL, **b.settings}
    for name in sorted({*ours, *theirs} - set(UNLIKE)):
        if ours.get(name) != theirs.get(name):
            found.append(f"{name} {ours.get(name)} and {theirs.get(name)}")
    return found


def ratios(a: Result, b: Result, paired: bool = False) -> Iterator[Ratio]:
    """Of every figure that both have and that is not 0 in A."""
    for figure, _ in figures.figures_of(a):
        ours, theirs = _values(a, figure), _values(b, figure)
        if not ours or not theirs or 0 in ours:
            continue
        if paired and len(ours) == len(theirs):
            each = [other / one for one, other in zip(ours, theirs, strict=True)]
            ratio, ends = statistics.median(each), Spread(min(each), max(each))
        else:
            ratio = statistics.median(theirs) / statistics.median(ours)
            ends = Spread(min(theirs) / max(ours), max(theirs) / min(ours))
        known = len(ours) > 1 and len(theirs) > 1
        yield Ratio(figure, statistics.median(ours), statistics.median(theirs), ratio, ends if known else None)


def _values(result: Result, figure: Figure) -> list[float]:
    return [value for run in runs_of(result) if (value := value_at(run, figure.path)) is not None]


def _row(found: Ratio) -> list[str]:
    ends = "" if found.spread is None else f"{found.spread.low:.2f} to {found.spread.high:.2f}"
    return [
        found.figure.name, measured(found.a), measured(found.b), found.figure.unit, f"{found.ratio:.3f}", ends,
        found.verdict,
    ]  # fmt: skip


def _heading(a: Result, b: Result) -> str:
    lines = []
    for letter, result in (("A", a), ("B", b)):
        name = f"{result.label}, " if result.label else ""
        commit = f" at {result.commit}" if result.commit else ""
        count = len(runs_of(result))
        runs = f", {count} runs" if count > 1 else ""
        lines.append(f"{letter}  {name}cim {result.version}{commit}, {result.at}{runs}")
    if a.machine != b.machine:
        lines += ["On different machines or engines, so that the ratios say little:"]
        lines += [f"{letter}  {table.machine_line(result)}" for letter, result in (("A", a), ("B", b))]
    return "\n".join(lines)


# -- in turn --------------------------------------------------------------------------------------------------------


def in_turn(commands: tuple[str, str], times: int, progress: Progress) -> tuple[Result, Result]:
    """Run two benchmark commands so many times each, A B, B A, A B: what drifts hits both alike.

    A command is split into words as a shell does, but no shell runs it; `cim` is the one that compares; it gets
    `--json FILE`. The results hold all runs, the n-th of A beside the n-th of B.

    Raises:
        CompareError: a command failed, or wrote no result.
    """
    found: tuple[list[Result], list[Result]] = ([], [])
    for turn in range(times):
        for which in (0, 1) if turn % 2 == 0 else (1, 0):
            progress(f"{'AB'[which]}, run {turn + 1} of {times}: {commands[which]}")
            found[which].append(replace(_run(commands[which]), runs=()))
            wrong = table.no_result(found[which][-1])
            if wrong is not None:
                raise CompareError(f"{'AB'[which]}, run {turn + 1}: {wrong}.")
    first, second = (replace(runs[0], runs=tuple(runs) if times > 1 else ()) for runs in found)
    return first, second


def _run(command: str) -> Result:
    """What a command measured; exit 1 is that of a run with a loss, whose record says so."""
    with tempfile.TemporaryDirectory(prefix="cim-compare-") as folder:
        file = Path(folder) / "result.json"
        words = _words(command)
        try:
            done = subprocess.run(
                [*words, "--json", str(file)], capture_output=True, text=True, errors="replace", check=False,
                timeout=COMMAND_S, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CompareError(f"{command} cannot be run: {error}") from error
        if not file.exists():
            said = (done.stderr or done.stdout).strip()[-SAID:]
            raise CompareError(f"{command} has measured nothing (exit {done.returncode}): {said}")
        try:
            return results.read(file)
        except BadResult as error:
            raise CompareError(f"{command}: {error}") from error


def _words(command: str) -> Sequence[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise CompareError(f"{command!r} is not a command: {error}.") from error
    if not words:
        raise CompareError("A command is empty.")
    return [*program("cim"), *words[1:]] if words[0] == "cim" else words
