"""What a round of anti-entropy finds and has done, over a real Redis (I9, I13)."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from cim_common.store import conversations, keys, metadata
from cim_common.store.clock import StoreClock
from cim_server.anti_entropy import CERTAIN_S, SWEEP_EVERY, AntiEntropy
from cim_server.pump import Pump
from tests.cim_common.store.conftest import ALICE, BOB, DIRECT, Committer, Store, now_ms

SERVER = "s1:e1"


class Link:
    """Runs every flow at once."""

    up = True

    def __init__(self, store: Store) -> None:
        self._store = store

    def run(self, flow: Any, done: Callable[[Any], None]) -> None:
        done(self._store.run(flow))


class Held:
    """The conversations of a server that takes part in one; it notes what it is told to do."""

    def __init__(self, name: str, applied: int) -> None:
        self.conversation = SimpleNamespace(id=name, applied=applied, held=True)
        self.told: list[Any] = []

    def held(self) -> list[Any]:
        return [self.conversation]

    def get(self, name: str) -> Any:
        return self.conversation if name == self.conversation.id else None

    def renew_interest(self, conversation: Any) -> None:
        self.told.append("interest")

    def catch_up(self, conversation: Any) -> None:
        self.told.append("catch up")

    def rewind(self, conversation: Any) -> None:
        self.told.append("rewind")


class Bench:
    """One server's anti-entropy on a real store, with a pump whose clock the test moves."""

    def __init__(self, store: Store, applied: int) -> None:
        self.here = Held(DIRECT, applied)
        self.grown: list[list[str]] = []
        self.asked: list[str] = []
        self.pump = Pump()
        sessions = SimpleNamespace(announce=lambda: self.asked.append("announce"))
        audit = SimpleNamespace(run_now=lambda: self.asked.append("audit"))
        parts: list[Any] = [Link(store), StoreClock(), self.here, sessions, audit, SERVER]
        self.anti_entropy = AntiEntropy(self.pump, *parts)
        self.anti_entropy.on_grown = lambda names: self.grown.append(list(names))

    def round(self) -> None:
        self.anti_entropy.run_now()

    def pass_time(self) -> None:
        """What was just on its way has come by then."""
        self.pump.now += 2 * CERTAIN_S
        self.pump.timers.run(self.pump.now)


@pytest.fixture
def committer(redis_url: str) -> Iterator[Committer]:
    store = Store(redis_url)
    store.run(metadata.check())
    for user, name in ((ALICE, "alice"), (BOB, "bob")):
        store.command("HSET", keys.user(user), "name", name)
    yield Committer(store)
    store.connection.disconnect()


@pytest.fixture
def new_bench(committer: Committer) -> Iterator[Callable[[int], Bench]]:
    """A server that has applied so much: `new_bench(applied)`."""
    made: list[Bench] = []

    def make(applied: int) -> Bench:
        made.append(Bench(committer.store, applied))
        return made[-1]

    yield make
    for bench in made:
        bench.pump.close()


@pytest.mark.invariant("I9")
def test_what_had_grown_before_the_first_look_is_told_of_too(
    committer: Committer, new_bench: Callable[[int], Bench]
) -> None:
    committer.commit(committer.append(1, 0, "a"))
    bench = new_bench(1)
    bench.round()
    bench.round()
    committer.commit(committer.append(2, 1, "b"))
    bench.here.conversation.applied = 2
    bench.round()
    bench.pass_time()
    assert bench.grown == [[DIRECT], [], [DIRECT]]
    assert (bench.here.told, bench.anti_entropy.repaired) == ([], 0)


@pytest.mark.invariant("I9")
def test_who_is_behind_takes_interest_again_and_reads(committer: Committer, new_bench: Callable[[int], Bench]) -> None:
    committer.commit(committer.append(1, 0, "a"), committer.append(2, 1, "b"))
    bench = new_bench(1)
    bench.round()
    assert bench.here.told == []
    bench.pass_time()
    assert (bench.here.told, bench.anti_entropy.repaired) == (["interest", "catch up"], 1)


@pytest.mark.invariant("I9")
def test_what_was_on_its_way_is_not_read(committer: Committer, new_bench: Callable[[int], Bench]) -> None:
    committer.commit(committer.append(1, 0, "a"), committer.append(2, 1, "b"))
    bench = new_bench(1)
    bench.round()
    bench.here.conversation.applied = 2
    bench.pass_time()
    assert (bench.here.told, bench.anti_entropy.repaired) == ([], 0)


@pytest.mark.invariant("I22")
def test_a_log_counts_as_gone_back_only_at_a_second_look(
    committer: Committer, new_bench: Callable[[int], Bench]
) -> None:
    committer.commit(committer.append(1, 0, "a"))
    bench = new_bench(2)
    bench.round()
    committer.commit(committer.append(2, 1, "b"))
    bench.pass_time()
    assert bench.here.told == []
    bench.here.conversation.applied = 5
    committer.commit(committer.append(3, 2, "c"))
    bench.round()
    bench.pass_time()
    assert bench.here.told == ["rewind"]


@pytest.mark.invariant("I13")
def test_a_change_that_nobody_has_finished_is_finished(
    committer: Committer, new_bench: Callable[[int], Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, bench = committer.store, new_bench(0)
    flow = conversations.open_direct(DIRECT, now_ms())
    store.execute(flow.send(store.execute(next(flow))))  # the conversation is there; who made it has died
    for _ in range(2 * SWEEP_EVERY):
        bench.round()
    assert store.command("ZSCORE", keys.conversations(BOB), DIRECT) is None  # it may still be under way
    monkeypatch.setattr(conversations, "SWEEP_AFTER_MS", -1_000)
    for _ in range(SWEEP_EVERY):
        bench.round()
    for user in (ALICE, BOB):
        assert store.command("ZSCORE", keys.conversations(user), DIRECT) is not None
    assert store.run(conversations.overdue(now_ms() + 60_000)) == []


@pytest.mark.invariant("I9", "I15")
def test_a_push_stream_that_was_lost_is_made_anew_and_makes_everybody_look(
    committer: Committer, new_bench: Callable[[int], Bench]
) -> None:
    bench = new_bench(0)
    bench.round()
    bench.round()
    assert bench.asked == ["announce", "audit"]
    committer.store.command("DEL", keys.push(SERVER))
    bench.round()
    assert bench.asked == ["announce", "audit"] * 2
    assert committer.store.command("EXISTS", keys.push(SERVER)) == 1
