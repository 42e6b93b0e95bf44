"""What `whole.faults` is worth: each kind of half-written state, planted in a real store, is found."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import redis

from cim_common import ids
from cim_common.store import entries, keys
from tests.faults.senders import ALICE, BOB, Device, prepare
from tests.faults.whole import faults

DIRECT = ids.direct(ALICE, BOB)
Plant = Callable[[Any], object]

PLANTED: dict[str, tuple[Plant, str]] = {
    "an entry without its head": (lambda c: c.hset(keys.conv(DIRECT), "l", 4), "does not hold 1 to 4"),
    "a head without its entry": (lambda c: c.hset(keys.conv(DIRECT), "l", 6), "does not hold 1 to 6"),
    "an entry is gone": (lambda c: c.xdel(keys.log(DIRECT), "3-0"), "does not hold 1 to 5"),
    "an entry was there": (lambda c: c.execute_command("XSETID", keys.log(DIRECT), "6-0"), "last id is"),
    "the count lags": (lambda c: c.hset(keys.conv(DIRECT), "x", 1), "the counts end at 5"),
    "the sender's record lags": (lambda c: c.hset(keys.conv(DIRECT), f"s:{ALICE}:d1", "4 4 0 1.0"), "its last entry"),
    "the sender's record is missing": (lambda c: c.hdel(keys.conv(DIRECT), f"s:{ALICE}:d1"), "its last entry"),
    "not among the recent": (lambda c: c.delete(keys.RECENT), "recent"),
    "a list lacks it": (lambda c: c.zrem(keys.conversations(BOB), DIRECT), f"list of its member {BOB}"),
    "todo lost": (lambda c: c.hset(keys.conv(DIRECT), "t", 1), "own mark"),
    "todo of nothing": (lambda c: c.zadd(keys.todo(7), {"d-1-2": 1}), "does not exist"),
    "a log alone": (lambda c: c.delete(keys.conv(DIRECT)), "without its conversation"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(redis_url: str, name: str) -> None:
    prepare(redis_url)
    device = Device(redis_url, ALICE)
    assert device.send(DIRECT, ["one", "two", "three"])
    assert device.send(DIRECT, ["four", "five"])
    device.close()
    client = redis.Redis.from_url(redis_url)
    assert faults(client) == []
    plant, sentence = PLANTED[name]
    plant(client)
    found = faults(client)
    assert any(re.search(sentence, fault) for fault in found), found
    client.close()


def test_a_broken_chain_is_found(redis_url: str) -> None:
    prepare(redis_url)
    device = Device(redis_url, ALICE)
    assert device.send(DIRECT, ["one", "two", "three"])
    device.close()
    client: Any = redis.Redis.from_url(redis_url)
    stored = client.xrange(keys.log(DIRECT))
    client.delete(keys.log(DIRECT))
    for entry_id, fields in stored:
        entry = entries.parse((b"e", fields[b"e"]))
        field, value = entries.fields_of(entry._replace(previous=1) if entry_id == b"3-0" else entry)
        client.xadd(keys.log(DIRECT), {field: value}, entry_id)
    assert faults(client) == [f"{DIRECT}: entry 3 does not continue its sender's chain"]
    client.close()
