"""Instruments for clusters of a size: stores filled through the store's own operations, and what things cost.

Accounts, conversations and messages come about by the flows and the group commit that servers use, many at a time, so
that a million messages take half a minute; only accounts are written without the password hash that costs route most.
"""

import os
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import redis

from cim.data_folder import read_secret
from cim_common import accept, changes, ids
from cim_common.accept import Append, Rates, Status
from cim_common.store import accounts, conversations, keys
from cim_common.store.commit import MAX_BATCH, GroupCommit
from cim_common.store.flow import Command, Flow, StoreError
from cim_common.store.incarnations import start_of
from cim_common.store.scripts import SCRIPTS
from cim_common.tokens import Tokens
from cim_common.wire import codec
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Change
from tests.system.cluster import Cluster

AT_ONCE = 200
UNLIMITED = Rates(1e9, 1_000_000, 1e9, 1_000_000)
TICKS = os.sysconf("SC_CLK_TCK")


class User(NamedTuple):
    """An account made here."""

    id: int
    name: str


class Filling:
    """Writes into a cluster's store as its servers would."""

    def __init__(self, cluster: Cluster) -> None:
        pool: Any = redis.ConnectionPool.from_url(cluster.ready["redis"], protocol=2, retry=None)
        self._connection: Any = pool.make_connection()
        self._connection.connect()
        self._execute([("SCRIPT", "LOAD", script.source) for script in SCRIPTS])
        self._group = GroupCommit(None, lambda ref: False, UNLIMITED)
        self._start = start_of(self._execute([("INFO", "server")])[0])
        self._group.connected(self._start)
        self._numbers: dict[tuple[int, str], int] = {}
        self.tokens = Tokens(read_secret(cluster.folder / "data" / "secret"))

    def settled(self, append: Append) -> None:
        assert append.status is Status.STORED, (append.status, append.code)

    def users(self, prefix: str, count: int) -> list[User]:
        made = [User(ids.new_user_id(), f"{prefix}{number}") for number in range(count)]
        for part in _parts(made):
            commands: list[Command] = []
            for user, name in part:
                commands += [
                    ("HSET", keys.user(user), "name", name, "display", name, "legacy", 0, "at", _now_ms(), "tv", 1),
                    ("SET", keys.name(name), user),
                ]
            self._execute(commands)
        return made

    def user(self, name: str) -> User:
        """An account that exists."""
        (account,) = self.run([accounts.by_name(name)])
        return User(account.id, name)

    def directs(self, pairs: Iterable[tuple[User, User]]) -> list[str]:
        found = [ids.direct(one.id, other.id) for one, other in pairs]
        for part in _parts(found):
            assert all(
                self.run([conversations.open_direct(conversation, _now_ms(), self._start) for conversation in part])
            )
        return found

    def group(self, owner: User, name: str, members: Sequence[User]) -> str:
        """A group with all its members, in steps of 200 as the SDK makes it."""
        group = ids.new_group()
        for start in range(0, max(len(members), 1), AT_ONCE):
            targets = tuple(members[start : start + AT_ONCE])
            kind = Kind.JOINED if start else Kind.CREATED
            change = changes.completed(
                Change(group, 0, 0, int(kind), text=name, targets=tuple(user.id for user in targets))
            )
            append = self._append(group, owner, b"")
            append.content = changes.content_of(change, [user.name for user in targets])
            append.op, append.kind = changes.op_of(change), int(kind)
            self._commit([append])
        return group

    def write(self, messages: Iterable[tuple[str, User, str]]) -> None:
        """Append texts: (conversation, sender, text)."""
        batch: list[Append] = []
        for conversation, sender, text in messages:
            batch.append(self._append(conversation, sender, accept.content_of(text)))
            if len(batch) == MAX_BATCH:
                self._commit(batch)
                batch = []
        self._commit(batch)

    def _append(self, conversation: str, sender: User, content: bytes) -> Append:
        key = (sender.id, conversation)
        n = self._numbers[key] = self._numbers.get(key, 0) + 1
        meta = codec.entry_meta(sender.id, sender.name, "filling", n, _now_ms())
        return Append(
            self, conversation, accept.sender_argument(sender.id, "filling"), n, n - 1, meta, content, time.monotonic()
        )

    def _commit(self, appends: list[Append]) -> None:
        for append in appends:
            assert self._group.submit(append)
        while (write := self._group.next_write(_now_ms())) is not None:
            self._connection.send_packed_command([write[0]])
            replies = [self._connection.read_response() for _ in range(write[1] + 1)]
            settled, _ = self._group.complete(replies[-1])
            for flow, _concerned in self._group.follow_up(settled, _now_ms()):
                self.run([flow])
            for append in settled:
                self.settled(append)

    def run(self, flows: Sequence[Flow[Any]]) -> list[Any]:
        """Drive flows side by side: the next commands of all of them make one pipeline."""
        results: dict[int, Any] = {}
        due: list[tuple[int, Flow[Any], list[Command]]] = []
        for index, flow in enumerate(flows):
            _step(index, flow, None, due, results)
        while due:
            replies = self._execute([command for _, _, commands in due for command in commands])
            now, due, at = due, [], 0
            for index, flow, commands in now:
                _step(index, flow, replies[at : at + len(commands)], due, results)
                at += len(commands)
        return [results[index] for index in range(len(flows))]

    def _execute(self, commands: Sequence[Command]) -> list[Any]:
        self._connection.send_packed_command(self._connection.pack_commands(commands))
        replies = []
        for _ in commands:
            try:
                replies.append(self._connection.read_response())
            except redis.ResponseError as error:
                raise StoreError(str(error)) from error
        return replies


