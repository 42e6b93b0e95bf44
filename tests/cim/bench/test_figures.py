"""Where figures stand in a record, and how they are named and printed."""

from dataclasses import replace

import pytest

from cim.bench import figures
from cim.bench.results import Curve, Point, Result
from tests.cim.bench import records


def test_every_figure_is_a_field_of_a_record() -> None:
    empty = Result(benchmark="messages")
    full = records.messages()
    for figure in (*figures.RATES, *figures.CPU, *figures.LATENCY, *figures.WORK):
        assert hasattr(full, figure.path.split(".")[0])
        assert figures.value_at(empty, figure.path) is None
    assert figures.value_at(full, "latency_ms.delivery.p99_9") == 10.0
    assert figures.value_at(full, "figures.generator_us_per_delivery") == 12.0
    assert figures.value_at(full, "figures.unknown") is None


def test_figures_of_a_run_are_those_that_were_measured() -> None:
    found = {figure.path: value for figure, value in figures.figures_of(records.messages())}
    assert found["cpu_us_per_message.total"] == 30.0
    assert found["cpu_us_per_message.route"] == 0.0
    assert "logins_per_s" not in found


@pytest.mark.parametrize(
    ("name", "said", "unit", "better"),
    [
        ("sync_s", "sync", "s", "lower"),
        ("pages_per_s", "pages", "/s", "higher"),
        ("heartbeats_percent_of_core", "heartbeats", "% of a core", "lower"),
        ("heartbeats_percent_of_core_per_10000", "heartbeats", "% of a core for 10,000", "lower"),
        ("up_seconds", "up", "s", "lower"),
        ("lone_cpu_us_per_member", "lone cpu", "µs a member", "lower"),
        ("growth_bytes_per_connection", "growth", "bytes a connection", "lower"),
        ("last_socket_ms", "last socket", "ms", "lower"),
        ("due_and_not_sent_messages", "due and not sent", "messages", ""),
    ],
)
def test_figures_of_one_benchmark_tell_their_unit_by_their_name(name: str, said: str, unit: str, better: str) -> None:
    figure = figures.own_figures(Result(benchmark="x", figures={name: 1.0}))[0]
    assert figure == (f"figures.{name}", said, unit, better)


def test_the_spread_is_that_of_the_runs_of_the_same_benchmark() -> None:
    runs = (records.messages(30.0), records.messages(33.0), records.messages(28.0))
    assert figures.spread(replace(runs[0], runs=runs), "cpu_us_per_message.total") == (28.0, 33.0)
    assert figures.spread(runs[0], "cpu_us_per_message.total") is None
    assert figures.spread(records.everything(), "cpu_us_per_message.total") is None


def test_times_of_the_floor_at_the_batch_size_of_the_run() -> None:
    assert figures.times_floor(records.messages(30.0)) == pytest.approx(3.0)
    assert figures.times_floor(records.messages(300.0, messages_per_batch=1.0)) == pytest.approx(1.5)
    assert figures.times_floor(records.messages(floor=None)) is None


@pytest.mark.parametrize(("value", "said"), [(0, "0"), (1.2, "1.2"), (30, "30"), (10_000.0, "10,000"), (0.15, "0.15")])
def test_given_numbers(value: float, said: str) -> None:
    assert figures.number(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (41234.4, "41,234"), (99.96, "100"), (12.34, "12.3"), (3, "3.00"), (1.234, "1.23"), (0.01234, "0.0123")],
)
def test_measured_numbers(value: float, said: str) -> None:
    assert figures.measured(value) == said


def test_settings_in_one_line() -> None:
    run = records.open_loop(500, 1, 2)
    line = figures.settings_line(run)
    assert line == "500 senders, in flight 1, rate 500, 10 seconds, payload 100, 2 servers"
    assert figures.settings_line(replace(run, settings={**run.settings, "gather_ms": 0.0})) == line
    assert figures.settings_line(replace(run, settings={**run.settings, "gather_ms": 1.5})) == f"{line}, gather ms 1.5"


def test_flatness_is_judged_for_each_series() -> None:
    def points(series: str, values: tuple[float, ...]) -> tuple[Point, ...]:
        return tuple(Point(x=index, y=value, series=series) for index, value in enumerate(values))

    both = points("a", (10, 11)) + points("b", (10, 13)) + points("lone", (1,))
    curve = Curve(name="c", x="x", y="y", points=both, flat_within=0.2)
    assert figures.flatness(curve) == ["a: flat, 10 % apart (target 20 %)", "b: not flat, 30 % apart (target 20 %)"]
    assert figures.flatness(replace(curve, flat_within=None)) == []


def test_a_long_curve_stands_in_a_table_with_some_of_its_points() -> None:
    def curve(count: int) -> Curve:
        points = [Point(x=x, y=1.0, series=name) for name in ("s1", "s2") for x in range(count)]
        return Curve(name="c", x="x", y="y", points=tuple(points))

    assert figures.rows_of(curve(5)) == [0, 1, 2, 3, 4]
    long = figures.rows_of(curve(180))
    assert (len(long), long[0], long[-1]) == (figures.MAX_ROWS, 0, 179)
    assert long == sorted(set(long))
    assert figures.rows_of(curve(0)) == []
