"""Two things at once, driven step by step: every outcome is one that the promise allows."""

from typing import Any

import pytest

from cim_common.store import conversations, keys
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Change
from tests.cim_common.store.conftest import Committer, Store, committer, now_ms, store  # noqa: F401 - fixtures
from tests.cim_common.store.test_changes import ALICE, BOB, CAROL, DAVE, GROUP, World


@pytest.fixture
def world(committer: Committer) -> World:  # noqa: F811
    made = World(committer)
    assert made.change(ALICE, Kind.CREATED, text="ops", targets=(BOB, CAROL)) == 1
    return made


class Halted:
    """A flow that stops before each of its steps."""

    def __init__(self, store: Store, flow: Any) -> None:  # noqa: F811
        self._store, self._flow = store, flow
        self._commands: Any = next(flow)

    def step(self) -> bool:
        """Do one step; False when that was the last."""
        try:
            self._commands = self._flow.send(self._store.execute(self._commands))
        except StopIteration:
            return False
        return True

    def finish(self) -> None:
        while self.step():
            pass


def begun(world: World, *appends: Any) -> None:
    """Commit, and die before the lists are written."""
    group, connection = world.committer.group, world.store.connection
    for append in appends:
        group.submit(append)
    data, before = group.next_write(now_ms())
    connection.send_packed_command([data])
    replies = [connection.read_response() for _ in range(before + 1)]
    group.complete(replies[-1])


def list_version(world: World, user: int) -> int:
    return int(world.store.command("ZSCORE", keys.conversations(user), GROUP) or 0)


# -- two who finish the same change while another adds to it ---------------------------------------------------


def change(world: World, user: int, kind: Kind, *targets: int) -> Any:
    return world.append(user, Change(GROUP, 0, 0, kind, targets=targets), "", GROUP)


def waiting(world: World) -> list[int]:
    return conversations._waiting(world.store.command("HGET", keys.conv(GROUP), "t") or b"")


def test_a_late_finisher_takes_nothing_away_that_it_has_not_done(world: World) -> None:
    """The users are the same as those it has read of, the change is another."""
    begun(world, change(world, ALICE, Kind.JOINED, DAVE))
    late = Halted(world.store, conversations.finish_todo(GROUP))
    late.step()
    world.store.run(conversations.finish_todo(GROUP))
    assert waiting(world) == []
    begun(world, change(world, ALICE, Kind.KICKED, DAVE))
    before = list_version(world, DAVE)
    late.finish()
    assert waiting(world) == [DAVE]
    world.store.run(conversations.finish_todo(GROUP))
    assert waiting(world) == []
    assert list_version(world, DAVE) > before