def _step(
    index: int,
    flow: Flow[Any],
    replies: list[Any] | None,
    due: list[tuple[int, Flow[Any], list[Command]]],
    results: dict[int, Any],
) -> None:
    try:
        due.append((index, flow, next(flow) if replies is None else flow.send(replies)))
    except StopIteration as stop:
        results[index] = stop.value


def _parts(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


# -- what it costs -----------------------------------------------------------------------------------------


def memory_mb(pid: int) -> float:
    """Resident memory of a process, 0 when it has ended."""
    if not os.path.exists(f"/proc/{pid}"):
        return 0.0
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_s(pid: int) -> float:
    """Time a process has computed so far, 0 when it has ended."""
    if not os.path.exists(f"/proc/{pid}"):
        return 0.0
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def calls(client: "redis.Redis") -> dict[str, int]:
    """How often each command was called, from scripts too."""
    found: Any = client.info("commandstats")
    return {name.removeprefix("cmdstat_"): int(stats["calls"]) for name, stats in found.items()}


class Meter:
    """What a cluster's processes and its Redis spend between `start` and `report`."""

    def __init__(self, cluster: Cluster, *others: int) -> None:
        self._redis = cluster.redis()
        self._pids = {"redis": cluster.pid_of("redis")}
        self._pids |= {server["id"]: int(server["pid"]) for server in cluster.ready["servers"]}
        self._pids |= {f"pid {pid}": pid for pid in others}
        self.start()

    def start(self) -> None:
        self._redis.config_set("slowlog-log-slower-than", 5_000)
        self._redis.slowlog_reset()
        self._calls = calls(self._redis)
        self._bytes = self._used()
        self._cpu = {name: cpu_s(pid) for name, pid in self._pids.items()}
        self._since = time.monotonic()

    def _used(self) -> int:
        info: Any = self._redis.info("memory")
        return int(info["used_memory"])

    def commands(self) -> dict[str, int]:
        """Commands since `start`, without those that ask for these figures."""
        now = calls(self._redis)
        ours = {name: now[name] - self._calls.get(name, 0) for name in now}
        return {
            name: count for name, count in ours.items() if count and name not in ("info", "slowlog|reset", "config|set")
        }

    def report(self, what: str, per: int = 1) -> None:
        took = time.monotonic() - self._since
        spent = {name: round(cpu_s(pid) - self._cpu[name], 2) for name, pid in self._pids.items()}
        memory = {name: round(memory_mb(pid)) for name, pid in self._pids.items()}
        commands = self.commands()
        slow: Any = self._redis.slowlog_get(5)
        print(f"{what}: {took:.2f} s; CPU s {spent}; resident MB {memory}; redis bytes {self._used() - self._bytes:+}")
        top = sorted(commands.items(), key=lambda item: -item[1])[:9]
        print(f"   redis calls {sum(commands.values())} ({sum(commands.values()) / per:.1f} each): {dict(top)}")
        slowest = sorted(((entry["duration"] / 1000, entry["command"][:40]) for entry in slow), reverse=True)[:3]
        if slowest:
            print(f"   slower than 5 ms in redis: {slowest}")
