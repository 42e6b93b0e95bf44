"""`cim bench growth`: what a message costs as connections, conversations, kept messages, members and servers grow.

Each curve has a cluster of its own, and one thing that grows in it while the load stays the same: as many messages as
go, from the same number of senders, or so many a second. What a message costs depends above all on how many come
together, so that this must not change along a curve. A point is the median of short runs, each of them verified.
"""

import contextlib
import os
import statistics
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial

from cim.bench import accounts, groups, messages, proc
from cim.bench.crowd import Crowd
from cim.bench.filling import Filling
from cim.bench.measuring import Progress
from cim.bench.mesh import Mesh
from cim.bench.results import Curve, Machine, Point, Result
from cim.bench.target import Target, own
from cim.bench.usage import Meter

FLAT = 0.2
"""A curve that should be flat may go up and down by so much."""

MESH_USERS = 640
"""On 320 x 320 pairs there is room for 100,000 conversations."""

FILLING_USERS = 90
CORES_TO_PIN = 4


@dataclass(frozen=True, slots=True)
class GrowthSettings:
    """The sizes each curve goes through. `senders` saturate the cluster with one message in flight each, or send
    `rate` messages a second; conversations that are very many get `mesh_rate`, groups `group_rate`.
    """

    curves: tuple[str, ...] = ("connections", "conversations", "kept", "online", "offline", "servers")
    connections: tuple[int, ...] = (100, 1_000, 5_000, 10_000, 15_000)
    conversations: tuple[int, ...] = (10, 100, 1_000, 10_000, 100_000)
    kept: tuple[int, ...] = (0, 3_000_000)
    online: tuple[int, ...] = (10, 50, 100, 500, 1_000)
    offline: tuple[int, ...] = (0, 100, 1_000, 10_000)
    rate: float | None = None
    mesh_rate: float = 2_000
    group_rate: float = 200
    senders: int = 200
    saturating_senders: int = 500
    seconds: float = 2.0
    warm_up: float = 1.0
    repeat: int = 3


