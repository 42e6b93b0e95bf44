"""The stretch of a run that counts, and the record made of it: what scenarios with a generator have in common."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http.client import HTTPException
from typing import Any

from cim.bench import accounts, syscalls
from cim.bench.accounts import Account
from cim.bench.generator.fleet import Fleet, Mark, Renewal, Report
from cim.bench.results import Cpu, Latency, Machine, Percentiles, RedisCost, Result
from cim.bench.syscalls import Traced
from cim.bench.target import Target
from cim.bench.usage import Meter, Usage, read_metrics

Progress = Callable[[str], None]

TRACED_S = 2.0
"""How long system calls are counted: the cluster is slower meanwhile, so that it comes after what is measured."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Counts at the two ends of the stretch, and what it cost."""

    first: Mark
    last: Mark
    usage: Usage
    traced: Traced | None = None

    @property
    def seconds(self) -> float:
        return (self.last.at_us - self.first.at_us) / 1e6

    @property
    def messages(self) -> int:
        """Messages acknowledged."""
        return self.last.acked - self.first.acked

    @property
    def deliveries(self) -> int:
        return self.last.delivered - self.first.delivered


def measure(
    crew: Fleet, target: Target, seconds: float, warm_up: float, progress: Progress, trace: bool = False
) -> Measured:
    """Let the load that runs already go on for so long; it is not stopped here."""
    meter = Meter(target, lambda: crew.pids)
    try:
        _watch(crew, warm_up, "warming up", progress)
        meter.start()
        first = crew.mark(keep=True)
        _watch(crew, seconds, "measuring", progress)
        last = crew.mark(keep=False)
        usage = meter.stop()
    finally:
        meter.close()
    traced = None
    if trace:
        progress("counting system calls")
        traced = syscalls.trace(target, TRACED_S)
    return Measured(first, last, usage, traced)


def _watch(crew: Fleet, seconds: float, what: str, progress: Progress) -> None:
    """Wait, and tell each second how fast it goes."""
    began, before = time.monotonic(), crew.mark()
    while (left := began + seconds - time.monotonic()) > 0:
        time.sleep(min(left, 1.0))
        if left > 1.0:
            now = crew.mark()
            rate = (now.delivered - before.delivered) / max(now.at_us - before.at_us, 1) * 1e6
            failed = f", {now.failed} failed" if now.failed else ""
            progress(f"{what}: {left - 1:.0f} s left, {rate:,.0f} deliveries/s{failed}")
            before = now


def renewal(target: Target, made: Sequence[Account]) -> Renewal:
    """Fresh connect tokens for members by slot, where `made` are the accounts in the order of the slots."""

    def renew(slots: Sequence[int]) -> dict[int, str]:
        fresh = accounts.renew(target, [made[slot] for slot in slots])
        return {slot: account.connect_token for slot, account in zip(slots, fresh, strict=True)}

    return renew


def record(benchmark: str, target: Target, settings: Mapping[str, Any], measured: Measured, report: Report) -> Result:
    """The record of a run: counts of the whole run, figures of the measured stretch, or no figures if it was wrong.

    `failed` counts messages that were not acknowledged, and whatever else must not happen to a load: connections lost,
    entries that are nobody's, logs that could not be read.
    """
    verdict = report.verdict
    failed = verdict.failed + verdict.stray + verdict.unsettled
    machine, told = told_by(target)
    result = Result(
        benchmark=benchmark, machine=machine, settings={**settings, "servers": len(target.servers) or None, **told},
        seconds=measured.seconds, sent=verdict.sent, acked=verdict.acked,
        delivered=verdict.delivered, lost=verdict.lost, duplicates=verdict.duplicates,
        out_of_order=verdict.out_of_order, failed=failed or sum(verdict.reasons.values()),
    )  # fmt: skip
    if not verdict.kept:
        return replace(result, missing={"result": "; ".join(verdict.sentences())})
    return replace(result, **_figures(measured, report))


