"""Interest and who is dead."""

from typing import Any

import pytest

from cim_common import ids
from cim_common.store import interest, keys
from cim_common.store.interest import LEFT_IS_DEAD_AFTER_S, Liveness


def test_taking_and_dropping_by_generation(store: Any) -> None:
    head, incarnation, *_ = store.run(interest.take(ids.LOBBY, "s1:e1", 3))
    assert head == 0
    assert incarnation > 0
    store.run(interest.take(ids.LOBBY, "s1:e1", 4))
    assert store.command("HGET", keys.conv(ids.LOBBY), "iv") == b"1"
    store.run(interest.drop(ids.LOBBY, "s1:e1", 3))
    assert store.command("HGETALL", keys.interest(ids.LOBBY)) == [b"s1:e1", b"4"]
    store.run(interest.drop(ids.LOBBY, "s1:e1", 4))
    assert store.command("EXISTS", keys.interest(ids.LOBBY)) == 0
    assert store.run(interest.take("unknown", "s1:e1", 1)) is None


@pytest.mark.invariant("I16")
def test_who_counts_as_dead() -> None:
    now = [0.0]
    liveness = Liveness(lambda: now[0])
    assert not liveness.is_dead("s1:1")
    liveness.update([("s1", "1"), ("s2", "1")])
    assert liveness.is_registered("s1:1")
    liveness.update([("s1", "2")])
    assert liveness.is_dead("s1:1")
    assert not liveness.is_dead("s1:2")
    assert not liveness.is_dead("s2:1")
    now[0] += LEFT_IS_DEAD_AFTER_S
    assert liveness.is_dead("s2:1")
    liveness.update([("s1", "2"), ("s2", "1")])
    assert not liveness.is_dead("s2:1")
    assert not liveness.is_dead("10.0.0.1:11211:5")
