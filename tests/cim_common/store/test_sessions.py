"""Claim, release, cursors and presence on a real Redis: I14, I15, I16."""

from typing import Any

import pytest

from cim_common import ids
from cim_common.store import keys, push, sessions
from cim_common.store.sessions import Session
from cim_common.wire.codes import Code
from cim_common.wire.doorbell_pb2 import Doorbell

ALICE = ids.MIN_USER_ID + 5
OLD, NEW = Session("s1:e1", "c1"), Session("s2:e2", "c2")


def claim(store: Any, session: Session, device: str = "d1", ephemeral: bool = False, now_ms: int = 1_000) -> Any:
    """The session that was replaced."""
    return store.run(sessions.claim(ALICE, "alice", device, session, ephemeral, now_ms)).replaced


def test_the_newer_session_holds_the_device_and_the_older_is_rung(store: Any) -> None:
    store.command("XADD", keys.push("s1:e1"), "*", "d", "")
    assert claim(store, OLD) is None
    assert claim(store, NEW) == OLD
    assert store.run(sessions.of_user(ALICE)) == {"d1": NEW}
    bell = Doorbell.FromString(store.command("XRANGE", keys.push("s1:e1"), "-", "+")[-1][1][1])
    assert [(t.user, t.device, t.connection) for t in bell.takeovers] == [(ALICE, "d1", "c1")]


@pytest.mark.invariant("I14")
def test_a_late_release_does_not_hurt_the_newer_session(store: Any) -> None:
    claim(store, OLD)
    claim(store, NEW)
    assert store.run(sessions.release(ALICE, "d1", OLD, True, 2_000)) is False
    assert store.run(sessions.of_user(ALICE)) == {"d1": NEW}
    assert store.run(sessions.release(ALICE, "d1", NEW, True, 2_000)) is True
    assert store.run(sessions.of_user(ALICE)) == {}


@pytest.mark.invariant("I15")
def test_only_the_holder_moves_cursors_and_only_forward(store: Any) -> None:
    claim(store, OLD)
    assert store.run(sessions.move_cursors(ALICE, "d1", OLD, False, {"lobby": 5}))
    claim(store, NEW)
    assert not store.run(sessions.move_cursors(ALICE, "d1", OLD, False, {"lobby": 9}))
    assert store.run(sessions.move_cursors(ALICE, "d1", NEW, False, {"lobby": 3, "other": 1}))
    assert store.command("HGETALL", keys.cursors(ALICE, "d1")) == [b"lobby", b"5", b"other", b"1"]
    assert store.command("TTL", keys.cursors(ALICE, "d1")) == -1


def test_cursors_of_an_ephemeral_device_pass(store: Any) -> None:
    claim(store, OLD, "e1", ephemeral=True)
    store.run(sessions.move_cursors(ALICE, "e1", OLD, True, {"lobby": 5}))
    assert 0 < store.command("TTL", keys.cursors(ALICE, "e1")) <= sessions.EPHEMERAL_KEPT_S


def seen_of(store: Any, device: str) -> int:
    return int(store.command("HGET", keys.devices(ALICE), device).split()[3])


def test_a_device_and_its_user_are_seen_at_claim_release_and_in_between(store: Any) -> None:
    def seen() -> tuple[int, int]:
        return seen_of(store, "d1"), int(store.command("HGET", keys.user(ALICE), "seen"))

    claim(store, OLD, now_ms=1_000)
    assert seen() == (1_000, 1_000)
    (standing,) = store.run(sessions.seen([(ALICE, "d1", OLD)], 2_000))
    assert standing == sessions.Standing(str(OLD), 1, 0, True)
    assert seen() == (2_000, 2_000)
    store.run(sessions.release(ALICE, "d1", OLD, True, 3_000))
    assert seen() == (3_000, 3_000)
    claim(store, NEW, now_ms=4_000)
    store.run(sessions.release(ALICE, "d1", OLD, True, 5_000))
    (standing,) = store.run(sessions.seen([(ALICE, "d1", OLD)], 6_000))
    assert standing.holder == str(NEW)
    assert seen() == (4_000, 4_000)


def test_at_the_memory_limit_sessions_end_and_are_checked(store: Any) -> None:
    claim(store, OLD, now_ms=1_000)
    claim(store, NEW, "d2", now_ms=1_000)
    store.command("CONFIG", "SET", "maxmemory", 1)
    try:
        (standing,) = store.run(sessions.seen([(ALICE, "d2", NEW)], 2_000))
        assert standing.holder == str(NEW)
        assert store.run(sessions.release(ALICE, "d1", OLD, True, 2_000)) is True
    finally:
        store.command("CONFIG", "SET", "maxmemory", 0)
    assert store.run(sessions.of_user(ALICE)) == {"d2": NEW}
    assert (seen_of(store, "d1"), seen_of(store, "d2")) == (2_000, 1_000)


def test_a_login_of_an_older_version_is_refused_and_changes_nothing(store: Any) -> None:
    assert store.run(sessions.claim(ALICE, "alice", "d1", OLD, False, 1, version=1)).replaced is None
    store.command("HINCRBY", keys.user(ALICE), "t:d1", 1)
    for version, refused in ((1, True), (3, True), (2, False)):
        outcome = store.run(sessions.claim(ALICE, "alice", "d1", NEW, False, 1, version=version))
        assert (outcome is Code.LOGGED_OUT) == refused
        assert store.run(sessions.of_user(ALICE)) == {"d1": OLD if refused else NEW}
    assert store.run(sessions.online([OLD.server, NEW.server])) == [(ALICE, "alice")]


def test_the_receipts_setting_comes_with_the_claim(store: Any) -> None:
    assert store.run(sessions.claim(ALICE, "alice", "d1", OLD, False, 1)).receipts
    store.command("HSET", keys.user(ALICE), "no_receipts", 1)
    assert not store.run(sessions.claim(ALICE, "alice", "d1", OLD, False, 1)).receipts
    assert not store.run(sessions.seen([(ALICE, "d1", OLD)], 1))[0].receipts


def test_who_is_online_at_which_servers(store: Any) -> None:
    bob = ids.MIN_USER_ID + 9
    claim(store, OLD)
    store.run(sessions.claim(bob, "bob", "d1", NEW, False, 1))
    assert store.run(sessions.online(["s1:e1", "s2:e2"])) == [(ALICE, "alice"), (bob, "bob")]
    assert store.run(sessions.online(["s2:e2"])) == [(bob, "bob")]
    assert store.run(sessions.online([])) == []
    store.run(sessions.release(bob, "d1", NEW, True, 1))
    assert store.run(sessions.online(["s2:e2"])) == []


def test_a_push_stream_that_was_deleted_is_noticed(store: Any) -> None:
    assert store.execute([push.renew("s1:e1")]) == [0]
    assert store.execute([push.renew("s1:e1")]) == [1]
    store.command("DEL", keys.push("s1:e1"))
    assert store.execute([push.renew("s1:e1")]) == [0]
    assert store.command("XADD", keys.push("none"), "NOMKSTREAM", "*", "d", "") is None
    store.execute([push.forget("s1:e1")])
    assert store.command("EXISTS", keys.push("s1:e1")) == 0
