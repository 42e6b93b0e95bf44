"""A driver of flows over the real store, and a hand-cranked group commit."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from cim_common import accept, ids
from cim_common.accept import Append, Status
from cim_common.store import keys, members, metadata, scripts
from cim_common.store.commit import GroupCommit
from cim_common.store.flow import Command, Flow, StoreError, T, drive
from cim_common.store.sessions import pairs
from cim_common.wire import codec

ALICE = ids.MIN_USER_ID + 5
BOB = ids.MIN_USER_ID + 9
DIRECT = ids.direct(ALICE, BOB)


class Store:
    """Runs flows and commands on one connection to the session's Redis."""

    def __init__(self, url: str) -> None:
        pool: Any = redis.ConnectionPool.from_url(url, protocol=2, retry=None)
        self.connection: Any = pool.make_connection()
        self.connection.connect()
        for script in scripts.SCRIPTS:
            self.execute([("SCRIPT", "LOAD", script.source)])

    def execute(self, commands: list[Command]) -> list[Any]:
        self.connection.send_packed_command(self.connection.pack_commands(commands))
        replies = []
        for _ in commands:
            try:
                replies.append(self.connection.read_response())
            except redis.ResponseError as error:
                replies.append(StoreError(str(error)))
        for reply in replies:
            if isinstance(reply, StoreError):
                raise reply
        return replies

    def run(self, flow: Flow[T]) -> T:
        return drive(flow, self.execute)

    def command(self, *command: Any) -> Any:
        return self.execute([command])[0]


class Owner:
    """Counts how often each append was settled."""

    def __init__(self) -> None:
        self.told: list[Append] = []

    def settled(self, append: Append) -> None:
        self.told.append(append)


class Committer:
    """One process's group commit, turned by hand."""

    def __init__(self, store: Store, server: str | None = None) -> None:
        self.store = store
        self.group = GroupCommit(server, lambda ref: ref.startswith("dead"))
        self.owner = Owner()
        self.applied: list[Any] = []

    def append(
        self,
        n: int,
        after: int,
        text: str,
        user: int = ALICE,
        device: str = "d1",
        conversation: str = DIRECT,
        key: str | None = None,
        unmetered: bool = False,
    ) -> Append:
        return Append(
            self.owner,
            conversation,
            accept.sender_argument(user, device),
            n,
            after,
            codec.entry_meta(user, "alice", device, n, 1),
            accept.content_of(text),
            time.monotonic(),
            (keys.idempotency(conversation, user, key), 100) if key else None,
            unmetered=unmetered,
        )

    def commit(self, *appends: Append) -> list[tuple[str, int, int]]:
        """Submit and turn until nothing waits; (status, seq, code) of each."""
        for append in appends:
            assert self.group.submit(append)
        while (write := self.group.next_write(now_ms())) is not None:
            self.store.connection.send_packed_command([write[0]])
            replies = [self.store.connection.read_response() for _ in range(write[1] + 1)]
            settled, applied = self.group.complete(replies[-1])
            self.applied += applied
            for flow, concerned in self.group.follow_up(settled, now_ms()):
                outcome = self.store.run(flow)
                if concerned and concerned[0].status is Status.CREATE:
                    self.group.created(concerned, bool(outcome))
        return [(append.status.name, append.seq, append.code) for append in appends]


def roles_in(store: Store, conversation: str) -> dict[int, str]:
    """User id -> role of all who take part, by their records; the index of a group's members says the same."""
    fields = dict(pairs(store.command("HGETALL", keys.conv(conversation))))
    standing = {int(field[2:]): members.parse(record) for field, record in fields.items() if field[:2] == b"m:"}
    found = {
        user: member.role
        for user, member in standing.items()
        if member is not None and member.role in members.NAMES_OF_TAKING_PART
    }
    if ids.is_group(conversation):
        assert {int(user) for user in store.command("ZRANGE", keys.members(conversation), 0, -1)} == set(found)
    return found


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    """A fresh cluster's store with two users."""
    made = Store(redis_url)
    made.run(metadata.check())
    for user, name in ((ALICE, "alice"), (BOB, "bob")):
        made.command("HSET", keys.user(user), "name", name)
    yield made
    made.connection.disconnect()


@pytest.fixture
def committer(store: Store) -> Committer:
    return Committer(store)


@pytest.fixture
def new_committer(store: Store) -> Any:
    """Another process on the same store: `new_committer(server)`."""
    return lambda server=None: Committer(store, server)
