"""Settings on a real Redis: every device of the user learns of them."""

from typing import Any

from cim_common.store import conversations, event_positions, keys, sessions, settings
from cim_common.store.sessions import Session
from cim_common.wire.doorbell_pb2 import Doorbell
from tests.cim_common.store.conftest import ALICE, BOB, DIRECT


def listed(store: Any, user: int, since: int = 0, device: str = "d1") -> dict[str, Any]:
    found, _, _ = store.run(conversations.list_since(user, device, since))
    return {conversation.id: conversation for conversation in found}


def test_a_pinned_conversation_moves_up_and_rings_the_users_sessions(store: Any, committer: Any) -> None:
    committer.commit(committer.append(1, 0, "hello"))
    store.command("XADD", keys.push("s1:e1"), "*", "d", "")
    store.run(sessions.claim(ALICE, "alice", "d1", Session("s1:e1", "c1"), False, 1))
    before = listed(store, ALICE)[DIRECT]
    assert store.run(settings.set_flag(ALICE, DIRECT, "pinned", True))
    assert store.run(settings.set_flag(ALICE, DIRECT, "muted", True))
    after = listed(store, ALICE, before.version)[DIRECT]
    assert (after.pinned, after.muted, after.version) == (True, True, before.version + 2)
    bells = store.command("XRANGE", keys.push("s1:e1"), "-", "+")[1:]
    assert [Doorbell.FromString(bell[1][1]).lists[0].version for bell in bells] == [2, 3]
    assert store.run(settings.set_flag(ALICE, DIRECT, "pinned", True))  # nothing new
    assert listed(store, ALICE, after.version) == {}
    assert store.run(settings.set_flag(ALICE, DIRECT, "pinned", False))
    assert [listed(store, ALICE)[DIRECT].pinned, listed(store, BOB)[DIRECT].pinned] == [False, False]
    assert listed(store, ALICE)[DIRECT].muted


def test_only_what_stands_in_the_list_can_be_set(store: Any, committer: Any) -> None:
    assert not store.run(settings.set_flag(ALICE, DIRECT, "pinned", True))
    committer.commit(committer.append(1, 0, "hello"))
    assert store.run(settings.set_flag(BOB, DIRECT, "pinned", True))


def test_the_lobby_can_be_set_too_and_stands_once_in_the_list(store: Any, committer: Any) -> None:
    committer.commit(committer.append(1, 0, "hello"))
    assert store.run(settings.set_flag(ALICE, "lobby", "muted", True))
    assert listed(store, ALICE, 1)["lobby"].muted
    found, version, _ = store.run(conversations.list_since(ALICE, "d1", 0))
    assert [conversation.id for conversation in found] == ["lobby", DIRECT]
    assert version == 2


def test_a_pinned_lobby_does_not_begin_at_its_beginning_over_http(store: Any, committer: Any) -> None:
    positions = store.run(event_positions.begin(ALICE, "d1"))
    committer.commit(committer.append(1, 0, "hello"), committer.append(2, 0, "hello", conversation="lobby"))
    assert store.run(settings.set_flag(ALICE, "lobby", "pinned", True))
    taken_in, _ = store.run(event_positions.take_in(ALICE, "d1", positions))
    assert set(taken_in.of) == {DIRECT}
    assert taken_in.version == 2


def test_a_setting_keeps_what_the_list_knows_of_members(store: Any, committer: Any) -> None:
    """The same version of members, told again, moves nothing; and devices begin where they did."""
    store.run(sessions.claim(BOB, "bob", "first", Session("s1:e1", "c0"), False, 1))
    committer.commit(committer.append(1, 0, "a"), committer.append(2, 1, "b"))
    store.run(sessions.claim(BOB, "bob", "passing", Session("s1:e1", "c1"), True, 1))
    assert listed(store, BOB, device="passing")[DIRECT].start == 2
    store.run(settings.set_flag(BOB, DIRECT, "pinned", True))
    version = listed(store, BOB)[DIRECT].version
    store.run(conversations.finish_todo(DIRECT))
    assert listed(store, BOB)[DIRECT].version == version
    assert listed(store, BOB, device="passing")[DIRECT].start == 2


def test_settings_of_the_account(store: Any) -> None:
    for name, field in settings.OF_ACCOUNT.items():
        store.run(settings.set_of_account(ALICE, name, False))
        assert store.command("HGET", keys.user(ALICE), field) == b"1"
        store.run(settings.set_of_account(ALICE, name, True))
        assert store.command("HGET", keys.user(ALICE), field) is None
