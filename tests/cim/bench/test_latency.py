"""Latencies, whose percentiles are those of the values within the histogram's precision."""

import pytest

from cim.bench.latency import FLUSH_AT, MAX_US, Latencies


def test_nothing_recorded_is_not_zero() -> None:
    assert Latencies().percentiles_ms() is None


def test_percentiles_in_milliseconds() -> None:
    latencies = Latencies()
    latencies.waiting.extend(range(1, 10_001))
    found = latencies.percentiles_ms()
    assert found is not None
    assert found["p50"] == pytest.approx(5.0, rel=0.001)
    assert found["p90"] == pytest.approx(9.0, rel=0.001)
    assert found["p99"] == pytest.approx(9.9, rel=0.001)
    assert found["p99_9"] == pytest.approx(9.99, rel=0.001)
    assert found["max"] == pytest.approx(10.0, rel=0.001)


def test_those_of_several_processes_are_added() -> None:
    one, other, both = Latencies(), Latencies(), Latencies()
    one.waiting.extend([1_000] * 60)
    other.waiting.extend([9_000] * 40)
    both.add(one.encoded())
    both.add(other.encoded())
    found = both.percentiles_ms()
    assert found is not None
    assert found["p50"] == pytest.approx(1.0, rel=0.001)
    assert found["p90"] == pytest.approx(9.0, rel=0.001)
    assert "p99_9" not in found
    assert (one.count, both.count) == (60, 100)


def test_what_waits_is_taken_and_what_is_counted_is_bounded() -> None:
    latencies = Latencies()
    for start in range(0, 3 * FLUSH_AT, FLUSH_AT):
        latencies.waiting.extend(range(start, start + FLUSH_AT))
        latencies.gather()
        assert not latencies.waiting
        assert len(latencies._counts) <= FLUSH_AT
    assert latencies.percentiles_ms() is not None


def test_what_is_outside_the_range_counts_at_its_end() -> None:
    latencies = Latencies()
    latencies.waiting.extend([-5, 0, 10 * MAX_US])
    found = latencies.percentiles_ms()
    assert found is not None
    assert found["max"] == pytest.approx(MAX_US / 1000, rel=0.001)
