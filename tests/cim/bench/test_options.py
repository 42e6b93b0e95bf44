"""What commands of `cim bench` share: options in one argument each, repetition, the label, the files."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cim.bench import options, target
from cim.bench.options import Output, Place, measured, output, repeated, where
from cim.bench.results import Result
from cim.bench.target import Target
from tests.cim.bench import records


def command(run: list[Result], then: Callable[[Result], Result] | None = None) -> click.Command:
    """A benchmark that finds these results one after the other."""
    waiting = iter(run)

    @click.command()
    @repeated
    @where
    @output
    def benchmark(repeat: int, place: Place, to: Output) -> None:
        measured(lambda at: next(waiting), place, to, repeat, then)

    return benchmark


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cluster is started: what `--route` names is never asked."""
    monkeypatch.setattr(target, "of_route", lambda url: Target(url))


def test_a_benchmark_is_repeated_and_its_median_is_labelled_and_written(tmp_path: Path) -> None:
    runs = [records.messages(total) for total in (40.0, 20.0, 30.0)]
    record, report = tmp_path / "a.json", tmp_path / "a.html"
    found = CliRunner().invoke(
        command(runs),
        ["--route", "http://r", "--repeat", "3", "--label", "mine", "--json", str(record), "--report", str(report)],
    )
    assert found.exit_code == 0, found.output
    written = json.loads(record.read_text())
    assert written["label"] == "mine"
    assert written["cpu_us_per_message"]["total"] == 30.0
    assert written["settings"]["repeat"] == len(written["runs"]) == 3
    assert "<svg" in report.read_text()


def test_what_follows_the_runs_is_done_once() -> None:
    followed: list[int] = []

    def then(result: Result) -> Result:
        followed.append(len(result.runs))
        return replace(result, rate_per_s=123.0)

    found = CliRunner().invoke(command([records.messages()] * 2, then), ["--route", "http://r", "--repeat", "2"])
    assert "123" in found.output
    assert followed == [2]


def test_a_loss_is_exit_code_1_and_a_file_that_cannot_be_written_costs_no_run(tmp_path: Path) -> None:
    assert CliRunner().invoke(command([records.lossy()]), ["--route", "http://r"]).exit_code == options.WRONG
    nowhere = CliRunner().invoke(command([]), ["--route", "http://r", "--json", str(tmp_path / "no" / "a.json")])
    assert "cannot be written" in nowhere.output
