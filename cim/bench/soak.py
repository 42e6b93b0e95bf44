"""`cim bench soak`: half of what the cluster can do, for half an hour, while connections come and go.

What should stay as it is, is sampled: memory and descriptors of each process, Redis's memory for each message kept.
Everything is verified as in `cim bench messages`, and of the connections that come and go none may be lost.
"""

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import NamedTuple

from cim.bench import accounts, measuring, messages, usage
from cim.bench.accounts import Account
from cim.bench.beside import beside
from cim.bench.crowd import Crowd
from cim.bench.generator.fleet import fleet
from cim.bench.measuring import Progress
from cim.bench.results import Curve, Point, Result
from cim.bench.store_usage import StoreMeter
from cim.bench.target import Target, TargetError
from cim.bench.usage import Process

CEILING_S = 5.0
SAMPLES = 180
TURN_S = 1.0
"""How often some connections go and come."""


@dataclass(frozen=True, slots=True)
class SoakSettings:
    """`connections` idle ones, of which `churn` leave and come back each second, beside `senders` who write to each
    other at `rate` messages a second; without a rate half of what they reach when nothing holds them back.
    """

    seconds: float = 1_800.0
    connections: int = 5_000
    churn: int = 50
    senders: int = 200
    rate: float | None = None
    warm_up: float = 2.0


class Sample(NamedTuple):
    """Seconds since the beginning, each process, and the bytes Redis uses."""

    at: float
    processes: dict[str, Process]
    redis_bytes: int
    appended: int


def run(target: Target, settings: SoakSettings, progress: Progress) -> Result:
    """Soak.

    Raises:
        TargetError: the processes are not on this machine.
        GeneratorError, AccountsError: the load could not be made, or an idle connection was lost.
    """
    if target.redis_url is None or target.redis_pid is None:
        raise TargetError("A soak watches processes: it needs a cluster on this machine.")
    rate = settings.rate
    if rate is None:
        ceiling = messages.run(target, messages.Settings(senders=settings.senders, seconds=CEILING_S), progress)
        if ceiling.wrong or ceiling.rate_per_s is None:
            return ceiling
        rate = ceiling.rate_per_s / 2
    load = messages.Settings(senders=settings.senders, rate=rate, seconds=settings.seconds, warm_up=settings.warm_up)
    crowd = Crowd()
    try:
        coming = _Coming(target, crowd, settings)
        crowd.log_in(coming.everybody(progress), progress)
        sampler = _Sampler(target, settings.seconds / SAMPLES)
        with crowd.beating(coming.turn), sampler.sampling():
            result = _messages(target, load, progress)
        crowd.all_alive()
    finally:
        crowd.close()
    if result.wrong:
        return result
    return _with_samples(result, settings, sampler.samples, coming.returned)


def _messages(target: Target, load: messages.Settings, progress: Progress) -> Result:
    made = accounts.make(target, load.senders, progress=progress)
    members = messages.pairs(target, made)
    with fleet(members, load.payload, load.generators) as crew:
        crew.wait_until_live(len(members), progress)
        crew.start_open(load.rate or 1.0)
        measured = measuring.measure(crew, target, load.seconds, load.warm_up, progress)
        report = crew.finish(target.servers, measuring.renewal(target, made))
    return measuring.record("soak", target, asdict(load), measured, report)


class _Coming:
    """Has some of the crowd leave and come back, each with a new token as after a login at route."""

    def __init__(self, target: Target, crowd: Crowd, settings: SoakSettings) -> None:
        self._target = target
        self._crowd = crowd
        self._settings = settings
        self._due = time.monotonic()
        self.returned = 0

    def everybody(self, progress: Progress) -> list[Account]:
        return accounts.make(self._target, self._settings.connections, progress=progress)

    def turn(self) -> None:
        """Called many times a second; acts when it is time."""
        now = time.monotonic()
        if now < self._due or not self._settings.churn:
            return
        self._due = now + TURN_S
        gone = self._crowd.leave(self._settings.churn)
        self._crowd.log_in(accounts.renew(self._target, [one for one in gone if isinstance(one, Account)]))
        self.returned += len(gone)


@dataclass(slots=True)
class _Sampler:
    """Reads sizes now and then, in a thread."""

    target: Target
    every_s: float
    samples: list[Sample] = field(default_factory=list)

    @contextmanager
    def sampling(self) -> Iterator[None]:
        def sample(ending: threading.Event) -> None:
            began = time.monotonic()
            with closing(StoreMeter(self.target.redis_url or "", None)) as store:
                while not ending.wait(self.every_s):
                    self.samples.append(self._take(store, time.monotonic() - began))

        with beside("sampler", sample):
            yield

    def _take(self, store: StoreMeter, at: float) -> Sample:
        target = self.target
        pids = {server.id: server.pid for server in target.servers} | {
            "route": target.route_pid,
            "redis": target.redis_pid,
        }
        processes = {name: usage.read_process(pid) for name, pid in pids.items() if pid is not None}
        appended = sum(usage.read_metrics(server.http or "")["cim_appended_total"] for server in target.servers)
        return Sample(at, processes, store.read().memory, int(appended))


def _with_samples(result: Result, settings: SoakSettings, samples: Sequence[Sample], returned: int) -> Result:
    """The result with what became of the sizes: curves over time, and their slopes over the second half."""
    later = samples[len(samples) // 2 :]
    figures: dict[str, float | None] = {**result.figures, "reconnections": returned}
    curves = []
    for what, unit, read in (
        ("resident memory", "MB", _resident_mb),
        ("open descriptors", "descriptors", _descriptors),
    ):
        names = list(samples[0].processes) if samples else []
        points = [
            Point(x=round(one.at, 1), y=value, series=name)
            for name in names
            for one in samples
            if (value := read(one.processes[name])) is not None
        ]
        curves.append(Curve(name=what, x="seconds", y=unit, points=tuple(points)))
        for name in names:
            series = [(one.at, value) for one in later if (value := read(one.processes[name])) is not None]
            scale, ending = (1e6, "resident_bytes_per_hour") if unit == "MB" else (1.0, "descriptors_per_hour")
            slope = slope_of(series)
            figures[f"{name}_{ending}"] = None if slope is None else slope * scale * 3_600
    figures["redis_bytes_per_message"] = slope_of([(one.appended, one.redis_bytes) for one in later])
    points = [Point(x=round(one.at, 1), y=one.redis_bytes / 1e6) for one in samples]
    note = "Messages are kept: it grows by what each takes, and by nothing else."
    curves.append(Curve(name="Redis, memory", x="seconds", y="MB", points=tuple(points), note=note))
    return replace(result, settings={**asdict(settings), **result.settings}, figures=figures, curve=tuple(curves))


def _resident_mb(process: Process) -> float | None:
    return None if process.memory is None else process.memory.resident / 1e6


def _descriptors(process: Process) -> float | None:
    return process.descriptors


def slope_of(series: Sequence[tuple[float, float]]) -> float | None:
    """How much y grows for each x, by least squares; None with fewer than two different x."""
    if len({x for x, _ in series}) < 2:
        return None
    return statistics.linear_regression(*zip(*series, strict=True)).slope
