"""`cim bench idle`: what a connection costs that is only there: memory of the server and of the kernel, heartbeats.

Memory is a difference between two sizes of the crowd, so that what a server needs for itself is not in it. All are
connected to one server. The kernel's part is that of both ends, for both are on this machine.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from cim.bench import accounts, measuring, proc
from cim.bench.crowd import Crowd
from cim.bench.measuring import Progress
from cim.bench.results import Result
from cim.bench.target import Server, Target, TargetError
from cim.bench.usage import Meter, Usage, read_metrics
from cim_common.wire.limits import PING_INTERVAL_S

FIRST_PART = 10
"""The first reading is taken with a tenth of the connections."""

CATCH_UP_S = 2.0
"""For the pings that fell due while nobody pinged."""

BESIDE_CONNECTIONS = 200
"""Descriptors a process needs for other things."""


@dataclass(frozen=True, slots=True)
class IdleSettings:
    """`lobby`: each connection syncs the lobby, as the SDK and the terminal do; otherwise it is only logged in.

    Heartbeats are measured for `seconds`, and before that what the server does without any for `quiet_s`, which is
    shorter than the silence after which it closes clients. `settle_s` is for what a login leaves to be done after its
    answer, and a round of anti-entropy.
    """

    connections: int = 15_000
    seconds: float = 20.0
    lobby: bool = True
    quiet_s: float = 6.0
    settle_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes at one size of the crowd."""

    connections: int
    resident: int
    private: int
    kernel: int


def run(target: Target, settings: IdleSettings, progress: Progress = lambda text: None) -> Result:
    """Log in, read memory, let hearts beat, and see that everybody is still there.

    Raises:
        TargetError: the server is not on this machine, or descriptors do not suffice.
        CrowdError: a connection was not made, or not kept.
    """
    server = _server(target, settings.connections)
    progress(f"making {settings.connections} accounts")
    made = accounts.make(target, settings.connections)
    crowd = Crowd(settings.lobby)
    try:
        sizes = _grow(crowd, server, made, settings, progress)
        quiet, beating = _beat(crowd, target, settings, progress)
        progress("asking everybody whether they are there")
        alive = crowd.all_alive()
        held = read_metrics(server.http or "")["cim_connections"]
    finally:
        crowd.close()
    machine, told = measuring.told_by(target)
    return replace(
        _result(settings, server, sizes, (quiet, beating), (alive, int(held))),
        settings={**asdict(settings), "servers": len(target.servers), **told},
        machine=machine,
    )


def _server(target: Target, connections: int) -> Server:
    server = target.servers[0] if target.servers else None
    if server is None or server.pid is None:
        raise TargetError("Memory can be measured only of a server on this machine: use --cluster, or no target.")
    for pid in (server.pid, None):
        most = proc.allow_descriptors() if pid is None else proc.max_descriptors(pid)
        if connections + BESIDE_CONNECTIONS > most:
            whose = "This process" if pid is None else f"Server {server.id}"
            raise TargetError(f"{whose} may open {most} files, which is too few: raise the hard limit (ulimit -H -n).")
    return server


def placed(made: Sequence[accounts.Account], server: Server) -> list[accounts.Account]:
    """The same accounts, all of them on one server: a connect token is good at any."""
    return [account._replace(host=server.host, port=server.port) for account in made]


def _grow(
    crowd: Crowd, server: Server, made: Sequence[accounts.Account], settings: IdleSettings, progress: Progress
) -> list[Sizes]:
    everybody = placed(made, server)
    first = max(len(everybody) // FIRST_PART, 1)
    sizes = []
    for part in (everybody[:first], everybody[first:]):
        crowd.log_in(part, progress)
        progress("waiting until the server has settled")
        crowd.beat(settings.settle_s)
        sizes.append(_sizes(server, len(crowd)))
    return sizes


def _sizes(server: Server, connections: int) -> Sizes:
    assert server.pid is not None
    memory, kernel = proc.memory(server.pid), proc.kernel()
    return Sizes(connections, memory.resident, memory.private, kernel.slab + kernel.buffers)


def _beat(crowd: Crowd, target: Target, settings: IdleSettings, progress: Progress) -> tuple[Usage, Usage]:
    """Costs of a quiet stretch and of one with everybody's pings."""
    meter = Meter(target)
    found = []
    try:
        for pinging, seconds in ((False, settings.quiet_s), (True, settings.seconds)):
            what = "heartbeats" if pinging else "without heartbeats"
            progress(f"{what}: {seconds:g} s")
            if pinging:
                crowd.beat(CATCH_UP_S)
            meter.start()
            pings = crowd.pings
            began = time.monotonic()
            crowd.beat(seconds, pinging)
            found.append(meter.stop())
            progress(f"{what}: {(crowd.pings - pings) / (time.monotonic() - began):.0f} pings/s")
    finally:
        meter.close()
    return found[0], found[1]


def _result(
    settings: IdleSettings, server: Server, sizes: Sequence[Sizes], usages: tuple[Usage, Usage], alive: tuple[int, int]
) -> Result:
    few, many = sizes
    grown = many.connections - few.connections
    quiet, beating = (usage.cpu_s[server.id] / usage.seconds * 100 for usage in usages)
    return Result(
        benchmark="idle",
        seconds=usages[1].seconds,
        failed=settings.connections - min(alive),
        bytes_per_connection=(many.private - few.private) / grown,
        kernel_bytes_per_connection=(many.kernel - few.kernel) / grown,
        event_loop_lag_ms=usages[1].event_loop_lag_ms,
        garbage_collections=usages[1].garbage_collections,
        figures={
            "connections": alive[0],
            "pings_per_s": settings.connections / PING_INTERVAL_S,
            "heartbeats_percent_of_core": beating - quiet,
            "heartbeats_percent_of_core_per_10000": (beating - quiet) * 10_000 / settings.connections,
            "server_percent_of_core": beating,
            "server_without_heartbeats_percent_of_core": quiet,
            "resident_bytes_per_connection": (many.resident - few.resident) / grown,
            "resident_bytes": many.resident,
        },
        missing=usages[1].missing,
    )
