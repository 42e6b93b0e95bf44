"""Devices on a real Redis: listed, logged out, forgotten."""

from typing import Any

import pytest

from cim_common import ids
from cim_common.store import accounts, conversations, devices, keys, sessions
from cim_common.store.flow import StoreUnavailable
from cim_common.store.sessions import Session
from cim_common.wire.codes import Code
from cim_common.wire.doorbell_pb2 import Doorbell
from tests.cim_common.store.conftest import ALICE, BOB, DIRECT

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
LONG_MS = sessions.DEVICE_KEPT_S * 1000


def at(device: str, server: str = "s1:e1") -> Session:
    return Session(server, f"c-{device}")


def claim(store: Any, device: str, now_ms: int = 1_000, ephemeral: bool = False, **more: Any) -> Any:
    return store.run(sessions.claim(ALICE, "alice", device, at(device), ephemeral, now_ms, **more))


def use(store: Any, device: str, now_ms: int = 1_000, ephemeral: bool = False) -> tuple[str, ...]:
    """The device connects and leaves; what is to be forgotten."""
    gone: tuple[str, ...] = claim(store, device, now_ms, ephemeral).gone
    store.run(sessions.release(ALICE, device, at(device), True, now_ms))
    return gone


def kept(store: Any) -> set[str]:
    return {field.decode() for field in store.command("HKEYS", keys.devices(ALICE))} - {"#"}


def senders(store: Any, conversation: str) -> list[str]:
    """The fields of devices that wrote in a conversation."""
    return sorted(name.decode() for name in store.command("HKEYS", keys.conv(conversation)) if name[:2] == b"s:")


def test_devices_are_listed_by_last_use(store: Any) -> None:
    use(store, "old", 1_000)
    use(store, "passing", 3_000, ephemeral=True)
    claim(store, "here", 2_000)
    store.run(sessions.claim(ALICE, "alice", "dead", Session("gone:1", "c1"), False, 2_500))
    store.run(sessions.claim(ALICE, "alice", "legacy", Session("s1:e1", "c1"), False, 2_500))
    found = store.run(devices.of_user(ALICE, "passing", {"s1:e1"}.__contains__, 9_000))
    assert [(device.id, device.seen_ms, device.online) for device in found] == [
        ("here", 9_000, True),
        ("passing", 3_000, False),
        ("dead", 2_500, False),
        ("old", 1_000, False),
    ]
    assert [(device.ephemeral, device.current) for device in found[:2]] == [(False, False), (True, True)]


def test_a_logout_ends_tokens_and_session_and_rings_the_server(store: Any) -> None:
    store.command("XADD", keys.push("s1:e1"), "*", "d", "")
    claim(store, "d1", version=1)
    outcome = store.run(devices.logout(ALICE, "d1", 5_000, True))
    assert outcome == devices.LoggedOut(at("d1"))
    assert store.run(sessions.of_user(ALICE)) == {}
    bell = Doorbell.FromString(store.command("XRANGE", keys.push("s1:e1"), "-", "+")[-1][1][1])
    assert [(t.device, t.connection, t.logged_out) for t in bell.takeovers] == [("d1", "c-d1", True)]
    assert claim(store, "d1", version=1) is Code.LOGGED_OUT
    assert store.run(devices.of_user(ALICE, "d1", bool, 1)) == []
    assert store.run(devices.logout(ALICE, "d1", 5_000, True)) == devices.LoggedOut(None)
    login = store.run(accounts.login(ALICE, "d2"))
    assert login is None or login.version == 1
    assert claim(store, "d1", version=3, returning=True).replaced is None
    assert [device.id for device in store.run(devices.of_user(ALICE, "d1", bool, 1))] == ["d1"]


def test_a_logout_of_a_device_that_never_connected(store: Any) -> None:
    assert store.run(devices.logout(ALICE, "unknown", 1, True)) is None
    assert store.command("HGET", keys.user(ALICE), "t:unknown") is None
    assert store.run(devices.logout(ALICE, "unknown", 1, False)) == devices.LoggedOut(None)
    assert claim(store, "unknown", version=1) is Code.LOGGED_OUT


def test_a_logout_that_was_interrupted_is_done_again(store: Any) -> None:
    store.command("XADD", keys.push("s1:e1"), "*", "d", "")
    claim(store, "d1", version=1)
    flow = devices.logout(ALICE, "d1", 5_000, True)
    replies = store.execute(next(flow))
    flow.send(replies)
    with pytest.raises(StoreUnavailable):
        flow.throw(StoreUnavailable("gone"))
    (standing,) = store.run(sessions.seen([(ALICE, "d1", at("d1"))], 1))
    assert standing.version == 2  # what the audit notices
    assert store.run(devices.logout(ALICE, "d1", 6_000, True)).session == at("d1")
    assert len(store.command("XRANGE", keys.push("s1:e1"), "-", "+")) == 2


def test_a_doorbell_is_not_needed_where_the_session_is(store: Any) -> None:
    store.command("XADD", keys.push("s1:e1"), "*", "d", "")
    claim(store, "d1")
    assert store.run(devices.logout(ALICE, "d1", 5_000, True, here="s1:e1")).session == at("d1")
    assert len(store.command("XRANGE", keys.push("s1:e1"), "-", "+")) == 1


