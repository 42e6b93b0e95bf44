"""Hunts for broken promises: a real cluster under random faults, clients that talk all the while, and the checker.

    python -m tests.faults.hunt --seconds 300 --seed 7 [--keep FOLDER]

Servers, route and Redis are killed or frozen, and so is a client program, at seeded random moments. When the last
fault has ended and all sends are settled, every device has 10 s to catch up; then the whole history is judged.
"""

import argparse
import contextlib
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import redis
import trio

from cim_client import connect
from cim_common import ids
from tests.faults.checker import check
from tests.faults.clients import PASSWORD, Participant, participant
from tests.faults.history import Recorder, read
from tests.faults.judgement import Finding
from tests.real_servers import SLOWNESS, eventually_async
from tests.system.cluster import Cluster

DEVICES = [("alice", "alice-1"), ("alice", "alice-2"), ("bob", "bob-1"), ("carol", "carol-1")]
PROGRAM = "dave"
"""A user whose client is a program of its own and gets killed too."""

FOUNDER, GUEST = "alice", "carol"
"""Who owns the group, and who comes and goes there; the others are members all the time."""

USERS = sorted({name for name, _ in DEVICES} | {PROGRAM})
CHILDREN = ("s1", "s2", "route", "redis")
FAULTS = [
    *((kind, child) for kind in ("kill", "freeze") for child in CHILDREN),
    *(("kill unanswered", server) for server in ("s1", "s2")),
    ("kill", PROGRAM),
    ("cut", "clients"),
    ("cut", "clients"),
    ("delete", "doorbells"),
]
"""An unanswered kill hits a server whose appends are under way, a cut the connections of clients that wait for answers:
what they sent is stored, and nobody hears of it."""

STALLS = [("stall", child) for child in CHILDREN]
FROZEN_S = (0.2, 1.5)
STALLED_S = (11.0, 14.0)
"""Longer than a send may wait inside a server (I8) and than a registration lives; only in longer hunts."""

LONG_S = 60.0


class World(NamedTuple):
    """Who there is: name -> user id, and the id of the group."""

    directory: dict[str, int]
    group: str

    def others(self, name: str) -> dict[str, int]:
        return {other: user for other, user in self.directory.items() if other != name}


class Program:
    """A client as a process, with a data folder."""

    def __init__(self, cluster: Cluster, folder: Path, world: World, seed: int) -> None:
        self._command = [
            sys.executable, "-m", "tests.faults.clients", "--route", cluster.route, "--history", str(folder),
            "--name", PROGRAM, "--label", f"{PROGRAM}-1", "--directory", json.dumps(world.others(PROGRAM)),
            "--group", world.group, "--data", str(folder / "data"), "--seed", str(seed),
        ]  # fmt: skip
        self._process = subprocess.Popen(self._command)

    def kill(self) -> None:
        """SIGKILL, and start it again."""
        self._process.kill()
        self._process.wait()
        self._process = subprocess.Popen(self._command)

    async def finish(self) -> None:
        """Have it settle what it sent, catch up and end."""
        self._process.terminate()
        await eventually_async(lambda: self._process.poll() is not None, 60)
        assert self._process.returncode == 0, "the client program failed; it said why"

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class Faults:
    """What happens to a cluster and a client: every kind of fault in turn, shuffled anew each time."""

    def __init__(self, cluster: Cluster, program: Program, rng: random.Random, seconds: float) -> None:
        self._seconds = seconds
        self._cluster = cluster
        self._program = program
        self._rng = rng
        self._deck: list[tuple[str, str]] = []
        self.done: Counter[str] = Counter()

    async def run(self) -> None:
        """One fault after the other, sometimes two at once; returns when the last has ended."""
        end = trio.current_time() + self._seconds
        while trio.current_time() < end:
            async with trio.open_nursery() as nursery:
                for _ in range(self._rng.choice((1, 1, 2))):
                    nursery.start_soon(self._strike, *self._draw())
            await trio.sleep(self._rng.uniform(0.3, 1.5))
        await eventually_async(lambda: all(map(self._is_up, CHILDREN)), 30)

    def _draw(self) -> tuple[str, str]:
        if not self._deck:
            self._deck = FAULTS + STALLS if self._seconds >= LONG_S else list(FAULTS)
            self._rng.shuffle(self._deck)
        return self._deck.pop()

    async def _strike(self, kind: str, victim: str) -> None:
        self.done[f"{kind} {victim}"] += 1
        if victim == PROGRAM:
            await trio.to_thread.run_sync(self._program.kill)
            return
        if kind == "delete":
            await trio.to_thread.run_sync(self._delete_doorbells)
            return
        if kind == "cut":
            async with self._frozen("redis"):
                await trio.sleep(self._rng.uniform(*FROZEN_S))
                cut({int(server["tcp"].rpartition(":")[2]) for server in self._cluster.ready["servers"]})
            return
        await eventually_async(lambda: self._is_up(victim), 30)
        if kind == "kill":
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._cluster.pid_of(victim), signal.SIGKILL)
        elif kind == "kill unanswered":
            async with self._frozen("redis"):
                await trio.sleep(self._rng.uniform(*FROZEN_S))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._cluster.pid_of(victim), signal.SIGKILL)
        else:
            async with self._frozen(victim):
                await trio.sleep(self._rng.uniform(*(STALLED_S if kind == "stall" else FROZEN_S)))

    @contextlib.asynccontextmanager
    async def _frozen(self, child: str) -> AsyncIterator[None]:
        """The child does nothing meanwhile; another fault may kill it."""
        pid = self._cluster.pid_of(child)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _delete_doorbells(self) -> None:
        """What servers have told each other and not yet read is lost."""
        store = self._cluster.redis()
        with contextlib.suppress(redis.RedisError):
            for key in store.keys("push:*"):
                store.delete(key)
        store.close()

    def _is_up(self, child: str) -> bool:
        return _lives(self._cluster.pid_of(child))


