"""Garbage collections are counted while somebody wants to know."""

import gc

from cim_server.metrics import Collections


def test_collections_are_counted_by_generation_with_their_time() -> None:
    collections = Collections()
    collections.start()
    gc.collect()
    gc.collect(0)
    collections.stop()
    gc.collect()
    assert collections.counts[2] == 1
    assert collections.counts[0] >= 1
    assert collections.seconds > 0