def test_devices_unseen_for_long_are_forgotten_with_all_that_is_theirs(store: Any, committer: Any) -> None:
    for device in ("gone", "other"):
        use(store, device)
        store.command("HSET", keys.cursors(ALICE, device), "lobby", 1)
    group = ids.new_group()
    for number in range(450):
        version = store.command("ZINCRBY", keys.conversations(ALICE), 1, "#")
        store.command("ZADD", keys.conversations(ALICE), version, f"g-{number:016}")
    for name in ("g-0000000000000000", "g-0000000000000199", "g-0000000000000449"):
        store.command("HSET", keys.conv(name), f"s:{ALICE}:gone", "1 1 0 0", f"s:{ALICE}:other", "1 1 0 0")
    for n, conversation in enumerate((DIRECT, "lobby"), 1):
        for device in ("gone", "other"):
            appended = committer.commit(committer.append(n, 0, device, device=device, conversation=conversation))
            assert appended[0][0] == "STORED"
    use(store, "other", LONG_MS)
    outcome = claim(store, "new", 1_001 + LONG_MS)
    assert outcome.gone == ("gone",)
    assert claim(store, "gone", 1_002 + LONG_MS) is Code.DEVICE_EXPIRED
    store.run(devices.forget(ALICE, outcome.gone))
    assert kept(store) == {"other", "new"}
    assert store.command("EXISTS", keys.cursors(ALICE, "gone")) == 0
    assert store.command("EXISTS", keys.cursors(ALICE, "other")) == 1
    for name in ("lobby", DIRECT, "g-0000000000000000", "g-0000000000000199", "g-0000000000000449"):
        assert senders(store, name) == [f"s:{ALICE}:other"]
    assert claim(store, "gone", 1_003 + LONG_MS, returning=True) is Code.DEVICE_EXPIRED
    assert claim(store, "gone", 1_004 + LONG_MS).gone == ()
    assert store.run(conversations.heads([group])) == [0]


def test_forgetting_that_was_interrupted_is_done_again_at_the_next_login(store: Any) -> None:
    use(store, "gone")
    store.command("HSET", keys.conv("lobby"), f"s:{ALICE}:gone", "1 1 0 0")
    assert claim(store, "d1", 2_000 + LONG_MS).gone == ("gone",)
    assert claim(store, "d1", 3_000 + LONG_MS).gone == ("gone",)
    store.run(devices.forget(ALICE, ("gone",)))
    store.run(devices.forget(ALICE, ("gone",)))
    assert claim(store, "d1", 4_000 + LONG_MS).gone == ()
    assert senders(store, "lobby") == []


def test_beyond_twenty_the_one_unseen_longest_goes_but_none_that_is_connected(store: Any) -> None:
    claim(store, "connected", 1)
    for number in range(sessions.MAX_DEVICES - 1):
        assert use(store, f"d{number}", 1_000 + number) == ()
    store.run(sessions.seen([(ALICE, "connected", at("connected"))], DAY_MS))
    assert claim(store, "young", 1_000 + HOUR_MS).gone == ()  # what d0 sent may still be on its way
    assert claim(store, "new", DAY_MS).gone == ("d0", "d1")
    assert kept(store) >= {"connected", "young", "new", "d2", "-d0", "-d1"}
    assert len(kept(store)) == sessions.MAX_DEVICES + 2


def test_a_session_of_a_dead_server_keeps_no_device_for_ever(store: Any) -> None:
    claim(store, "dead", 1_000)
    assert claim(store, "new", 2_000 + LONG_MS).gone == ("dead",)
    assert set(store.run(sessions.of_user(ALICE))) == {"new"}


def test_unused_ephemeral_devices_go_after_a_day(store: Any) -> None:
    use(store, "gone", ephemeral=True)
    claim(store, "held", ephemeral=True)
    use(store, "kept")
    outcome = claim(store, "new", 2_000 + DAY_MS, ephemeral=True)
    assert outcome.gone == ("gone",)
    store.run(devices.forget(ALICE, outcome.gone))
    assert kept(store) == {"held", "kept", "new"}


def test_programs_that_keep_nothing_push_out_no_device_that_does(store: Any) -> None:
    use(store, "phone")
    for number in range(sessions.MAX_EPHEMERAL_DEVICES + 1):
        use(store, f"e{number}", 2_000 + number, ephemeral=True)
    assert use(store, "laptop", 2 * HOUR_MS) == ("e0",)
    assert {"phone", "laptop"} <= kept(store)


def test_what_was_logged_out_stays_so_when_its_device_is_forgotten(store: Any) -> None:
    claim(store, "gone", version=1)
    store.run(devices.logout(ALICE, "gone", 1_000, True))
    store.run(devices.forget(ALICE, claim(store, "new", 2_000 + LONG_MS).gone))
    assert kept(store) == {"new"}
    assert claim(store, "gone", 3_000 + LONG_MS, version=1) is Code.LOGGED_OUT


def test_devices_count_only_within_their_user(store: Any) -> None:
    use(store, "d1")
    assert store.run(devices.of_user(BOB, "d1", bool, 1)) == []
    assert store.run(devices.logout(BOB, "d1", 1, True)) is None


def test_logins_of_a_known_device_look_for_what_is_to_go_once_an_hour(store: Any) -> None:
    claim(store, "known", LONG_MS)
    store.command("HSET", keys.devices(ALICE), "old", "0 0 0 1000")
    assert claim(store, "known", LONG_MS + 2_000).gone == ()
    assert claim(store, "known", LONG_MS + HOUR_MS).gone == ("old",)
    assert claim(store, "known", LONG_MS + HOUR_MS).gone == ("old",)  # it is not forgotten yet
    store.run(devices.forget(ALICE, ("old",)))
    assert claim(store, "known", LONG_MS + HOUR_MS).gone == ()
