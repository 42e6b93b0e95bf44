"""Scheduled messages when they are due, on a real Redis (I24): once, never after a cancel, never without the right."""

import random
import time
from collections.abc import Callable, Generator
from typing import Any

import pytest

from cim_common import accept, changes, ids
from cim_common.accept import Append, Status
from cim_common.store import conversations, firing, keys, metadata, pages, schedules
from cim_common.store.firing import Firing
from cim_common.store.flow import Flow
from cim_common.store.schedules import DONE, Outcome
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Change, Entry
from tests.cim_common.store.conftest import ALICE, BOB, DIRECT, now_ms

GROUP = "g-0123456789abcdef0123"
NOTES = ids.direct(ALICE, ALICE)
SEEDS = 100

Steps = Generator[None, None, Any]


class Nobody:
    def settled(self, append: Append) -> None:
        """The tests look at the append itself."""


class World:
    """Alice's scheduled message `s1`, and servers that fire."""

    def __init__(self, committer: Any) -> None:
        self.committer = committer
        self.store = committer.store
        self.n = 0

    def found(self) -> list[Firing]:
        firings: list[Firing] = self.store.run(firing.sweep(0, now_ms()))[0]
        return firings

    def fire(self) -> list[str]:
        """A sweep and all that follows it."""
        return [self.send(found) for found in self.found()]

    def send(self, found: Firing) -> str:
        append = self.commit(found)
        after = found.after(append)
        if after is not None:
            self.store.run(after)
        return str(append.status.name)

    def commit(self, found: Firing) -> Append:
        append = found.append(Nobody(), now_ms(), time.monotonic())
        self.committer.commit(append)
        return append

    def schedule(self, text: str = "now", where: str = DIRECT, at_ms: int | None = None) -> Flow[Outcome]:
        return schedules.schedule(ALICE, "s1", where, at_ms or now_ms() - 1, text, now_ms())

    def cancel(self) -> Flow[Outcome]:
        return schedules.cancel(ALICE, "s1", now_ms())

    def texts(self, where: str = DIRECT) -> list[str]:
        return [entry.text for entry in self.entries(where) if entry.kind in (Kind.TEXT, Kind.NOTICE)]

    def entries(self, where: str = DIRECT) -> list[Entry]:
        page = self.store.run(pages.page_up(where, 0))
        return [codec.decode_entry(entry) for _, entry in page.entries] if page is not None else []

    def change(self, user: int, kind: Kind, **fields: Any) -> None:
        self.n += 1
        change = changes.completed(Change(GROUP, self.n, 0, kind, **fields))
        append = Append(
            Nobody(), GROUP, accept.sender_argument(user, "d1"), self.n, 0,
            codec.entry_meta(user, "someone", "d1", self.n, 1),
            changes.content_of(change, ["someone" for _ in change.targets]), time.monotonic(), None,
            changes.op_of(change), change.kind,
        )  # fmt: skip
        self.committer.commit(append)
        assert append.status.name == "STORED"

    def group(self) -> None:
        """Bob's, with Alice in it."""
        self.change(BOB, Kind.CREATED, text="ops", targets=(ALICE,))

    def kick(self) -> None:
        self.change(BOB, Kind.KICKED, targets=(ALICE,))

    def nothing_is_left(self) -> bool:
        return bool(self.store.command("EXISTS", keys.schedules(ALICE), *firing.DUE) == 0)


@pytest.fixture
def world(committer: Any) -> World:
    committer.store.run(conversations.open_direct(DIRECT, 1))
    return World(committer)


def test_what_is_due_is_sent_once_in_its_owners_name(world: World) -> None:
    assert world.store.run(world.schedule("good morning")) == DONE
    assert world.fire() == ["STORED"]
    assert world.fire() == []
    (entry,) = world.entries()
    assert (entry.sender, entry.sender_name, entry.device, entry.text) == (ALICE, "alice", "sched", "good morning")
    assert entry.message_id.startswith("sched:")
    assert world.nothing_is_left()
    assert world.store.run(world.schedule("good morning")) == Outcome(Code.ALREADY_SENT, 1)
    assert world.store.run(world.cancel()) == Outcome(Code.ALREADY_SENT, 1)
    assert world.store.run(schedules.waiting(ALICE, now_ms())) == []


