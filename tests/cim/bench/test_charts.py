"""Which plots results give."""

from dataclasses import replace

from cim.bench.charts import charts, flat, name_of
from cim.bench.plots import Bars, Lines
from cim.bench.results import Cpu, Result
from tests.cim.bench import records


def test_all_gives_every_plot_with_its_table() -> None:
    found = {chart.plot.name: chart for chart in charts([records.everything()])}
    assert list(found) == [
        "latency-by-load",
        "latency-percentiles",
        "cpu-per-message",
        "growth-cost-against-connections",
    ]
    assert found["latency-by-load"].rows[1] == ["500", "1.10", "4.50", "9.00", "1.10", "4.50"]
    assert found["growth-cost-against-connections"].rows == [
        ["connections", "CPU"], ["100", "30.0"], ["1,000", "31.0"], ["15,000", "33.0"],
    ]  # fmt: skip
    assert found["growth-cost-against-connections"].notes == ("CPU: flat, 10 % apart (target 20 %)",)


def test_latency_against_load_needs_two_loads() -> None:
    assert "latency-by-load" not in {chart.plot.name for chart in charts([records.open_loop(500, 1, 2)])}


def test_bars_tell_processes_apart_and_how_far_the_floor_is() -> None:
    chart = next(chart for chart in charts([records.messages()]) if isinstance(chart.plot, Bars))
    assert isinstance(chart.plot, Bars)
    assert chart.plot.bars[0] == ("500 senders, 1 in flight", (20.0, 0.0, 10.0), 12.0)
    assert chart.rows[1] == ["500 senders, 1 in flight", "20.0", "0", "10.0", "30.0", "12.0", "3.00"]


def test_logins_have_bars_of_their_own() -> None:
    login = Result(benchmark="logins", cpu_us_per_login=Cpu(servers=100.0, route=0.0, redis=50.0, total=150.0))
    assert [chart.plot.name for chart in charts([login])] == ["cpu-per-login"]


def test_a_run_whose_passes_waited_has_a_name_of_its_own_and_no_place_among_loads() -> None:
    waited = records.open_loop(5_000, 3.0, 6.0)
    waited = replace(waited, settings={**waited.settings, "gather_ms": 1.0})
    assert name_of(waited) == "5,000/s, 1 ms gathered"
    usual = [records.open_loop(500, 1.1, 4.5), records.open_loop(5_000, 1.6, 4.9)]
    by_load = charts([*usual, waited])[0]
    assert [row[1] for row in by_load.rows[1:]] == ["1.10", "1.60"]


def test_what_was_lost_is_not_drawn() -> None:
    assert charts([records.lossy()]) == []
    drawn = charts([records.messages(), records.lossy()])
    assert all(len(chart.plot.series) == 1 for chart in drawn if isinstance(chart.plot, Lines))


def test_names_are_short_and_unique() -> None:
    run = records.messages()
    assert name_of(run) == "500 senders, 1 in flight"
    assert name_of(records.open_loop(20_000, 1, 2)) == "20,000/s"
    assert name_of(replace(run, label="before")) == "before"
    chart = next(chart for chart in charts([run, run]) if isinstance(chart.plot, Bars))
    assert [row[0] for row in chart.rows[1:]] == ["500 senders, 1 in flight", "500 senders, 1 in flight (2)"]


def test_repeated_runs_stay_one_and_those_of_all_are_many() -> None:
    repeated = records.messages(runs=(records.messages(), records.messages()))
    assert flat([repeated]) == [repeated]
    assert len(flat([records.everything(), repeated])) == 5
