"""Who sees whom, and what, on a real Redis."""

import time
from typing import Any

import pytest

from cim_common import accept, changes, ids
from cim_common.accept import Append
from cim_common.store import keys, presence, sessions
from cim_common.store.presence import Directory, Presence
from cim_common.store.sessions import Session
from cim_common.wire import codec
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Change

ALICE, BOB = ids.MIN_USER_ID + 5, ids.MIN_USER_ID + 9
CAROL, DAVE = ids.MIN_USER_ID + 11, ids.MIN_USER_ID + 12
EVERYONE = (ALICE, BOB, CAROL, DAVE)
GROUP = "g-0123456789abcdef0123"


class World:
    """alice and bob talk, alice and carol share a group, dave is alone in the lobby."""

    def __init__(self, committer: Any) -> None:
        self.committer, self.store, self.n = committer, committer.store, 0
        for user, name in zip(EVERYONE, ("alice", "bob", "carol", "dave"), strict=True):
            self.store.command("HSET", keys.user(user), "name", name)
        self.committer.commit(self.committer.append(1, 0, "hello"))
        self.change(ALICE, Kind.CREATED, GROUP, text="ops", targets=(CAROL,))
        self.committer.commit(self.committer.append(1, 0, "anyone?", user=DAVE, conversation=ids.LOBBY))
        self.committer.commit(self.committer.append(1, 0, "me", user=ALICE, conversation=ids.LOBBY))

    def change(self, user: int, kind: Kind, conversation: str, **fields: Any) -> None:
        self.n += 1
        change = changes.completed(Change(conversation, 0, 0, kind, **fields))
        append = Append(
            self.committer.owner, conversation, accept.sender_argument(user, "d9"), self.n, 0,
            codec.entry_meta(user, "x", "d9", self.n, 1), changes.content_of(change, ["x"] * len(change.targets)),
            time.monotonic(), None, changes.op_of(change), change.kind,
        )  # fmt: skip
        self.committer.commit(append)
        assert append.status.name == "STORED"

    def seen_by(self, viewer: int) -> set[int]:
        found: set[int] = self.store.run(presence.visible(viewer, EVERYONE))
        return found

    def of(self, viewer: int, user: int, directory: Directory = Directory.MEMBERS) -> Presence | None:
        found: Presence | None = self.store.run(presence.of(viewer, user, ("s1:1",), directory))
        return found


@pytest.fixture
def world(committer: Any) -> World:
    return World(committer)


def test_those_who_share_a_conversation_see_each_other(world: World) -> None:
    assert world.seen_by(ALICE) == {ALICE, BOB, CAROL}
    assert world.seen_by(BOB) == {ALICE, BOB}
    assert world.seen_by(CAROL) == {ALICE, CAROL}
    assert world.seen_by(DAVE) == {DAVE}


def test_who_has_left_or_is_blocked_sees_no_more(world: World) -> None:
    world.change(CAROL, Kind.LEFT, GROUP)
    assert world.seen_by(CAROL) == {CAROL}
    assert world.seen_by(ALICE) == {ALICE, BOB}
    world.change(ALICE, Kind.BLOCKED, ids.direct(ALICE, BOB), targets=(BOB,))
    assert world.seen_by(BOB) == {BOB}
    assert world.seen_by(ALICE) == {ALICE, BOB}


def test_presence(world: World) -> None:
    world.store.run(sessions.claim(BOB, "bob", "d1", Session("s1:1", "c1"), False, 1))
    world.store.run(sessions.claim(CAROL, "carol", "d1", Session("gone:1", "c1"), False, 1))
    world.store.command("HSET", keys.user(CAROL), "seen", 1234)
    assert world.of(ALICE, BOB) == Presence(True, 0)
    assert world.of(ALICE, CAROL) == Presence(False, 1234)
    assert world.of(ALICE, DAVE) is None
    assert world.of(ALICE, DAVE, Directory.OPEN) == Presence(False, 0)
    world.store.command("HSET", keys.user(CAROL), "no_seen", 1)
    assert world.of(ALICE, CAROL) == Presence(False, 0)
    assert world.of(DAVE, DAVE) == Presence(False, 0)


def test_large_lists_are_asked_for_in_parts(world: World) -> None:
    many = [ids.MIN_USER_ID + 1_000 + n for n in range(presence.FIELDS_AT_ONCE + 10)]
    for n in range(presence.COMMANDS_AT_ONCE + 1):
        world.change(ALICE, Kind.CREATED, f"g-0123456789abcdef{n:04}x", text="x", targets=(many[-1],))
    assert world.store.run(presence.visible(ALICE, [*many, BOB, DAVE])) == {many[-1], BOB}
