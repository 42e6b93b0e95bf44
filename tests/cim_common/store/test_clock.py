"""The store's clock."""

import time
from typing import Any

from cim_common.store.clock import StoreClock


def test_it_follows_redis(store: Any) -> None:
    clock = StoreClock()
    flow = clock.adjust()
    assert next(flow) == [("TIME",)]
    try:
        flow.send([[b"1000000", b"500000"]])
    except StopIteration:
        pass
    assert 1_000_000_400 <= clock.now_ms() <= 1_000_001_500
    store.run(clock.adjust())
    assert abs(clock.now_ms() - time.time() * 1000) < 1_000
