"""What an owner does with scheduled messages, on a real Redis (I24); each flow stopped between any two of its steps."""

from typing import Any

import pytest

from cim_common import ids
from cim_common.store import conversations, keys, schedules
from cim_common.store.flow import Flow
from cim_common.store.schedules import DONE, Asker, Outcome
from cim_common.store.sessions import Session
from cim_common.wire.codes import Code
from cim_common.wire.limits import MAX_SCHEDULE_AHEAD_MS, MAX_SCHEDULED
from tests.cim_common.store.conftest import ALICE, BOB, DIRECT, now_ms

GROUP = "g-0123456789abcdef0123"
LATER_MS = 3_600_000


def stopped(store: Any, flow: Flow[Any], steps: int) -> bool:
    """Run so many steps of a flow and leave it there, as a process that dies; True when it ended before."""
    try:
        commands = next(flow)
        for _ in range(steps):
            commands = flow.send(store.execute(commands))
    except StopIteration:
        return True
    return False


class Owner:
    """Alice and her scheduled message `s1`."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.born = now_ms()
        self.at = self.born + LATER_MS
        store.run(conversations.open_direct(DIRECT, 1))

    def schedule(self, text: str = "later", at_ms: int | None = None, name: str = "s1", where: str = DIRECT) -> Any:
        return schedules.schedule(ALICE, name, where, at_ms or self.at, text, self.born)

    def cancel(self, name: str = "s1") -> Any:
        return schedules.cancel(ALICE, name, self.born)

    def waiting(self) -> list[str]:
        return [record.text for record in self.store.run(schedules.waiting(ALICE, self.born))]

    def due(self) -> list[tuple[str, int]]:
        """What stands in `due`: whose, and when."""
        flat = self.store.command("ZRANGE", keys.due(ids.conversation_bucket(DIRECT)), 0, -1, "WITHSCORES")
        return [(m.decode().split(":")[0], int(float(s))) for m, s in zip(flat[::2], flat[1::2], strict=True)]


@pytest.fixture
def owner(store: Any) -> Owner:
    return Owner(store)


def test_what_is_scheduled_waits_in_both_places(owner: Owner, store: Any) -> None:
    assert store.run(owner.schedule("two words\nand a line")) == DONE
    assert owner.waiting() == ["two words\nand a line"]
    assert owner.due() == [(str(ALICE), owner.at)]
    assert store.run(owner.schedule("two words\nand a line")) == DONE
    assert owner.due() == [(str(ALICE), owner.at)]


def test_the_same_id_again_changes_text_and_time(owner: Owner, store: Any) -> None:
    store.run(owner.schedule())
    assert store.run(owner.schedule("other", owner.at + 5)) == DONE
    assert owner.waiting() == ["other"]
    assert owner.due() == [(str(ALICE), owner.at + 5)]
    assert store.run(owner.schedule("third", owner.at - 5)) == DONE
    assert owner.due() == [(str(ALICE), owner.at - 5)]
    assert store.run(owner.schedule("elsewhere", where=ids.LOBBY)) == Outcome(Code.BAD_REQUEST)


@pytest.mark.invariant("I24")
def test_what_is_cancelled_is_gone_for_good(owner: Owner, store: Any) -> None:
    store.run(owner.schedule())
    assert store.run(owner.cancel()) == DONE
    assert (owner.waiting(), owner.due()) == ([], [])
    assert store.run(owner.cancel()) == DONE
    assert store.run(owner.schedule()) == Outcome(Code.NO_SUCH_SCHEDULE)
    assert store.run(owner.cancel("unknown")) == Outcome(Code.NO_SUCH_SCHEDULE)


@pytest.mark.parametrize("steps", range(1, 6))
def test_a_schedule_that_died_half_way_is_taken_up(owner: Owner, store: Any, steps: int) -> None:
    stopped(store, owner.schedule(), steps)
    waited = owner.waiting()
    assert waited == ([] if steps < 3 else ["later"])
    assert len(owner.due()) == len(waited)
    assert store.run(owner.schedule()) == DONE
    assert owner.due() == [(str(ALICE), owner.at)]


@pytest.mark.parametrize("steps", range(1, 6))
def test_a_schedule_that_died_half_way_can_be_cancelled(owner: Owner, store: Any, steps: int) -> None:
    stopped(store, owner.schedule(), steps)
    assert store.run(owner.cancel()) == (Outcome(Code.NO_SUCH_SCHEDULE) if steps < 3 else DONE)
    assert (owner.waiting(), owner.due()) == ([], [])


@pytest.mark.parametrize("steps", range(1, 6))
@pytest.mark.parametrize("what_next", ["waiting", "edit", "cancel"])
def test_an_edit_that_died_half_way_is_taken_up(owner: Owner, store: Any, steps: int, what_next: str) -> None:
    store.run(owner.schedule())
    stopped(store, owner.schedule("other", owner.at + 5), steps)
    if what_next == "waiting":
        written = steps >= 3
        assert owner.waiting() == (["other"] if written else ["later"])
        assert owner.due() == [(str(ALICE), owner.at + 5 if written else owner.at)]
    elif what_next == "edit":
        assert store.run(owner.schedule("third", owner.at + 9)) == DONE
        assert owner.due() == [(str(ALICE), owner.at + 9)]
    else:
        assert store.run(owner.cancel()) == DONE
        assert (owner.waiting(), owner.due()) == ([], [])


@pytest.mark.parametrize("steps", range(1, 4))
@pytest.mark.parametrize("what_next", ["waiting", "edit", "cancel"])
def test_a_cancel_that_died_half_way_is_finished(owner: Owner, store: Any, steps: int, what_next: str) -> None:
    store.run(owner.schedule())
    stopped(store, owner.cancel(), steps)
    if what_next == "edit":
        assert store.run(owner.schedule("other")) == Outcome(Code.NO_SUCH_SCHEDULE)
    elif what_next == "cancel":
        assert store.run(owner.cancel()) == DONE
    assert (owner.waiting(), owner.due()) == ([], [])
    assert store.command("HLEN", keys.schedules(ALICE)) == 0


@pytest.mark.parametrize("then", ["cancelled", "changed"])
def test_a_late_copy_of_the_first_placing_places_nothing(owner: Owner, store: Any, then: str) -> None:
    late = owner.schedule()
    commands = next(late)
    for _ in range(2):
        commands = late.send(store.execute(commands))
    replies = store.execute(commands)  # the record is written; the process stalls before it places it
    commands = late.send(replies)
    assert store.run(owner.schedule()) == DONE
    assert store.run(owner.cancel() if then == "cancelled" else owner.schedule("other")) == DONE
    waited, due = owner.waiting(), owner.due()
    outcome = None
    try:
        while True:
            commands = late.send(store.execute(commands))
    except StopIteration as stop:
        outcome = stop.value
    assert outcome == (Outcome(Code.NO_SUCH_SCHEDULE) if then == "cancelled" else DONE)
    assert (owner.waiting(), owner.due()) == (waited, due)


def test_a_late_note_that_an_edit_was_placed_is_not_taken_for_the_next_ones(owner: Owner, store: Any) -> None:
    """The next edit has been written, and dies before it is placed; the message it replaces must not be lost."""
    store.run(owner.schedule())
    late = owner.schedule("second", owner.at + 5)
    commands = next(late)
    for _ in range(4):
        commands = late.send(store.execute(commands))
    stopped(store, owner.schedule("third", owner.at + 9), 6)
    assert store.execute(commands) == [0]
    assert owner.waiting() == ["third"]
    assert owner.due() == [(str(ALICE), owner.at + 9)]


@pytest.mark.parametrize("then", ["cancelled", "changed"])
def test_a_late_copy_of_an_edits_placing_places_nothing(owner: Owner, store: Any, then: str) -> None:
    store.run(owner.schedule())
    late = owner.schedule("second", owner.at + 5)
    commands = next(late)
    for _ in range(3):
        commands = late.send(store.execute(commands))
    assert store.run(owner.cancel() if then == "cancelled" else owner.schedule("third", owner.at + 9)) == DONE
    waited, due = owner.waiting(), owner.due()
    outcome = None
    try:
        while True:
            commands = late.send(store.execute(commands))
    except StopIteration as stop:
        outcome = stop.value
    assert outcome == (Outcome(Code.NO_SUCH_SCHEDULE) if then == "cancelled" else DONE)
    assert (owner.waiting(), owner.due()) == (waited, due)


def test_a_device_that_has_connected_elsewhere_asks_in_vain(owner: Owner, store: Any) -> None:
    old, new = Session("s1:e1", "c1"), Session("s2:e1", "c2")
    store.command("HSET", keys.sessions(ALICE), "d1", str(new))

    def ask(session: Session, text: str) -> Any:
        return store.run(schedules.schedule(ALICE, "s1", DIRECT, owner.at, text, owner.born, Asker("d1", session))).code

    assert ask(new, "new") is None
    assert ask(old, "old") == Code.STORE_UNAVAILABLE
    assert store.run(schedules.cancel(ALICE, "s1", owner.born, Asker("d1", old))).code == Code.STORE_UNAVAILABLE
    assert owner.waiting() == ["new"]


def test_a_hundred_may_wait(owner: Owner, store: Any) -> None:
    for n in range(MAX_SCHEDULED):
        assert store.run(owner.schedule(name=f"s{n}")) == DONE
    assert store.run(owner.schedule(name="one more")) == Outcome(Code.TOO_MANY_SCHEDULED)
    assert store.run(owner.schedule("changed", name="s7")) == DONE
    stopped(store, owner.cancel("s8"), 1)  # half-way is not in the way
    assert store.run(owner.schedule(name="one more")) == DONE
    assert len(owner.waiting()) == MAX_SCHEDULED


def test_the_time_is_within_a_year(owner: Owner, store: Any) -> None:
    assert store.run(owner.schedule(at_ms=owner.born + MAX_SCHEDULE_AHEAD_MS + 1)).code == Code.BAD_TIME
    assert store.run(owner.schedule(at_ms=owner.born - schedules.MAX_LATE_MS - 1)).code == Code.BAD_TIME
    assert store.run(owner.schedule(at_ms=owner.born - 5)) == DONE
    assert store.run(owner.schedule(name="s2", at_ms=owner.born + MAX_SCHEDULE_AHEAD_MS)) == DONE


@pytest.mark.parametrize(
    ("field", "record", "code"),
    [
        (f"m:{ALICE}", "l 1-4 0 1", Code.NOT_A_MEMBER),
        (f"m:{ALICE}", "x 1-4 0 1", Code.BLOCKED),
        (f"m:{BOB}", "m 1- 0 1", Code.NOT_A_MEMBER),
        ("k", "z", Code.DISSOLVED),
    ],
    ids=["left", "banned", "stranger", "dissolved"],
)
def test_who_may_not_write_may_not_schedule(owner: Owner, store: Any, field: str, record: str, code: Code) -> None:
    store.command("HSET", keys.conv(GROUP), "k", "g", "l", 4, field, record)
    assert store.run(owner.schedule(where=GROUP)) == Outcome(code)
    assert owner.waiting() == []


def test_nobody_schedules_for_nobody(owner: Owner, store: Any) -> None:
    nobody = ids.direct(ALICE, ids.MIN_USER_ID + 77)
    assert store.run(owner.schedule(where=nobody)) == Outcome(Code.NO_SUCH_USER)


def test_what_nobody_was_answered_is_not_placed_a_week_later(owner: Owner, store: Any) -> None:
    stopped(store, owner.schedule(), 3)
    assert owner.due() == []
    owner.born += schedules.UNPLACED_KEPT_MS + 1
    assert owner.waiting() == []
    assert owner.due() == []
    assert store.command("HLEN", keys.schedules(ALICE)) == 0