def test_nothing_is_sent_before_its_time(world: World) -> None:
    world.store.run(world.schedule("later", at_ms=now_ms() + 60_000))
    assert world.fire() == []
    assert world.store.run(world.schedule("now", at_ms=now_ms() - 1)) == DONE
    assert world.fire() == ["STORED"]
    assert world.texts() == ["now"]


def test_what_is_cancelled_is_not_sent(world: World) -> None:
    world.store.run(world.schedule())
    (found,) = world.found()
    assert world.store.run(world.cancel()) == DONE
    assert world.send(found) == "GONE"
    assert world.fire() == []
    assert (world.texts(), world.nothing_is_left()) == ([], True)


def test_what_was_changed_is_sent_as_it_is_now(world: World) -> None:
    world.store.run(world.schedule("old"))
    (found,) = world.found()
    assert world.store.run(world.schedule("new")) == DONE
    assert world.send(found) == "GONE"
    assert world.fire() == ["STORED"]
    assert (world.texts(), world.nothing_is_left()) == (["new"], True)


def test_several_servers_send_it_once(world: World, new_committer: Any) -> None:
    other = World(new_committer("s2:e2"))
    world.store.run(world.schedule())
    (mine,), (its,) = world.found(), other.found()
    assert [world.send(mine), other.send(its)] == ["STORED", "KNOWN"]
    assert (world.texts(), world.nothing_is_left()) == (["now"], True)


@pytest.mark.parametrize("what_next", ["sweep", "list", "cancel", "schedule", "edit"])
def test_a_server_that_dies_after_sending_leaves_no_second_one(world: World, what_next: str) -> None:
    world.store.run(world.schedule())
    (found,) = world.found()
    world.commit(found)  # and the server dies before it drops the record
    asked: dict[str, Callable[[], bool]] = {
        "list": lambda: world.store.run(schedules.waiting(ALICE, now_ms())) == [],
        "cancel": lambda: world.store.run(world.cancel()) == Outcome(Code.ALREADY_SENT, 1),
        "schedule": lambda: world.store.run(world.schedule()) == Outcome(Code.ALREADY_SENT, 1),
        "edit": lambda: world.store.run(world.schedule("other")) == Outcome(Code.ALREADY_SENT, 1),
        "sweep": lambda: world.fire() == [],
    }
    assert asked[what_next]()
    assert world.fire() == []
    assert world.store.run(schedules.waiting(ALICE, now_ms())) == []
    assert (world.texts(), world.nothing_is_left()) == (["now"], True)


@pytest.mark.parametrize("steps", range(4, 6))
def test_what_died_after_it_was_placed_is_sent_once(world: World, steps: int) -> None:
    take(world.store, world.schedule(), steps)
    assert world.fire() == ["STORED"]
    assert world.store.run(world.schedule()) == Outcome(Code.ALREADY_SENT, 1)
    assert (world.texts(), world.nothing_is_left()) == (["now"], True)


@pytest.mark.parametrize("steps", range(3, 6))
def test_an_edit_that_died_half_way_is_finished_when_the_old_time_comes(world: World, steps: int) -> None:
    world.store.run(world.schedule("old"))
    take(world.store, world.schedule("new"), steps)
    world.fire()
    world.fire()
    assert (world.texts(), world.nothing_is_left()) == (["new"], True)


@pytest.mark.parametrize("steps", range(1, 4))
def test_a_cancel_that_died_half_way_is_finished_when_the_time_comes(world: World, steps: int) -> None:
    world.store.run(world.schedule())
    take(world.store, world.cancel(), steps)
    assert world.fire() == []
    assert world.store.run(schedules.waiting(ALICE, now_ms())) == []
    assert (world.texts(), world.nothing_is_left()) == ([], True)


def test_a_first_message_opens_its_conversation(world: World) -> None:
    carol = ids.MIN_USER_ID + 11
    world.store.command("HSET", keys.user(carol), "name", "carol")
    world.store.run(world.schedule("hello", ids.direct(ALICE, carol)))
    assert world.fire() == ["STORED"]
    assert world.texts(ids.direct(ALICE, carol)) == ["hello"]
    assert world.store.command("ZSCORE", keys.conversations(carol), ids.direct(ALICE, carol)) is not None


# -- rights as of then -------------------------------------------------------------------------------------


