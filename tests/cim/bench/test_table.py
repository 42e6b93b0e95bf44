"""Results as text."""

from dataclasses import replace

from cim.bench.table import table
from tests.cim.bench import records


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_run_at_saturation_with_its_targets() -> None:
    found = lines(table([records.messages()]))
    assert found[0] == "messages: 500 senders, in flight 1, 10 seconds, payload 100, 2 servers"
    assert "cim 9.9.9 at 0123456789ab, 2030-01-02T03:04:05+00:00" in found
    counts = "sent 412,345, acknowledged 412,345, delivered 412,345, lost 0, doubled 0, reordered 0, failed 0"
    assert counts in " ".join(found)
    assert "rate 41,234 messages/s target >= 30,000: holds" in found
    assert "CPU, servers 20.0 µs a message" in found
    assert "CPU, total 30.0 µs a message target <= 35: holds" in found
    assert "of the floor 3.00 times" in found
    assert "CPU, generator (apart) 12.0 µs a message" in found
    assert "latency, ms p50 p90 p99 p99.9 max" in found
    assert "send to delivery 1.50 2.50 5.00 10.0 20.0" in found


def test_targets_of_latencies_stand_below_them() -> None:
    found = lines(table([records.open_loop(500, 1.1, 4.5)]))
    assert "target of send to delivery: p50 <= 1.2: holds, p99 <= 4: missed" in found


def test_columns_end_where_their_neighbours_end() -> None:
    text = table([records.messages()]).splitlines()
    rows = [line for line in text if "a message" in line and "CPU" in line]
    assert len({line.index("µs") for line in rows}) == 1
    assert all(line == line.rstrip() for line in text)


def test_a_run_with_a_loss_shows_no_figure() -> None:
    text = table([replace(records.lossy(), missing={"result": "3 messages of user 7 were lost"})])
    assert "no result: 3 lost" in text
    assert "3 messages of user 7 were lost" in text
    assert "99,999" not in text
    assert "CPU" not in text.split("no result")[0].split("sent")[1]
    assert "latency" not in text
    assert "holds" not in text


def test_a_run_within_runs_that_lost_is_no_result_either() -> None:
    assert "no result: 3 lost" in table([records.messages(runs=(records.messages(), records.lossy()))])


def test_the_spread_of_repeated_runs() -> None:
    runs = (records.messages(30.0), records.messages(33.0), records.messages(28.0))
    assert "CPU, total 30.0 µs a message 28.0 to 33.0 in 3 runs target <= 35: holds" in lines(
        table([replace(runs[0], runs=runs)])
    )


def test_sentences_fit_a_terminal_of_80_columns() -> None:
    lag = {"passes": 14_110, "busy": 2_126.0, "mean": 0.15, **{f"longer_than_{n}": 0.0 for n in (1, 5, 20, 100)}}
    long = {"redis": "Its address is not known. " * 5}
    text = table([records.messages(event_loop_lag_ms=lag, garbage_collections={"generation_0": 1.0}, missing=long)])
    assert "longer than 100 0" in " ".join(text.split())
    assert [line for line in text.splitlines() if len(line) > 80] == []


def test_a_rate_that_was_not_held_is_said() -> None:
    assert "the rate was not held" not in table([records.open_loop(500.0, 1, 2)])
    behind = replace(records.open_loop(20_000.0, 900, 1_900), rate_per_s=15_100.0)
    assert "the rate was not held: 15,100 of 20,000 messages/s were acknowledged" in lines(table([behind]))


def test_all_is_a_table_of_targets() -> None:
    found = lines(table([records.everything()]))
    assert "CPU of a message, saturated, one in flight <= 35 30.0 µs holds" in found
    assert "500/s, send to delivery, p99 <= 4 4.50 ms missed" in found
    assert "cim up to ready <= 2 s not measured" in found


def test_curves_and_what_was_not_measured() -> None:
    found = lines(table([replace(records.growth(), missing={"redis": "Its address is not known."})]))
    assert "15,000 33.0 CPU" in found
    assert "CPU: flat, 10 % apart (target 20 %)" in found
    assert "not measured: redis: Its address is not known." in found
