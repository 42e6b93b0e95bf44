"""The fold over a log, and that the append script makes the same of it (I19)."""

import random
from typing import Any

import pytest

from cim_common import ids
from cim_common.roster import Roster, taken_out
from cim_common.store import conversations, keys, members, pages
from cim_common.wire import codec
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Entry, Target
from tests.cim_common.store.conftest import Committer, Store, committer, roles_in, store  # noqa: F401 - fixtures
from tests.cim_common.store.test_changes import GROUP, NAMES, World


def entry(seq: int, kind: Kind, sender: int = 1, *targets: int, **fields: Any) -> Entry:
    return Entry(seq, sender, "x", "d", seq, 0, fields.pop("text", ""), kind, targets=tuple(
        Target(user, "x") for user in targets
    ), **fields)  # fmt: skip


def test_who_is_taken_out() -> None:
    assert taken_out(entry(1, Kind.LEFT, 5)) == {5}
    assert taken_out(entry(1, Kind.KICKED, 5, 6, 7)) == {6, 7}
    assert taken_out(entry(1, Kind.BANNED, 5, 6)) == {6}
    assert taken_out(entry(1, Kind.JOINED, 5, 6)) == set()


def test_the_owner_is_followed_by_an_admin_before_older_members() -> None:
    roster = Roster()
    for step in (
        entry(1, Kind.CREATED, 1, 2, 3, text="ops"),
        entry(2, Kind.JOINED, 1, 4),
        entry(3, Kind.ROLE, 1, 4, role="admin"),
        entry(4, Kind.LEFT, 1),
    ):
        roster.apply(step)
    assert roster.roles == {2: "member", 3: "member", 4: "owner"}
    roster.apply(entry(5, Kind.LEFT, 4))
    assert roster.roles == {2: "owner", 3: "member"}
    roster.apply(entry(6, Kind.LEFT, 3))
    roster.apply(entry(7, Kind.LEFT, 2))
    assert roster.dissolved


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.invariant("I19")
def test_the_store_makes_the_same_of_a_log_step_by_step(committer: Committer, store: Store, seed: int) -> None:  # noqa: F811
    chance = random.Random(seed)
    world, users = World(committer), list(NAMES)
    world.change(users[0], Kind.CREATED, text="ops", targets=tuple(users[1:3]))
    roster = Roster()
    applied = 0
    for _ in range(120):
        actor, target = chance.choice(users), chance.choice(users)
        kind = chance.choice([Kind.TEXT, *(set(Kind) - {Kind.NOTICE, Kind.CREATED, Kind.BLOCKED, Kind.UNBLOCKED})])
        ref = chance.randint(1, applied + 1)
        if kind is Kind.TEXT:
            world.say(actor, "text")
        elif kind is not Kind.DISSOLVED or chance.random() < 0.05:
            role = chance.choice(["admin", "member", "owner"])
            text = chance.choice(["+1", "-1", "new"])
            targets = (target,) if kind in range(Kind.JOINED, Kind.RENAMED) else ()
            world.change(actor, kind, targets=targets, ref=ref, role=role, text=text, removed=chance.random() < 0.4)
        applied += fold(store, roster, GROUP, applied)
        assert_same(store, roster)


def fold(store: Store, roster: Roster, conversation: str, above: int) -> int:  # noqa: F811
    """Apply what stands above a seq; how many entries that were."""
    page = store.run(pages.page_up(conversation, above))
    assert isinstance(page, pages.LogPage)
    for _, data in page.entries:
        roster.apply(codec.decode_entry(data))
    return len(page.entries)


def assert_same(store: Store, roster: Roster) -> None:  # noqa: F811
    found = roles_in(store, GROUP)
    assert {user: role for user, role in found.items() if role != "blocked"} == roster.roles
    fields = store.command("HMGET", keys.conv(GROUP), "gn", "gt", "mc", "k", "pins")
    assert (fields[0].decode(), fields[1].decode(), int(fields[2])) == (roster.name, roster.topic, len(roster.members))
    assert (fields[3] == b"z") is roster.dissolved
    overlay = {key.decode(): value.decode() for key, value in _pairs(store.command("HGETALL", keys.overlay(GROUP)))}
    states = {field: value for field, value in overlay.items() if field.isdigit()}
    assert states == {
        **{str(ref): f"e{seq}" for ref, seq in roster.edited.items()},
        **{str(ref): f"r{seq}" for ref, seq in roster.recalled.items()},
    }
    counts = {field: int(value) for field, value in overlay.items() if field.count("\n") == 1 and field[0] != "x"}
    assert {field: count for field, count in counts.items() if count} == {
        f"{ref}\n{emoji}": len(users)
        for ref, emojis in roster.reactions.items()
        for emoji, users in emojis.items()
        if users
    }
    assert [int(pin) for pin in (fields[4] or b"").split(b",") if pin] == roster.pins


def _pairs(flat: list[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def test_direct_blocks_fold_alike(committer: Committer, store: Store) -> None:  # noqa: F811
    world, (alice, bob, *_) = World(committer), NAMES
    direct, roster = ids.direct(alice, bob), Roster()
    world.say(alice, "hi", direct)
    for kind in (Kind.BLOCKED, Kind.BLOCKED, Kind.UNBLOCKED, Kind.BLOCKED):
        world.change(bob, kind, direct, targets=(alice,))
    assert fold(store, roster, direct, 0) == 5
    roles = {user: store.run(members.role_of(direct, user)) for user in (alice, bob)}
    assert {user for user, role in roles.items() if role == "blocked"} == roster.blocked == {alice}
    listed, _, _ = store.run(conversations.list_since(alice, "d1", 0))
    assert [item.role for item in listed] == ["member", "blocked"]
