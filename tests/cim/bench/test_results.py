"""The record of a run as JSON."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from cim.bench import results
from cim.bench.results import (
    BadResult,
    Cpu,
    Curve,
    Latency,
    Machine,
    Percentiles,
    Point,
    RedisCost,
    Result,
    from_json,
    to_json,
)

MACHINE = Machine("Imagined CPU", 2, 8_000_000_000, "Linux 6.1", "CPython 3.11.9", "valkey 9.0.1")


def full() -> Result:
    run = Result(benchmark="messages", machine=MACHINE, sent=10, acked=10, delivered=10, lost=0)
    return Result(
        benchmark="messages",
        label="one in flight",
        at="2026-02-03T04:05:06+00:00",
        machine=MACHINE,
        settings={"senders": 500, "rate": None, "durability": "always"},
        sent=20,
        acked=20,
        delivered=20,
        lost=0,
        cpu_us_per_message=Cpu(servers=20.5, route=0.0, redis=10.0, total=30.5, generator=12.0),
        latency_ms=Latency(ack=Percentiles(p50=1.0, p90=2, p99=3.5, p99_9=4.0, max=5.0)),
        redis=RedisCost(commands_per_message=7.0, calls_per_message={"xadd": 1.0}),
        figures={"members": 500.0},
        floor={"echo": {"cpu_us": 6.0}, "cpu_us_per_message": [{"batch": 1, "value": 200.0}]},
        curve=(Curve(name="connections", x="connections", y="µs", points=(Point(x=100, y=30.0, series="a"),)),),
        runs=(run, run),
    )


def test_what_is_written_is_read_again() -> None:
    written = full()
    assert from_json(to_json(written)) == written


def test_every_field_is_written_and_what_was_not_measured_is_null() -> None:
    record = json.loads(to_json(Result(benchmark="idle")))
    assert list(record) == results.field_names()
    assert [record[name] for name in ("lost", "cpu_us_per_message", "floor")] == [None] * 3
    assert record["schema"] == 1


def test_fields_that_a_later_version_added_are_passed_over() -> None:
    written = full()
    record = json.loads(to_json(written)) | {"colour": "red"}
    assert from_json(json.dumps(record)) == written


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema": 2}, "This result has schema 2; this version of cim reads schema 1."),
        ({"sent": "many"}, "sent: Input should be a valid integer"),
        ({"machine": {"cpu": "x"}}, r"machine\.cores: "),
        ({"benchmark": None}, "benchmark: "),
    ],
)
def test_another_schema_and_a_broken_record_are_one_sentence(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadResult, match=sentence) as caught:
        from_json(json.dumps(json.loads(to_json(full())) | change))
    assert "\n" not in str(caught.value)


def test_a_record_is_not_completed_by_what_this_machine_is() -> None:
    record = json.loads(to_json(full()))
    del record["machine"]
    with pytest.raises(BadResult, match="has no 'machine'"):
        from_json(json.dumps(record))


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense"])
def test_what_is_no_record(text: str) -> None:
    with pytest.raises(BadResult, match="not a result of cim bench"):
        from_json(text)


def test_a_file_is_replaced_at_once_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")
    results.write(full(), path)
    assert results.read(path) == full()
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadResult, match=r"none\.json cannot be read: No such file"):
        results.read(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(BadResult, match=r"bad\.json: This is not"):
        results.read(tmp_path / "bad.json")


def test_wrong_counts_what_must_not_happen_also_in_runs() -> None:
    assert full().wrong == {}
    lossy = Result(benchmark="messages", lost=3, duplicates=0, failed=1)
    assert lossy.wrong == {"lost": 3, "failed": 1}
    assert Result(benchmark="messages", runs=(full(), lossy)).wrong == {"lost": 3, "failed": 1}


def test_this_machine() -> None:
    here = Machine.here("valkey 9.0.1")
    assert here.cores >= 1
    assert here.memory_bytes > 1 << 20
    assert here.python.startswith("CPython 3.")


def test_the_documentation_names_every_field_in_order() -> None:
    text = (Path(__file__).parents[3] / "docs" / "bench-schema.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == results.field_names()
    for record in (Machine, Cpu, Latency, Percentiles, RedisCost, Curve, Point):
        for field in fields(record):
            assert f"`{field.name}`" in text, f"{record.__name__}.{field.name}"
