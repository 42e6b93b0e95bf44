"""What a round of anti-entropy tells of, over a real Redis (I9)."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from cim_common import ids
from cim_common.store import keys, metadata
from cim_common.store.clock import StoreClock
from cim_server.anti_entropy import AntiEntropy
from cim_server.pump import Pump
from tests.cim_common.store.conftest import ALICE, BOB, DIRECT, Committer, Store


class Link:
    """Runs every flow at once."""

    up = True

    def __init__(self, store: Store) -> None:
        self._store = store

    def run(self, flow: Any, done: Callable[[Any], None]) -> None:
        done(self._store.run(flow))


class Held:
    """The conversations of a server that takes part in one, with all of it applied."""

    def __init__(self, name: str, applied: int) -> None:
        self.buckets = {ids.conversation_bucket(name): 1}
        self.conversation = SimpleNamespace(id=name, applied=applied, held=True)

    def held(self) -> list[Any]:
        return [self.conversation]

    def get(self, name: str) -> Any:
        return self.conversation if name == self.conversation.id else None


@pytest.fixture
def committer(redis_url: str) -> Iterator[Committer]:
    store = Store(redis_url)
    store.run(metadata.check())
    for user, name in ((ALICE, "alice"), (BOB, "bob")):
        store.command("HSET", keys.user(user), "name", name)
    yield Committer(store)
    store.connection.disconnect()


@pytest.mark.invariant("I9")
def test_what_had_grown_before_the_first_look_is_told_of_too(committer: Committer) -> None:
    committer.commit(committer.append(1, 0, "a"))
    here, told = Held(DIRECT, applied=1), list[list[str]]()
    rest = SimpleNamespace(announce=lambda: None, run_now=lambda: None)
    parts: list[Any] = [Link(committer.store), StoreClock(), here, rest, rest, "s1:e1"]
    pump = Pump()
    anti_entropy = AntiEntropy(pump, *parts)
    anti_entropy.on_grown = lambda names: told.append(list(names))

    anti_entropy.run_now()
    anti_entropy.run_now()
    committer.commit(committer.append(2, 1, "b"))
    here.conversation.applied = 2
    anti_entropy.run_now()
    assert told == [[DIRECT], [], [DIRECT]]
    assert anti_entropy.repaired == 0
    pump.close()
