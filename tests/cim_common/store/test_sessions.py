"""Claim, release, cursors and presence on a real Redis: I14, I15, I16."""

from typing import Any

from cim_common import ids
from cim_common.store import keys, push, sessions
from cim_common.store.sessions import Session
from cim_common.wire.doorbell_pb2 import Doorbell

ALICE = ids.MIN_USER_ID + 5
OLD, NEW = Session("s1:e1", "c1"), Session("s2:e2", "c2")


def claim(store: Any, session: Session, device: str = "d1", ephemeral: bool = False, now_ms: int = 1_000) -> Any:
    return store.run(sessions.claim(ALICE, "alice", device, session, ephemeral, now_ms))


def test_the_newer_session_holds_the_device_and_the_older_is_rung(store: Any) -> None:
    store.command("XADD", keys.push("s1:e1"), "*", "d", "")
    assert claim(store, OLD) is None
    assert claim(store, NEW) == OLD
    assert store.run(sessions.of_user(ALICE)) == {"d1": NEW}
    bell = Doorbell.FromString(store.command("XRANGE", keys.push("s1:e1"), "-", "+")[-1][1][1])
    assert [(t.user, t.device, t.connection) for t in bell.takeovers] == [(ALICE, "d1", "c1")]


def test_a_late_release_does_not_hurt_the_newer_session(store: Any) -> None:
    claim(store, OLD)
    claim(store, NEW)
    assert store.run(sessions.release(ALICE, "d1", OLD, True)) is False
    assert store.run(sessions.of_user(ALICE)) == {"d1": NEW}
    assert store.run(sessions.release(ALICE, "d1", NEW, True)) is True
    assert store.run(sessions.of_user(ALICE)) == {}


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


def test_unused_ephemeral_devices_are_swept_out(store: Any) -> None:
    claim(store, Session("s1:e1", "c1"), "gone", ephemeral=True, now_ms=1_000)
    store.run(sessions.release(ALICE, "gone", Session("s1:e1", "c1"), False))
    claim(store, Session("s1:e1", "c2"), "held", ephemeral=True, now_ms=1_000)
    claim(store, Session("s1:e1", "c3"), "kept", now_ms=1_000)
    later = 2_000 + sessions.EPHEMERAL_KEPT_S * 1000
    claim(store, Session("s1:e1", "c4"), "new", ephemeral=True, now_ms=later)
    assert set(store.command("HKEYS", keys.devices(ALICE))) == {b"#", b"held", b"kept", b"new"}


def test_who_is_online_at_which_servers(store: Any) -> None:
    bob = ids.MIN_USER_ID + 9
    claim(store, OLD)
    store.run(sessions.claim(bob, "bob", "d1", NEW, False, 1))
    assert store.run(sessions.online(["s1:e1", "s2:e2"])) == [(ALICE, "alice"), (bob, "bob")]
    assert store.run(sessions.online(["s2:e2"])) == [(bob, "bob")]
    assert store.run(sessions.online([])) == []
    store.run(sessions.release(bob, "d1", NEW, True))
    assert store.run(sessions.online(["s2:e2"])) == []


def test_a_push_stream_that_was_deleted_is_noticed(store: Any) -> None:
    assert store.execute([push.renew("s1:e1")]) == [0]
    assert store.execute([push.renew("s1:e1")]) == [1]
    store.command("DEL", keys.push("s1:e1"))
    assert store.execute([push.renew("s1:e1")]) == [0]
    assert store.command("XADD", keys.push("none"), "NOMKSTREAM", "*", "d", "") is None
    store.execute([push.forget("s1:e1")])
    assert store.command("EXISTS", keys.push("s1:e1")) == 0
