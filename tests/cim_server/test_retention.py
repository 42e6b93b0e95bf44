"""The steps of retention on a server, over a real Redis: walking, resting, and what grows too fast."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cim_common import ids
from cim_common.retention import Keep
from cim_common.store import entries, keys, metadata
from cim_common.store.clock import StoreClock
from cim_common.store.entries import LogEntry
from cim_common.store.flow import StoreError
from cim_common.wire import codec
from cim_server.pump import Pump
from cim_server.retention import LOCK_EVERY_S, REST_S, STEP_S, Retention
from tests.cim_common.store.conftest import Store

A = ids.MIN_USER_ID + 5


class Link:
    """Drives a flow at once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.up = True

    def run(self, flow: Any, done: Callable[[Any], None]) -> None:
        try:
            outcome = self.store.run(flow)
        except StoreError as error:
            outcome = error
        done(outcome)


class Bench:
    """One server's retention and a pump whose clock the test moves."""

    def __init__(self, store: Store, *keep: str, server: str = "s1:e") -> None:
        self.store = store
        self.pump = Pump()
        self.heads: dict[str, int] = {}
        self.retention = Retention(
            self.pump, Link(store), StoreClock(), Keep.parse(keep), server, lambda name: self.heads.get(name, 0)  # type: ignore[arg-type]
        )  # fmt: skip
        self.retention.start()

    def steps(self, count: int = 1) -> None:
        for _ in range(count):
            self.pump.now += STEP_S
            self.pump.timers.run(self.pump.now)

    def fill(self, conversation: str, count: int, time_ms: int = 1) -> None:
        """A log of so many texts, written long ago."""
        for seq in range(1, count + 1):
            meta, content = codec.entry_meta(A, "anna", "d1", seq, time_ms), codec.entry_content("x")
            entry = entries.fields_of(LogEntry(seq, seq - 1, seq, meta, content))
            self.store.command("XADD", keys.log(conversation), f"{seq}-0", *entry)
        self.store.command("HSET", keys.conv(conversation), "l", count, "x", 0, "f", 1, "k", "d")
        self.heads[conversation] = count

    def left(self, conversation: str) -> int:
        return int(self.store.command("XLEN", keys.log(conversation)))


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    made = Store(redis_url)
    made.run(metadata.check())
    yield made
    made.connection.disconnect()


@pytest.fixture
def new_bench(store: Store) -> Iterator[Callable[..., Bench]]:
    """Servers on one store: `new_bench(*keep, server=...)`."""
    made: list[Bench] = []

    def make(*keep: str, server: str = "s1:e") -> Bench:
        made.append(Bench(store, *keep, server=server))
        return made[-1]

    yield make
    for bench in made:
        bench.pump.close()


def test_a_pass_trims_by_each_kinds_rule_and_then_rests(new_bench: Callable[..., Bench]) -> None:
    bench = new_bench("self=1h", "direct=30")
    notes, talk, group = ids.direct(A, A), ids.direct(A, A + 1), ids.new_group()
    for conversation in (notes, talk, group):
        bench.fill(conversation, 120)
    bench.steps(4)
    assert [bench.left(conversation) for conversation in (notes, talk, group)] == [1, 30, 120]
    assert bench.retention.removed == 119 + 90
    passes = bench.retention.passes
    bench.fill(ids.direct(A, A + 2), 40)
    bench.steps(int(REST_S) - 200)
    assert bench.retention.passes == passes + int((REST_S - 200) // 180)


def test_what_grows_past_its_number_does_not_wait_for_the_pass(new_bench: Callable[..., Bench], store: Store) -> None:
    bench = new_bench("lobby=100")
    bench.steps()
    bench.fill("lobby", 100)
    bench.retention.grown(["lobby", ids.direct(A, A)])
    bench.steps()
    assert bench.left("lobby") == 100
    store.command("DEL", keys.log("lobby"))
    bench.fill("lobby", 150)
    bench.retention.grown(["lobby"])
    bench.steps()
    assert bench.left("lobby") == 100


def test_only_one_server_walks_until_it_gives_up(new_bench: Callable[..., Bench], store: Store) -> None:
    first, second = new_bench("direct=5"), new_bench("direct=5", server="s2:e")
    first.steps()
    second.steps()
    assert (first.retention.passes, second.retention.passes) == (1, 0)
    store.run(first.retention.give_up())
    second.steps(int(LOCK_EVERY_S) + 1)
    assert second.retention.passes == 1


def test_a_damaged_conversation_does_not_end_the_walk(new_bench: Callable[..., Bench], store: Store) -> None:
    bench = new_bench("direct=5")
    damaged, sound = ids.direct(A, A + 1), ids.direct(A, A + 2)
    bench.fill(damaged, 10)
    bench.fill(sound, 10)
    store.command("DEL", keys.log(damaged))
    store.command("SET", keys.log(damaged), "no stream")
    bench.steps()
    assert bench.left(sound) == 5
    assert bench.retention.passes == 1


def test_without_rules_nothing_is_done(new_bench: Callable[..., Bench], store: Store) -> None:
    bench = new_bench()
    bench.fill("lobby", 20)
    bench.retention.grown(["lobby"])
    bench.steps(20)
    assert bench.left("lobby") == 20
    assert store.command("EXISTS", keys.RETENTION) == 0
