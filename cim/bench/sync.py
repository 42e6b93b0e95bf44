"""`cim bench sync`: a device that was away gets what it missed.

Twice: as a program gets it from the SDK (login at route included, until the last message is shown and with every
position stored on the way), and as bare pages on a plain socket. Both are verified: each seq once, in order.
"""

import itertools
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import trio

from cim.bench import accounts, measuring, proc, sender
from cim.bench.accounts import Account
from cim.bench.measuring import Progress
from cim.bench.results import Cpu, Result
from cim.bench.target import Target
from cim.bench.usage import Meter, Usage
from cim_client import connect
from cim_common import ids
from cim_common.wire import messages as m

SHOWN_S = 120.0
RAW_DEVICE = "raw"


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """So many texts of `payload` bytes, in one direct conversation."""

    messages: int = 10_000
    payload: int = 100


class Pass(NamedTuple):
    """One way of getting them: the seqs as they came, seconds until connected and until the last, and what it cost."""

    seqs: list[int]
    connected_s: float
    last_s: float
    usage: Usage
    grown: int | None
    peak_growth: int | None


def run(target: Target, settings: SyncSettings, progress: Progress = lambda text: None) -> Result:
    """Write while nobody listens, then get it.

    Raises:
        AccountsError, ConversationFailed, OSError: the cluster does not answer as it should.
    """
    (writer,) = accounts.make(target, 1)
    with tempfile.TemporaryDirectory(prefix="cim-bench-") as folder:
        (away,) = accounts.make(target, 1)
        trio.run(_be_there_once, target.route, away, folder)
        conversation = ids.direct(away.user, writer.user)
        progress(f"writing {settings.messages} messages")
        sender.write(writer, conversation, settings.messages, settings.payload)
        progress("getting them through the SDK")
        shown = _measured(target, lambda: trio.run(_get_shown, target.route, away, folder, settings.messages))
    (raw,) = accounts.renew(target, [away._replace(device=RAW_DEVICE)])
    progress("getting them as bare pages")
    paged = _measured(target, lambda: _get_pages(raw, conversation))
    result = _result(settings, len(target.servers), shown, paged)
    machine, told = measuring.told_by(target)
    return replace(result, settings={**result.settings, **told}, machine=machine)


async def _be_there_once(route: str, account: Account, folder: str) -> None:
    """A device is known from its first login on: what comes afterwards it has missed."""
    async with connect(route, name=account.name, token=account.token, data_dir=folder):
        pass


async def _get_shown(route: str, account: Account, folder: str, count: int) -> tuple[list[int], float, float]:
    began = time.monotonic()
    seqs: list[int] = []
    async with connect(route, name=account.name, token=account.token, data_dir=folder) as client:
        connected_s = time.monotonic() - began
        with trio.move_on_after(SHOWN_S):
            async for message in client.messages():
                seqs.append(message.seq)
                if len(seqs) == count:
                    break
        return seqs, connected_s, time.monotonic() - began


def _get_pages(account: Account, conversation: str) -> tuple[list[int], float, float]:
    began = time.monotonic()
    seqs: list[int] = []
    with sender.login(account) as session:
        connected_s = time.monotonic() - began
        page = m.Page(conversation, 0, 0, 0, False, ())
        while not page.live:
            session.ask(m.Sync(conversation, page.end, page.incarnation))
            page = session.until(m.Page)
            seqs += [entry.seq for entry in page.entries]
    return seqs, connected_s, time.monotonic() - began


def _measured(target: Target, get: Callable[[], tuple[list[int], float, float]]) -> Pass:
    pids = [server.pid for server in target.servers if server.pid is not None]
    meter = Meter(target, lambda: [os.getpid()])
    try:
        before = _resident(pids)
        meter.start()
        seqs, connected_s, last_s = get()
        usage = meter.stop()
    finally:
        meter.close()
    if before is None:
        return Pass(seqs, connected_s, last_s, usage, None, None)
    peak, now = sum(map(proc.peak_resident, pids)), sum(proc.memory(pid).resident for pid in pids)
    return Pass(seqs, connected_s, last_s, usage, now - before, peak - before)


def _resident(pids: Sequence[int]) -> int | None:
    """Memory of the servers now, their peaks forgotten; None where that is not permitted."""
    try:
        for pid in pids:
            proc.forget_peak(pid)
        return sum(proc.memory(pid).resident for pid in pids) if pids else None
    except OSError:
        return None


def _result(settings: SyncSettings, servers: int, shown: Pass, paged: Pass) -> Result:
    expected = settings.messages
    per = shown.usage.cpu_us_per(expected)
    raw = paged.usage.cpu_us_per(expected)
    faults = [_faults(one.seqs, expected) for one in (shown, paged)]
    missing = dict(shown.usage.missing)
    if shown.peak_growth is None:
        missing["servers_peak_growth_bytes"] = "The servers' memory cannot be read from here."
    result = Result(
        benchmark="sync",
        settings={**asdict(settings), "servers": servers},
        seconds=shown.last_s,
        sent=expected,
        acked=expected,
        delivered=len(shown.seqs),
        lost=sum(fault.lost for fault in faults),
        duplicates=sum(fault.duplicates for fault in faults),
        out_of_order=sum(fault.out_of_order for fault in faults),
        failed=0,
    )
    if result.wrong:
        return result
    return replace(
        result,
        rate_per_s=expected / shown.last_s,
        cpu_us_per_message=Cpu(**per),
        figures={
            "connected_s": shown.connected_s,
            "sync_s": shown.last_s,
            "raw_s": paged.last_s - paged.connected_s,
            "raw_servers_cpu_us_per_message": raw["servers"],
            "raw_redis_cpu_us_per_message": raw["redis"],
            "servers_growth_bytes": shown.grown,
            "servers_peak_growth_bytes": shown.peak_growth,
            "raw_servers_peak_growth_bytes": paged.peak_growth,
        },
        event_loop_lag_ms=shown.usage.event_loop_lag_ms,
        garbage_collections=shown.usage.garbage_collections,
        missing=missing,
    )


class Faults(NamedTuple):
    lost: int
    duplicates: int
    out_of_order: int


def _faults(seqs: Sequence[int], expected: int) -> Faults:
    """What is wrong with seqs that should be 1, 2, 3, ... `expected`."""
    different = set(seqs)
    lost = expected - len(different & set(range(1, expected + 1)))
    disorder = sum(after < before for before, after in itertools.pairwise(seqs))
    return Faults(lost, len(seqs) - len(different), disorder)