def _figures(measured: Measured, report: Report) -> dict[str, Any]:
    usage, traced = measured.usage, measured.traced
    store = usage.store_per(measured.messages)
    missing = dict(usage.missing)
    if store is not None and traced is not None:
        store["fsyncs_per_message"] = traced.syncs_per_message
        if traced.missing:
            missing["system calls"] = traced.missing
    return {
        "rate_per_s": measured.messages / measured.seconds,
        "deliveries_per_s": measured.deliveries / measured.seconds,
        "cpu_us_per_message": Cpu(**usage.cpu_us_per(measured.messages)),
        "cpu_us_per_delivery": usage.cpu_us_per(measured.deliveries)["total"],
        "latency_ms": Latency(ack=_percentiles(report.ack), delivery=_percentiles(report.delivery)),
        "redis": None if store is None else RedisCost(**store),
        "messages_per_batch": usage.messages_per_batch,
        "system_calls_per_message": None if traced is None else traced.calls_per_message,
        "event_loop_lag_ms": usage.event_loop_lag_ms,
        "garbage_collections": usage.garbage_collections,
        "figures": _generator(measured, report),
        "missing": missing,
    }


def _percentiles(latencies: Any) -> Percentiles | None:
    found = latencies.percentiles_ms()
    return None if found is None else Percentiles(**found)


def _generator(measured: Measured, report: Report) -> dict[str, float | None]:
    """What the generator itself spent, and, in an open loop, how late it was and what it could not send."""
    spent_s = measured.last.cpu_s - measured.first.cpu_s
    found: dict[str, float | None] = {
        "generator_us_per_delivery": spent_s * 1e6 / measured.deliveries if measured.deliveries else None,
        "generator_percent_of_core": spent_s / measured.seconds * 100,
    }
    lateness = report.lateness.percentiles_ms()
    if lateness is not None:
        found |= {"generator_late_p50_ms": lateness["p50"], "generator_late_p99_ms": lateness["p99"]}
        found["due_and_not_sent_messages"] = report.unsent
    return found


def told_by(target: Target) -> tuple[Machine, dict[str, Any]]:
    """The machine with the cluster's Redis, and what the cluster says of how it was started; None where it cannot be
    asked."""
    engine, durability = _store_of(target)
    return Machine.here(engine), {"durability": durability, "gather_ms": _gather_ms(target)}


def _store_of(target: Target) -> tuple[str | None, str | None]:
    """Name and version of the cluster's Redis and how it syncs its file ("always"), where it can be asked."""
    import redis

    from cim.bench.origin import engine_of

    if target.redis_url is None:
        return None, None
    client = redis.Redis.from_url(target.redis_url, retry=None)
    try:
        info: Any = client.info("server")
        durability: Any = client.config_get("appendfsync")
        return engine_of(info), str(durability["appendfsync"])
    except redis.RedisError:
        return None, None
    finally:
        client.close()


def _gather_ms(target: Target) -> float | None:
    """How long the servers let what comes in gather; None as well when they do not agree."""
    try:
        found = {read_metrics(server.http or "")["cim_gather_seconds"] for server in target.servers}
    except (OSError, HTTPException, ValueError, KeyError):
        return None
    return round(found.pop() * 1_000, 3) if len(found) == 1 else None


def repeated(times: int, run: Callable[[], Result], progress: Progress) -> Result:
    """Run it so many times; the median by processor time, rate or memory, and all of them in `runs`; of two the dearer.

    A run that was wrong is returned at once: the others would not make it right.
    """
    found: list[Result] = []
    for number in range(times):
        progress(f"run {number + 1} of {times}")
        found.append(run())
        if found[-1].wrong:
            break
    if times == 1 or found[-1].wrong:
        return found[-1]
    ranked = sorted(found, key=_cost)
    middle = ranked[len(ranked) // 2]
    return replace(middle, settings={**middle.settings, "repeat": times}, runs=tuple(found))


def _cost(result: Result) -> float:
    cpu = result.cpu_us_per_message
    if cpu is not None and cpu.total is not None:
        return cpu.total
    if result.rate_per_s is not None:
        return -result.rate_per_s
    return result.bytes_per_connection or 0.0
