"""The commands that work on results, as a person runs them."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cim.bench import results
from cim.cli import main
from tests.cim.bench import records


def cim(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["bench", *map(str, arguments)])


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    made = {
        "a": records.messages(40.0), "b": records.messages(30.0), "other": records.open_loop(500, 1, 2),
        "lossy": records.lossy(), "all": records.everything(),
    }  # fmt: skip
    paths = {name: tmp_path / f"{name}.json" for name in made}
    for name, result in made.items():
        results.write(result, paths[name])
    return paths


def test_compare(files: dict[str, Path]) -> None:
    done = cim("compare", files["a"], files["b"])
    assert done.exit_code == 0
    assert "0.750" in done.output


def test_compare_refuses_other_settings_unless_forced(files: dict[str, Path]) -> None:
    done = cim("compare", files["a"], files["other"])
    assert done.exit_code == 1
    assert "rate None and 500" in done.output
    assert cim("compare", "--force", files["a"], files["other"]).exit_code == 0


def test_compare_takes_two_results_or_two_commands(files: dict[str, Path]) -> None:
    for arguments in ((), (files["a"],), (files["a"], files["b"], "--run", "x", "y")):
        done = cim("compare", *arguments)
        assert done.exit_code == 2
        assert "Name two results, or two commands with --run." in done.output


def test_page_shows_results_again(files: dict[str, Path], tmp_path: Path) -> None:
    assert "CPU, total" in cim("page", files["a"]).output
    done = cim("page", files["all"], "--report", tmp_path / "r.html", "--docs", tmp_path / "performance.md")
    assert (done.exit_code, done.output) == (0, "")
    assert (tmp_path / "r.html").read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "performance" / "cpu-per-message.svg").exists()


def test_page_of_a_run_with_a_loss_exits_1(files: dict[str, Path]) -> None:
    done = cim("page", files["lossy"])
    assert done.exit_code == 1
    assert "no result: 3 lost" in done.output


def test_what_is_no_result_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"schema": 7}')
    done = cim("page", tmp_path / "x.json")
    assert done.exit_code == 1
    assert done.output.strip().endswith("This result has schema 7; this version of cim reads schema 1.")


def test_what_cannot_be_written_is_one_sentence(files: dict[str, Path], tmp_path: Path) -> None:
    done = cim("page", files["a"], "--report", tmp_path / "none" / "r.html")
    assert done.exit_code == 1
    assert "Error: " in done.output
