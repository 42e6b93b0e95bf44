"""A real Redis's own account of what it was asked, and what reached its file, a rewrite in between or not."""

from collections.abc import Callable

import pytest
import redis

from cim.bench.store_usage import StoreMeter, between
from tests.real_servers import RealRedis, eventually


@pytest.mark.parametrize("rewritten", [False, True])
def test_commands_bytes_and_what_reached_the_file(new_redis: Callable[[], RealRedis], rewritten: bool) -> None:
    server = new_redis()
    with redis.Redis.from_url(server.url, retry=None) as client:
        client.set("warm", "up")
        eventually(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0)
        meter = StoreMeter(server.url, server.pid)
        before = meter.read()
        for n in range(50):
            client.set(f"k{n}", bytes(1_000))
        if rewritten:
            rewrites = client.info("persistence")["aof_rewrites"]
            client.bgrewriteaof()
            eventually(lambda: client.info("persistence")["aof_rewrites"] == rewrites + 1)
            eventually(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0)
        client.eval("redis.call('incr', 'a') return redis.call('incr', 'a')", 0)
        usage = between(before, meter.read())
        meter.close()
    assert usage.calls["set"] == 50
    assert usage.calls["incr"] == 2
    assert usage.calls["eval"] == 1
    assert "info" not in usage.calls
    assert usage.commands == 53 + rewritten
    assert usage.bytes_in > 50_000
    assert usage.file_bytes is not None
    assert 50_000 < usage.file_bytes < 56_000
    assert usage.memory_growth > 50_000


def test_after_a_rewrite_of_a_redis_elsewhere_the_growth_is_not_known(new_redis: Callable[[], RealRedis]) -> None:
    server = new_redis()
    meter = StoreMeter(server.url, None)
    before = meter.read()
    after = before._replace(rewrites=(before.rewrites[0] + 1, 0), file_bytes=1)
    assert between(before, after).file_bytes is None
    assert between(before, before._replace(file_bytes=before.file_bytes + 7)).file_bytes == 7
    meter.close()
