"""What a stretch of work costs, of real processes and a real Redis; what cannot be read is missing, and says why."""

import http.server
import os
import threading
from collections.abc import Iterator

import pytest
import redis

from cim.bench.target import Server, Target
from cim.bench.usage import Meter, Usage
from tests.real_servers import RealRedis


class Counting(http.server.BaseHTTPRequestHandler):
    """Counts upwards at each reading."""

    readings = 0

    def do_GET(self) -> None:
        type(self).readings += 1
        lines = [
            f"cim_appended_total {Counting.readings * 120}.0",
            f"cim_batches_total {Counting.readings * 10}.0",
            f"cim_passes_total {Counting.readings * 4}.0",
            f"cim_busy_seconds_total {Counting.readings * 0.002}",
            f'cim_slow_passes_total{{above="0.005"}} {Counting.readings}.0',
            f'cim_collections_total{{generation="2"}} {Counting.readings}.0',
            f"cim_collecting_seconds_total {Counting.readings * 0.001}",
        ]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(("# HELP x y\n" + "\n".join(lines)).encode())

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def address() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Counting)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_stretch_of_work(address: str, redis_server: RealRedis) -> None:
    server = Server("s1", "127.0.0.1", 1, address, os.getpid())
    cluster = Target("", None, redis_server.url, (server,), redis_server.pid, redis_server.pid)
    meter = Meter(cluster, lambda: [os.getpid()])
    with redis.Redis.from_url(redis_server.url, retry=None) as client:
        meter.start()
        for n in range(240):
            client.set(f"key{n}", "value")
        usage = meter.stop()
    meter.close()
    assert usage.missing == {}
    assert usage.appended == 120
    assert usage.messages_per_batch == 12
    assert usage.event_loop_lag_ms == {
        "passes": 4,
        "busy": pytest.approx(2),
        "mean": pytest.approx(0.5),
        "longer_than_5": 1,
    }
    assert usage.garbage_collections == {"generation_2": 1, "ms": pytest.approx(1)}
    store = usage.store_per(120)
    assert store is not None
    assert store["commands_per_message"] == 2
    assert store["calls_per_message"] == {"set": 2}
    assert store["fsyncs_per_message"] is None
    assert usage.after["s1"].memory is not None
    assert usage.after["redis"].descriptors


def test_the_total_leaves_the_generator_out_and_counts_every_server() -> None:
    spent = {"s1": 1.0, "s2": 2.0, "route": 0.5, "redis": 1.5, "generator": 4.0}
    usage = Usage(1.0, 2, spent, {}, {}, None, None)
    assert usage.cpu_us_per(1_000_000) == {"servers": 3.0, "route": 0.5, "redis": 1.5, "generator": 4.0, "total": 5.0}
    assert set(usage.cpu_us_per(0).values()) == {None}


def test_without_one_of_the_servers_their_sum_is_not_told() -> None:
    usage = Usage(1.0, 2, {"s1": 1.0, "route": 0.5, "redis": 1.5}, {}, {}, None, None)
    found = usage.cpu_us_per(1_000_000)
    assert (found["servers"], found["total"], found["redis"]) == (None, None, 1.5)


def test_what_cannot_be_read_is_missing_and_says_why() -> None:
    meter = Meter(Target("", servers=(Server("s1", "127.0.0.1", 1, "127.0.0.1:1", None),)))
    meter.start()
    usage = meter.stop()
    meter.close()
    assert usage.cpu_us_per(10) == dict.fromkeys(("servers", "route", "redis", "generator", "total"))
    assert usage.store_per(10) is None
    assert usage.messages_per_batch is None
    assert usage.event_loop_lag_ms is None
    assert usage.garbage_collections is None
    assert set(usage.missing) == {"cpu s1", "cpu route", "cpu redis", "redis", "metrics"}