def test_a_refusal_is_told_in_the_owners_notes(world: World) -> None:
    world.group()
    assert world.store.run(world.schedule("x" * 100, GROUP)) == DONE
    world.kick()
    assert world.fire() == ["REFUSED"]
    assert world.store.run(world.schedule("y", GROUP)) == Outcome(Code.NOT_A_MEMBER)
    assert world.fire() == ["STORED"]
    assert world.fire() == []
    (notice,) = world.entries(NOTES)
    assert notice.kind == Kind.NOTICE
    assert notice.text == (
        f'Your scheduled message "{"x" * 60}..." to ops ({GROUP}) was not sent: {Code.NOT_A_MEMBER.sentence}'
    )
    assert world.texts(GROUP) == []
    assert world.nothing_is_left()
    assert world.store.run(world.cancel()) == Outcome(Code.NOT_A_MEMBER)


@pytest.mark.parametrize("died", ["after the refusal", "after the mark", "after the notice", "after the removal"])
def test_a_server_that_dies_while_it_refuses_tells_it_once(world: World, died: str) -> None:
    world.group()
    world.store.run(world.schedule("secret", GROUP))
    world.kick()
    (found,) = world.found()
    append = world.commit(found)
    after = found.after(append)
    assert after is not None
    if died != "after the refusal":
        world.store.run(after)
    if died in ("after the notice", "after the removal"):
        (told,) = world.found()
        after = told.after(world.commit(told))
        assert after is not None
        if died == "after the removal":
            world.store.execute(next(after))
    for _ in range(3):
        world.fire()
    assert len(world.texts(NOTES)) == 1
    assert world.texts(GROUP) == []
    assert world.store.run(schedules.waiting(ALICE, now_ms())) == []
    assert world.nothing_is_left()


def test_what_was_refused_and_is_cancelled_before_its_owner_was_told_is_cancelled(world: World) -> None:
    world.group()
    world.store.run(world.schedule("secret", GROUP))
    world.kick()
    assert world.fire() == ["REFUSED"]
    assert world.store.run(world.cancel()) == DONE
    assert world.fire() == []
    assert (world.texts(GROUP), world.texts(NOTES), world.nothing_is_left()) == ([], [], True)


def test_what_could_not_be_sent_or_told_now_is_found_again(world: World) -> None:
    def away() -> None:
        (found,) = world.found()
        append = found.append(Nobody(), now_ms(), time.monotonic())
        append.refuse(Status.RETRY, Code.STORE_UNAVAILABLE, 1_000)
        assert found.after(append) is None

    world.group()
    world.store.run(world.schedule("secret", GROUP))
    away()
    world.kick()
    assert world.fire() == ["REFUSED"]
    away()
    assert world.fire() == ["STORED"]
    assert (len(world.texts(NOTES)), world.nothing_is_left()) == (1, True)


def test_an_id_used_again_when_it_is_forgotten_is_another_message(world: World) -> None:
    """What became of it is remembered for a week; its id in the log is for ever (I4)."""
    for born in (now_ms() - 2, now_ms() - 1):
        assert world.store.run(schedules.schedule(ALICE, "s1", DIRECT, born, "now", born)) == DONE
        assert world.fire() == ["STORED"]
        forgotten = [key for key in world.store.command("KEYS", "*") if key.startswith((b"schend:", b"idem:"))]
        assert len(forgotten) == 2
        world.store.command("DEL", *forgotten)
    first, second = world.entries()
    assert first.message_id != second.message_id


def test_once_refused_it_is_not_sent_after_all(world: World, new_committer: Any) -> None:
    other = World(new_committer("s2:e2"))
    world.group()
    world.store.run(world.schedule("late", GROUP))
    (slow,) = other.found()
    world.kick()
    assert world.fire() == ["REFUSED"]
    world.change(BOB, Kind.JOINED, targets=(ALICE,))
    assert other.send(slow) == "GONE"
    world.fire()
    assert (world.texts(GROUP), len(world.texts(NOTES))) == ([], 1)


def test_once_sent_it_is_not_refused_after_all(world: World, new_committer: Any) -> None:
    other = World(new_committer("s2:e2"))
    world.group()
    world.store.run(world.schedule("just in time", GROUP))
    (slow,), (quick,) = world.found(), other.found()
    world.kick()
    refused = world.commit(slow)
    world.change(BOB, Kind.JOINED, targets=(ALICE,))
    assert other.commit(quick).status.name == "STORED"
    after = slow.after(refused)
    assert after is not None
    world.store.run(after)
    assert world.fire() == []
    assert (world.texts(GROUP), world.texts(NOTES)) == (["just in time"], [])


# -- all at once -------------------------------------------------------------------------------------------


