"""Ratios of two results, and commands run in turn."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cim.bench import results
from cim.bench.compare import CompareError, Ratio, comparison, in_turn, matched, ratios
from cim.bench.results import Machine, Result
from tests.cim.bench import records

TOTAL = "cpu_us_per_message.total"


def repeated(*totals: float) -> Result:
    runs = tuple(records.messages(total) for total in totals)
    return replace(runs[0], runs=runs)


def ratio_of(a: Result, b: Result, path: str = TOTAL, paired: bool = False) -> Ratio:
    return next(one for one in ratios(a, b, paired) if one.figure.path == path)


def test_single_runs_have_a_ratio_and_no_spread() -> None:
    found = ratio_of(records.messages(40.0), records.messages(30.0))
    assert (found.a, found.b, found.ratio, found.spread, found.verdict) == (40.0, 30.0, 0.75, None, "")


def test_every_run_stands_against_every_other() -> None:
    found = ratio_of(repeated(40.0, 50.0, 44.0), repeated(22.0, 25.0, 20.0))
    assert (found.a, found.b, found.ratio) == (44.0, 22.0, 0.5)
    assert found.spread == (20.0 / 50.0, 25.0 / 40.0)
    assert found.verdict == "better"


def test_ranges_that_overlap_are_noise() -> None:
    assert ratio_of(repeated(40.0, 50.0), repeated(49.0, 60.0)).verdict == "within noise"
    assert ratio_of(repeated(40.0, 48.0), repeated(49.0, 60.0)).verdict == "worse"


def test_runs_made_in_turn_are_compared_pair_by_pair() -> None:
    a, b = repeated(40.0, 80.0, 60.0), repeated(36.0, 72.0, 57.0)
    assert ratio_of(a, b).verdict == "within noise"
    found = ratio_of(a, b, paired=True)
    assert found.ratio == pytest.approx(0.9)
    assert found.spread == pytest.approx((0.9, 0.95))
    assert found.verdict == "better"


def test_where_more_is_better() -> None:
    slow = replace(records.messages(rate=1_000.0), runs=(records.messages(rate=1_000.0),) * 2)
    fast = replace(records.messages(rate=2_000.0), runs=(records.messages(rate=2_000.0),) * 2)
    assert ratio_of(slow, fast, "rate_per_s").verdict == "better"
    assert ratio_of(fast, slow, "rate_per_s").verdict == "worse"


def test_what_is_zero_or_missing_has_no_ratio() -> None:
    paths = {one.figure.path for one in ratios(records.messages(), records.messages(redis=None))}
    assert "cpu_us_per_message.route" not in paths
    assert "redis.commands_per_message" not in paths
    assert TOTAL in paths


def test_other_settings_are_refused_unless_forced() -> None:
    a = records.messages()
    b = records.messages(settings=records.SATURATED | {"senders": 64, "label": "x", "repeat": 3})
    with pytest.raises(CompareError, match=r"different measurements \(senders 500 and 64\): --force"):
        comparison(a, b)
    assert matched(a, b, force=True) == [(a, b)]
    with pytest.raises(CompareError, match="messages and group"):
        comparison(a, replace(a, benchmark="group"))


def test_a_record_of_before_a_setting_was_named_is_of_the_usual_one() -> None:
    before = records.messages()
    after = records.messages(settings={**records.SATURATED, "durability": "always", "gather_ms": 0.0})
    waited = replace(after, settings={**after.settings, "gather_ms": 1.0})
    assert matched(before, after) == [(before, after)]
    with pytest.raises(CompareError, match=r"gather_ms 0\.0 and 1\.0"):
        matched(before, waited)


def test_what_lost_something_is_not_compared_even_if_forced() -> None:
    with pytest.raises(CompareError, match="B is no result: 3 lost"):
        comparison(records.messages(), records.lossy(), force=True)


def test_all_is_compared_benchmark_by_benchmark() -> None:
    pairs = matched(records.everything(), records.everything())
    assert [one.settings.get("rate") for one, _ in pairs[:3]] == [None, 500, 5_000]
    with pytest.raises(CompareError, match="no benchmark that both"):
        matched(records.everything(), replace(records.messages(), benchmark="group"))


def test_the_text() -> None:
    text = comparison(repeated(40.0, 44.0), repeated(20.0, 22.0))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "A cim 9.9.9 at 0123456789ab, 2030-01-02T03:04:05+00:00, 2 runs" in lines
    assert "CPU, total 42.0 21.0 µs a message 0.500 0.45 to 0.55 better" in lines
    assert "messages_per_batch" not in text
    assert "measured once" not in text
    other = replace(records.messages(), machine=Machine("Other", 8, 1 << 30, "Linux", "CPython"))
    text = comparison(records.messages(), other)
    assert "On different machines" in text
    assert "measured once" in text


@pytest.fixture
def command(tmp_path: Path) -> Callable[[str, list[Result]], str]:
    """A program that writes one record after another and notes that it ran."""

    def make(name: str, given: list[Result], code: int = 0) -> str:
        for index, result in enumerate(given):
            results.write(result, tmp_path / f"{name}{index}.json")
        script = tmp_path / f"{name}.py"
        script.write_text(
            "import pathlib, shutil, sys\n"
            f"ran = pathlib.Path({str(tmp_path / 'ran')!r})\n"
            "before = ran.read_text() if ran.exists() else ''\n"
            f"ran.write_text(before + {name!r})\n"
            f"number = before.count({name!r})\n"
            f"shutil.copy(pathlib.Path({str(tmp_path)!r}, f'{name}{{number}}.json'), sys.argv[2])\n"
            f"sys.exit({code})\n"
        )
        return f"{sys.executable} {script}"

    return make


def test_commands_are_run_in_turn(tmp_path: Path, command: Callable[[str, list[Result]], str]) -> None:
    one = command("A", [records.messages(40.0), records.messages(80.0), records.messages(60.0)])
    other = command("B", [records.messages(36.0), records.messages(72.0), records.messages(57.0)])
    a, b = in_turn((one, other), 3, lambda text: None)
    assert (tmp_path / "ran").read_text() == "ABBAAB"
    assert ratio_of(a, b, paired=True).ratio == pytest.approx(0.9)


def test_a_run_with_a_loss_ends_it(command: Callable[[str, list[Result]], str]) -> None:
    with pytest.raises(CompareError, match="B, run 1: no result: 3 lost"):
        in_turn((command("A", [records.messages()]), command("B", [records.lossy()])), 1, lambda text: None)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (f"{sys.executable} -c 'raise SystemExit(\"no Redis here\")'", "has measured nothing .exit 1.: no Redis here"),
        ("/no/such/program", "cannot be run"),
        ("'", "is not a command"),
        ("", "A command is empty"),
    ],
)
def test_commands_that_fail(bad: str, sentence: str) -> None:
    with pytest.raises(CompareError, match=sentence):
        in_turn((bad, bad), 1, lambda text: None)
