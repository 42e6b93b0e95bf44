"""Fills a store with messages that nobody is there for, by the group commit that servers use: 40,000 and more a second.

They are those of direct conversations between users of the cluster, and stay there; what is measured afterwards has
nothing to do with them but their presence.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import redis

from cim.bench import NotMeasured
from cim.bench.accounts import Account
from cim_common import accept, ids
from cim_common.accept import Append, Status
from cim_common.store.commit import MAX_BATCH, GroupCommit
from cim_common.store.flow import Command, Flow
from cim_common.store.incarnations import start_of
from cim_common.store.scripts import SCRIPTS
from cim_common.wire import codec

DEVICE = "filling"
SAY_EVERY = 20_000
REWRITE_S = 120.0

Progress = Callable[[str], None]


class FillingFailed(NotMeasured):
    """A message was not stored."""


class Filling:
    """Writes into the store at a Redis URL."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, protocol=2, retry=None)
        self._connection: Any = self._client.connection_pool.get_connection()
        self._execute([("SCRIPT", "LOAD", script.source) for script in SCRIPTS])
        self._group = GroupCommit(None, lambda ref: False)
        self._group.connected(start_of(self._execute([("INFO", "server")])[0]))

    def close(self) -> None:
        self._connection.disconnect()
        self._client.close()

    def settled(self, append: Append) -> None:
        """One of ours is settled.

        Raises:
            FillingFailed: it was refused.
        """
        if append.status is not Status.STORED:
            raise FillingFailed(f"{append.conversation} {append.n}: {append.status.name} {append.code}")

    def fill(self, users: Sequence[Account], count: int, payload: int, progress: Progress = lambda text: None) -> None:
        """Write `count` texts, in turn over the conversations of the first half of the users with the other half."""
        half = len(users) // 2
        pairs = [(one, ids.direct(one.user, other.user)) for one in users[:half] for other in users[half:]]
        senders = [accept.sender_argument(one.user, DEVICE) for one, _ in pairs]
        content = accept.content_of("x" * payload)
        for start in range(0, count, MAX_BATCH):
            batch = []
            for number in range(start, min(start + MAX_BATCH, count)):
                (user, conversation), n = pairs[number % len(pairs)], number + 1
                after = n - len(pairs) if n > len(pairs) else 0
                meta = codec.entry_meta(user.user, user.name, DEVICE, n, _now_ms())
                batch.append(
                    Append(
                        self, conversation, senders[number % len(pairs)], n, after, meta, content, time.monotonic(),
                        unmetered=True,
                    )
                )  # fmt: skip
            self._commit(batch)
            if start % (SAY_EVERY // MAX_BATCH * MAX_BATCH) == 0:
                progress(f"filling the store: {start:,} of {count:,} messages")

    def wait_for_rewrite(self) -> None:
        """Until Redis is not rewriting its file, as it does after so much has been written to it.

        Raises:
            FillingFailed: it goes on and on.
        """
        ends = time.monotonic() + REWRITE_S
        while self._rewriting():
            if time.monotonic() > ends:
                raise FillingFailed(f"Redis has been rewriting its file for {REWRITE_S:g} s.")
            time.sleep(0.1)

    def _rewriting(self) -> bool:
        info: Any = self._client.info("persistence")
        return bool(info["aof_rewrite_in_progress"] or info["aof_rewrite_scheduled"])

    def _commit(self, appends: list[Append]) -> None:
        for append in appends:
            self._group.submit(append)
        while (write := self._group.next_write(_now_ms())) is not None:
            self._connection.send_packed_command([write[0]])
            replies = [self._connection.read_response() for _ in range(write[1] + 1)]
            settled, _ = self._group.complete(replies[-1])
            created = []
            for flow, concerned in self._group.follow_up(settled, _now_ms()):
                outcome = self._run(flow)
                if concerned and concerned[0].status is Status.CREATE:
                    created += self._group.created(concerned, bool(outcome))
            for append in settled:
                if append.status not in (Status.CREATE, Status.PENDING):
                    self.settled(append)
            for append in created:
                self.settled(append)

    def _run(self, flow: Flow[Any]) -> Any:
        try:
            commands = next(flow)
            while True:
                commands = flow.send(self._execute(commands))
        except StopIteration as stop:
            return stop.value

    def _execute(self, commands: Sequence[Command]) -> list[Any]:
        self._connection.send_packed_command(self._connection.pack_commands(commands))
        return [self._connection.read_response() for _ in commands]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
