"""Runs that are repeated."""

from cim.bench.measuring import repeated
from cim.bench.results import Result
from tests.cim.bench import records


def of(*made: Result) -> Result:
    waiting = iter(made)
    return repeated(len(made), lambda: next(waiting), lambda text: None)


def test_the_median_by_processor_time_with_all_runs_in_their_order() -> None:
    runs = [records.messages(total) for total in (40.0, 20.0, 30.0)]
    found = of(*runs)
    assert found.cpu_us_per_message == runs[2].cpu_us_per_message
    assert found.runs == tuple(runs)


def test_of_two_the_dearer_and_without_processor_time_the_slower() -> None:
    cheap, dear = records.messages(20.0), records.messages(40.0)
    assert of(dear, cheap).cpu_us_per_message == of(cheap, dear).cpu_us_per_message == dear.cpu_us_per_message
    fast, slow = (records.messages(rate=rate, cpu_us_per_message=None) for rate in (9_000.0, 8_000.0))
    assert of(fast, slow).rate_per_s == of(slow, fast).rate_per_s == 8_000.0


def test_connections_that_send_nothing_are_ranked_by_their_memory() -> None:
    idle = [Result(benchmark="idle", bytes_per_connection=size) for size in (1_100.0, 900.0, 1_000.0)]
    found = of(*idle)
    assert found.bytes_per_connection == 1_000.0
    assert found.settings["repeat"] == 3


def test_a_run_that_lost_something_ends_it_and_is_what_is_shown() -> None:
    assert of(records.messages(), records.lossy(), records.messages()) == records.lossy()


def test_one_run_has_no_runs_in_it() -> None:
    assert of(records.messages()) == records.messages()