def take(store: Any, flow: Flow[Any], steps: int) -> None:
    """So many steps of a flow, then nothing more of it."""
    walk = in_steps(store, flow)
    for _ in range(steps):
        next(walk, None)


def in_steps(store: Any, flow: Flow[Any]) -> Steps:
    """A flow that pauses after each of its pipelines; returns its result."""
    try:
        commands = next(flow)
        while True:
            replies = store.execute(commands)
            yield
            commands = flow.send(replies)
    except StopIteration as stop:
        return stop.value


def a_server(world: World) -> Steps:
    """Sweeps and sends in steps, again and again."""
    for _ in range(3):
        firings, _ = yield from in_steps(world.store, firing.sweep(0, now_ms()))
        for found in firings:
            append = world.commit(found)
            yield
            after = found.after(append)
            if after is not None:
                yield from in_steps(world.store, after)


def a_kick(world: World) -> Steps:
    yield
    world.kick()


def interleave(chance: random.Random, actors: dict[str, Steps], mortal: frozenset[str]) -> dict[str, Any]:
    """Let actors take their steps in random order; some of the mortal ones die on their way. Results by name."""
    results: dict[str, Any] = {}
    while actors:
        name = chance.choice(sorted(actors))
        if name in mortal and chance.random() < 0.05:
            del actors[name]
            continue
        try:
            next(actors[name])
        except StopIteration as stop:
            results[name] = stop.value
            del actors[name]
    return results


def test_any_order_of_sending_editing_cancelling_and_kicking_has_one_outcome(
    committer: Any, new_committer: Callable[..., Any]
) -> None:
    store = committer.store
    for seed in range(SEEDS):
        store.command("FLUSHALL")
        store.run(metadata.check())
        store.execute([("HSET", keys.user(user), "name", name) for user, name in ((ALICE, "alice"), (BOB, "bob"))])
        judge(seed, World(committer), World(new_committer("s2:e2")))


def judge(seed: int, world: World, other: World) -> None:
    chance = random.Random(seed)
    world.group()
    at_ms = now_ms() - 1
    kept = chance.random() < 0.7
    take(world.store, world.schedule("first", GROUP, at_ms), 9 if kept else chance.randrange(1, 5))
    actors: dict[str, Steps] = {"server 1": a_server(world), "server 2": a_server(other)}
    choices: dict[str, Callable[[], Steps]] = {
        "first again": lambda: in_steps(world.store, world.schedule("first", GROUP, at_ms)),
        "edit": lambda: in_steps(world.store, world.schedule("second", GROUP)),
        "edit again": lambda: in_steps(world.store, world.schedule("third", GROUP)),
        "cancel": lambda: in_steps(world.store, world.cancel()),
        "cancel again": lambda: in_steps(world.store, world.cancel()),
        "list": lambda: in_steps(world.store, schedules.waiting(ALICE, now_ms())),
        "kick": lambda: a_kick(world),
    }
    for name, make in choices.items():
        if chance.random() < 0.5:
            actors[name] = make()
    asked = frozenset(actors)
    results = interleave(chance, actors, frozenset({"server 1", "edit", "cancel", "list"}))
    world.store.run(schedules.waiting(ALICE, now_ms()))
    for _ in range(4):
        world.fire()
    world.store.run(schedules.waiting(ALICE, now_ms()))

    sent, told = world.texts(GROUP), world.texts(NOTES)
    said = f"seed {seed}: asked {sorted(asked)}, answered {results}, sent {sent}, told {told}"
    assert world.nothing_is_left(), said
    assert len(sent) + len(told) <= 1, said
    cancels = [results.get(name) for name in ("cancel", "cancel again")]
    edits = [results.get(name) for name in ("first again", "edit", "edit again")]
    if DONE in cancels:
        assert not sent, said
    elif not {"cancel", "cancel again"} & asked and (kept or DONE in edits):
        assert len(sent) + len(told) == 1, said
    if "kick" not in asked:
        assert not told, said
    for outcome in cancels:
        if outcome is not None and (kept or outcome.code != Code.NO_SUCH_SCHEDULE):
            assert (outcome.code == Code.ALREADY_SENT) == bool(sent), said
    for outcome in cancels + edits:
        if outcome is not None and outcome.code == Code.ALREADY_SENT:
            assert sent, said
            assert [entry.text for entry in world.entries(GROUP) if entry.seq == outcome.seq] == sent, said
    if sent and DONE in edits[1:] and "first again" not in asked:
        assert sent != ["first"], said
