"""The floor is measured in full, and read between the batch sizes it was measured at."""

from dataclasses import replace

import redis

from cim.bench import floor
from cim.bench.figures import times_floor
from cim.bench.floor import FloorSettings
from tests.cim.bench import records


def test_every_part_is_there() -> None:
    said: list[str] = []
    found = floor.measure(FloorSettings(connections=10, batches=(1, 16), seconds=0.2), said.append)
    assert found["echo"]["connections"] == 10
    assert found["echo"]["cpu_us"] > 0
    assert found["socket_write_us"] > 0
    assert 0 < found["fdatasync_ms"]["p50"] <= found["fdatasync_ms"]["p99"]
    assert [one["batch"] for one in found["redis_append"]] == [1, 16]
    for append, message in zip(found["redis_append"], found["cpu_us_per_message"], strict=True):
        assert message == {"batch": append["batch"], "value": found["echo"]["cpu_us"] + append["cpu_us"]}
    assert said


def test_beside_a_run_that_is_a_result() -> None:
    run = records.messages(settings={**records.SATURATED, "senders": 4, "durability": "always"}, floor=None)
    found = floor.beside(run, lambda text: None)
    assert found.floor is not None
    assert found.floor["echo"]["connections"] == 4
    assert found.missing == {}
    assert (times_floor(found) or 0) > 0
    assert times_floor(replace(found, benchmark="group")) is None
    for without in (records.lossy(), replace(run, cpu_us_per_message=None)):
        assert floor.beside(without, lambda text: None) == without


def test_its_redis_syncs_as_asked() -> None:
    for durability in ("always", "everysec"):
        with floor.own_redis(durability) as (url, _), redis.Redis.from_url(url, retry=None) as client:
            assert client.config_get("appendfsync")["appendfsync"] == durability
            assert client.config_get("appendonly")["appendonly"] == "yes"


def test_between_two_batch_sizes() -> None:
    made = {
        "cpu_us_per_message": [{"batch": 1, "value": 100.0}, {"batch": 16, "value": 20.0}, {"batch": 64, "value": 10.0}]
    }
    assert floor.at(made, 1) == 100
    assert floor.at(made, 4) == 60
    assert floor.at(made, 32) == 15
    assert floor.at(made, 0.5) == 100
    assert floor.at(made, 1_000) == 10
