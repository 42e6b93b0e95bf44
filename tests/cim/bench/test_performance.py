"""The page of the documentation, made from a record; and what `cim bench all` does with what it finds."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cim.bench import performance, results
from cim.bench.performance import Step, markdown
from cim.bench.results import Result, from_json, to_json
from cim.bench.target import Target, TargetError
from cim.bench.targets import WAIT_MS
from tests.cim.bench import records


def test_the_page_names_machine_commit_command_and_targets() -> None:
    text = markdown([records.everything()], "performance")
    assert "- cim 9.9.9 at 0123456789ab, 2030-01-02T03:04:05+00:00\n" in text
    assert "- 2 x Imagined <CPU> & Co, 8 GiB, Linux 6.1, CPython 3.11.9, valkey 9.0.1\n" in text
    assert "- `cim bench all`\n" in text
    assert "| CPU of a message, saturated, one in flight | <= 35 | 30.0 | µs | holds |" in text
    assert "| 500/s, send to delivery, p99 | <= 4 | 4.50 | ms | **missed** |" in text
    assert "| cim --help | <= 0.15 |  | s | not measured |" in text
    assert "](performance/latency-by-load.svg)" in text
    assert "CPU: flat, 10 % apart (target 20 %)." in text


def test_the_page_is_made_again_from_the_record(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    performance.write([records.everything()], page)
    first = {file.name: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    performance.write([from_json(to_json(records.everything()))], page)
    assert {file.name: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == first
    plots = sorted(file.name for file in (tmp_path / "performance").iterdir())
    assert plots == [
        "cpu-per-message.svg", "growth-cost-against-connections.svg", "latency-by-load.svg", "latency-percentiles.svg",
    ]  # fmt: skip
    for name in plots:
        assert f"](performance/{name})" in page.read_text()
        ElementTree.fromstring(first[name])


def test_the_page_of_this_project_is_made_from_its_record(tmp_path: Path) -> None:
    ours = Path(__file__).parents[3] / "docs" / "performance.md"
    page = tmp_path / "performance.md"
    page.write_bytes(ours.read_bytes())
    performance.write([results.read(ours.with_suffix("") / "all.json")], page)
    assert page.read_text() == ours.read_text()
    for plot in (tmp_path / "performance").iterdir():
        assert plot.read_bytes() == (ours.with_suffix("") / plot.name).read_bytes()


def test_notes_are_kept_and_plots_that_are_not_drawn_go_away(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    performance.write([records.everything()], page)
    notes = "<!-- notes -->\nThe wheel of timers saved 3 µs.\n<!-- end of notes -->\n"
    page.write_text(page.read_text().replace(performance.NO_NOTES, notes))
    performance.write([records.messages()], page)
    assert notes in page.read_text()
    assert not (tmp_path / "performance" / "latency-by-load.svg").exists()


def test_a_run_with_a_loss_is_named_and_has_no_figures() -> None:
    text = markdown([replace(records.everything(), runs=(records.lossy(),))], "performance")
    assert "**no result: 3 lost**" in text
    assert "99,999" not in text
    assert "| CPU of a message, saturated, one in flight | <= 35 |  | µs | not measured |" in text


@pytest.fixture
def without_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cluster, floor or start: only what is made of their results."""
    floor = Result(benchmark="floor", floor=records.FLOOR, machine=records.MACHINE)

    def refused(*given: Any) -> Result:
        raise TargetError("No cluster starts here.")

    monkeypatch.setattr("cim.bench.performance.own", lambda servers, gather_ms: _Nowhere(gather_ms))
    monkeypatch.setattr("cim.bench.floor.run", lambda settings, progress: floor)
    monkeypatch.setattr("cim.bench.startup.run", refused)
    monkeypatch.setattr("cim.bench.growth.run", refused)


class _Nowhere:
    """A cluster that is none; its name says how long it lets messages gather."""

    def __init__(self, gather_ms: float) -> None:
        self._gather_ms = gather_ms

    def __enter__(self) -> Target:
        return Target(f"gathers {self._gather_ms}")

    def __exit__(self, *error: object) -> None:
        pass


@pytest.mark.usefixtures("without_processes")
def test_all_goes_on_when_one_cannot_be_measured() -> None:
    def impossible(target: Target, quick: bool, progress: performance.Progress) -> Result:
        raise TargetError("Descriptors do not suffice.")

    steps = (Step("one", impossible), Step("other", lambda target, quick, progress: records.messages(floor=None)))
    said: list[str] = []
    found = performance.run(True, said.append, steps)
    assert [run.benchmark for run in found.runs] == ["messages", "floor"]
    assert found.runs[0].floor == records.FLOOR
    assert found.missing == {
        "one": "Descriptors do not suffice.",
        "startup": "No cluster starts here.",
        "growth": "Not measured with --quick.",
    }
    assert found.machine == records.MACHINE
    assert "2 of 2, other: starting a cluster" in said
    assert "- one: Descriptors do not suffice." in markdown([found], "performance")


@pytest.mark.usefixtures("without_processes")
def test_one_run_is_of_servers_that_wait_with_their_passes() -> None:
    found: list[str] = []

    def run(target: Target, quick: bool, progress: performance.Progress) -> Result:
        found.append(target.route)
        return records.messages(floor=None)

    waiting = [step.name for step in performance.STEPS if step.gather_ms == WAIT_MS]
    assert waiting == ["5,000 messages/s, passes wait"]
    performance.run(True, lambda text: None, [replace(step, run=run) for step in performance.STEPS[-4:]])
    performance.run(True, lambda text: None, [Step("waits", run, gather_ms=WAIT_MS)])
    assert found == ["gathers 0.0"] * 4 + ["gathers 1.0"]


@pytest.mark.usefixtures("without_processes")
def test_a_mistake_of_ours_ends_everything() -> None:
    def broken(target: Target, quick: bool, progress: performance.Progress) -> Result:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        performance.run(True, lambda text: None, (Step("broken", broken),))