def cut(ports: set[int]) -> None:
    """End this process's connections to these ports as a network would: what is on its way may arrive."""
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if not os.readlink(path).startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(path.name))) as connection:
                if connection.family == socket.AF_INET and connection.getpeername()[1] in ports:
                    connection.shutdown(socket.SHUT_RDWR)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


async def found_world(cluster: Cluster, folder: Path) -> World:
    """An account for everybody and a group; and it is written down who takes part in what.

    Every entry of the lobby and of the direct conversations is a message that somebody records.
    """
    directory: dict[str, int] = {}
    for name in USERS:
        async with connect(cluster.route, name=name, password=PASSWORD, register=True) as client:
            directory[name] = client.user_id
    with (folder / "members.jsonl").open("w") as stream:
        recorder = Recorder(stream, FOUNDER, "founder")
        recorder.record("members", conversation=ids.LOBBY, complete=True)
        for name, other in itertools.combinations(USERS, 2):
            conversation = ids.direct(directory[name], directory[other])
            recorder.record("members", conversation=conversation, members=(name, other), complete=True)
        async with connect(cluster.route, name=FOUNDER, password=PASSWORD) as founder:
            group = await founder.create_group("ops", members=[name for name in USERS if name not in (FOUNDER, GUEST)])
        for n, name in enumerate(USERS):
            if name != GUEST:
                recorder.record("join", conversation=group.id, n=n, member=name)
    return World(directory, group.id)


async def come_and_go(founder: Participant, guest: Participant, rng: random.Random, stop: trio.Event) -> None:
    """The guest is invited, and kicked or leaves, one after the other; at the end the guest is in, and owed a text.

    Somebody who was kicked before a text was fetched, or came after it was sent, need not be shown it: `catch_up`
    could wait for it in vain.
    """
    inside = False
    while not stop.is_set():
        if inside:
            await (guest.leave() if rng.random() < 0.5 else founder.kick(GUEST))
        else:
            await founder.invite(GUEST)
        inside = not inside
        with trio.move_on_after(rng.uniform(0.1, 1.5)):
            await stop.wait()
    if not inside:
        await founder.invite(GUEST)
    await founder.welcome()


async def hunt(cluster: Cluster, folder: Path, seconds: float, seed: int) -> Counter[str]:
    """Let everybody talk through `seconds` of faults; returns the faults. The history is in the folder."""
    world = await found_world(cluster, folder)
    program = Program(cluster, folder, world, seed)
    try:
        async with AsyncExitStack() as stack:
            talking: dict[str, Participant] = {}
            for name, label in DEVICES:
                people = participant(cluster.route, folder, name, label, world.others(name), world.group, seed)
                talking[label] = await stack.enter_async_context(people)
            faults = Faults(cluster, program, random.Random(seed), seconds)
            stop = trio.Event()
            async with trio.open_nursery() as nursery:
                for device in talking.values():
                    nursery.start_soon(device.talk, stop)
                founder, guest = talking[f"{FOUNDER}-1"], talking[f"{GUEST}-1"]
                nursery.start_soon(come_and_go, founder, guest, random.Random(seed + 1), stop)
                await faults.run()
                stop.set()
            await program.finish()
            async with trio.open_nursery() as nursery:
                for device in talking.values():
                    nursery.start_soon(device.catch_up)
    finally:
        program.stop()
    return faults.done


def judge_folder(folder: Path) -> tuple[Counter[str], list[Finding]]:
    """How many events of each kind there are, and what is wrong."""
    histories = read(folder)
    return Counter(event.kind for history in histories for event in history), check(histories)


async def main(seconds: float, seed: int, folder: Path) -> int:
    cluster = Cluster(folder)
    try:
        faults = await hunt(cluster, folder, seconds, seed)
    finally:
        cluster.stop()
    begun = time.monotonic()
    events, findings = judge_folder(folder)
    print(f"faults: {dict(faults)}")
    print(f"events: {dict(events)}, judged in {time.monotonic() - begun:.1f} s")
    for finding in findings[:20]:
        print(finding)
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="an empty folder for histories, logs and data")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(trio.run(main, options.seconds * SLOWNESS, options.seed, options.keep or Path(temporary)))