class _Growth:
    """The curves of one run, and the runs that went wrong: with one of those there is no result."""

    def __init__(self, settings: GrowthSettings, progress: Progress) -> None:
        self.settings = settings
        self.progress = progress
        self.wrong: list[Result] = []
        self.figures: dict[str, float | None] = {}
        self.missing: dict[str, str] = {}
        self.machine = Machine.here()

    def median(self, run: Callable[[], Result], read: Callable[[Result], float | None]) -> float | None:
        """Of what is read from some runs; None when it cannot be read, or a run was wrong."""
        found = []
        for _ in range(self.settings.repeat):
            result = run()
            self.machine = result.machine
            if result.wrong:
                self.wrong.append(result)
                return None
            value = read(result)
            if value is None:
                return None
            found.append(value)
        return statistics.median(found)

    def message_cost(self, target: Target) -> float | None:
        """CPU of a direct message, all processes together."""
        settings = self.settings
        load = messages.Settings(
            senders=settings.senders, rate=settings.rate, seconds=settings.seconds, warm_up=self.settings.warm_up
        )
        return self.median(lambda: messages.run(target, load, self.progress), _total_cpu)

    # -- the curves --------------------------------------------------------------------------------------

    def connections(self) -> Iterator[Curve]:
        """Cost of a message, and memory, with idle connections that ping."""
        costs, sizes = [], []
        with own() as target:
            crowd = Crowd()
            try:
                for count in self.settings.connections:
                    self.progress(f"connections: {count}")
                    crowd.log_in(accounts.make(target, count - len(crowd)), self.progress)
                    private = [proc.memory(server.pid).private for server in target.servers if server.pid is not None]
                    sizes.append(Point(x=count, y=sum(private) / 1e6))
                    with crowd.beating():
                        costs += _point(count, self.message_cost(target))
                    crowd.all_alive()
            finally:
                crowd.close()
        yield _cost_curve("connections", "idle connections", costs)
        yield Curve(
            name="memory", x="idle connections", y="MB, private, all servers", points=tuple(sizes),
            note="Straight is right: what each connection takes is `cim bench idle`.",
        )  # fmt: skip

    def conversations(self) -> Iterator[Curve]:
        """Cost of a message with conversations that servers hold, all of them written to in turn."""
        settings, points = self.settings, []
        with own() as target:
            mesh = Mesh(accounts.make(target, MESH_USERS), target.servers)
            meter = Meter(target)
            try:
                for count in settings.conversations:
                    self.progress(f"conversations: {count}")
                    mesh.grow(count, self.progress)
                    found = []
                    for _ in range(settings.repeat):
                        mesh.run(settings.mesh_rate, settings.warm_up)
                        meter.start()
                        before = mesh.sent
                        mesh.run(settings.mesh_rate, settings.seconds)
                        sent = mesh.sent - before
                        found.append(meter.stop().cpu_us_per(sent)["total"])
                        mesh.settle()
                    known = [value for value in found if value is not None]
                    points += _point(count, statistics.median(known) if known else None)
            finally:
                meter.close()
                mesh.close()
        yield _cost_curve("conversations", "conversations held and written to", points)

    def kept(self) -> Iterator[Curve]:
        """Cost of a message with messages of others kept in Redis."""
        points = []
        with own() as target:
            assert target.redis_url is not None
            with contextlib.closing(Filling(target.redis_url)) as filling:
                there = 0
                for count in self.settings.kept:
                    filling.fill(accounts.make(target, FILLING_USERS), count - there, 100, self.progress)
                    there = count
                    filling.wait_for_rewrite()
                    points += _point(count, self.message_cost(target))
        yield _cost_curve("kept", "messages of others kept in Redis", points)

    def online(self) -> Iterator[Curve]:
        """Cost of a group message with members who are connected; a straight line is right."""
        yield from self._group("online", "members online", [(count, count, 0) for count in self.settings.online], None)

    def offline(self) -> Iterator[Curve]:
        """Cost of a group message with members who are not; flat is right."""
        sizes = [(count, 50, count) for count in self.settings.offline]
        yield from self._group("offline", "members offline, beside 50 online", sizes, FLAT)

    def _group(self, name: str, x: str, sizes: list[tuple[int, int, int]], flat: float | None) -> Iterator[Curve]:
        points = []
        with own() as target:
            for at, connected, away in sizes:
                self.progress(f"a group of {connected} online, {away} offline")
                points += _point(at, self.median(partial(self._group_run, target, (connected, away)), _total_cpu))
        y = "CPU of a group message, µs"
        yield Curve(name=f"group, {name}", x=x, y=y, points=tuple(points), flat_within=flat)

    def _group_run(self, target: Target, sizes: tuple[int, int]) -> Result:
        return groups.run(target, sizes, self.settings.group_rate, self.settings.seconds, self.progress)

    def _kept_run(self, target: Target, load: messages.Settings, found: list[Result]) -> Result:
        found.append(messages.run(target, load, self.progress))
        return found[-1]

    def servers(self) -> Iterator[Curve]:
        """Throughput of one server and of two, each on a core of its own where there are cores enough."""
        pinned = (os.cpu_count() or 1) >= CORES_TO_PIN
        rates, cpu = [], []
        for count in (1, 2):
            with own(count) as target:
                if pinned:
                    _pin(target)
                load = messages.Settings(
                    self.settings.saturating_senders, 4, seconds=self.settings.seconds, warm_up=self.settings.warm_up
                )
                found: list[Result] = []
                run = partial(self._kept_run, target, load, found)
                rates += _point(count, self.median(run, lambda result: result.rate_per_s))
                spent = [one.cpu_us_per_message.servers for one in found if one.cpu_us_per_message is not None]
                known = [value for value in spent if value is not None]
                cpu += _point(count, statistics.median(known) if known else None)
        if len(rates) == len(cpu) == 2:
            self.figures["two_servers_capacity"] = 2 * cpu[0].y / cpu[1].y
            self.figures["two_servers_throughput"] = rates[1].y / rates[0].y if pinned else None
        if not pinned:
            self.missing["two_servers_throughput"] = (
                f"Redis, generator and two servers need {CORES_TO_PIN} cores. two_servers_capacity is what two could "
                "do against one, by the processor time of servers for a message."
            )
        yield Curve(name="servers", x="server processes", y="messages/s, saturated", points=tuple(rates))
        yield Curve(
            name="servers, CPU", x="server processes", y="CPU of the servers for a message, µs", points=tuple(cpu)
        )


def run(settings: GrowthSettings, progress: Progress) -> Result:
    """The curves asked for, each with clusters of its own.

    Raises:
        GeneratorError, AccountsError, TargetError: a cluster or a load could not be made.
    """
    growth = _Growth(settings, progress)
    makers = {
        "connections": growth.connections, "conversations": growth.conversations, "kept": growth.kept,
        "online": growth.online, "offline": growth.offline, "servers": growth.servers,
    }  # fmt: skip
    curves = [curve for name in settings.curves for curve in makers[name]()]
    result = Result(benchmark="growth", settings=asdict(settings), machine=growth.machine)
    if growth.wrong:
        return replace(result, runs=tuple(growth.wrong))
    return replace(result, curve=tuple(curves), figures=growth.figures, missing=growth.missing)


def _total_cpu(result: Result) -> float | None:
    return None if result.cpu_us_per_message is None else result.cpu_us_per_message.total


def _point(x: float, y: float | None) -> list[Point]:
    return [] if y is None else [Point(x=x, y=y)]


def _cost_curve(name: str, x: str, points: list[Point]) -> Curve:
    return Curve(name=name, x=x, y="CPU of a message, µs", points=tuple(points), flat_within=FLAT)


def _pin(target: Target) -> None:
    """Each server to a core of its own; everything else to the others."""
    rest = set(range(len(target.servers), os.cpu_count() or 1))
    for index, server in enumerate(target.servers):
        _pin_process(server.pid, {index})
    for pid in (target.route_pid, target.redis_pid, os.getpid()):
        _pin_process(pid, rest)


def _pin_process(pid: int | None, cores: set[int]) -> None:
    if pid is not None:
        for task in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(task), cores)
