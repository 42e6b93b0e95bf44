"""Metadata: written once, compared at each start."""

from typing import Any

import pytest

from cim_common import ids
from cim_common.store import keys, metadata
from cim_common.store.metadata import StoreMismatch


def test_it_is_written_once(store: Any) -> None:
    incarnation = store.command("HGET", keys.conv(ids.LOBBY), "i")
    assert store.run(metadata.check()) == (metadata.SCHEMA, ids.BUCKETS, "redis", "D1")
    assert store.command("HGET", keys.conv(ids.LOBBY), "i") == incarnation


@pytest.mark.parametrize(
    ("field", "value"), [("schema", "99"), ("buckets", "7"), ("engine", "other"), ("durability", "D9")]
)
def test_what_is_unknown_is_refused_in_one_sentence(store: Any, field: str, value: str) -> None:
    store.command("HSET", keys.META, field, value)
    with pytest.raises(StoreMismatch, match=rf"^This store has {field} '{value}'[^\n]*\.$"):
        store.run(metadata.check())


def test_durability_is_judged(store: Any) -> None:
    assert store.run(metadata.sync_policy()) == "always"
    assert metadata.durability_warning("always") is None
    for policy in ("everysec", "no", None):
        assert "can lose acknowledged messages" in str(metadata.durability_warning(policy))


def test_a_store_that_does_not_sync_while_it_rewrites_is_not_durable(store: Any) -> None:
    store.command("CONFIG", "SET", "no-appendfsync-on-rewrite", "yes")
    try:
        policy = store.run(metadata.sync_policy())
    finally:
        store.command("CONFIG", "SET", "no-appendfsync-on-rewrite", "no")
    assert "not while the file is rewritten" in str(metadata.durability_warning(policy))
