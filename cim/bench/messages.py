"""`cim bench messages`: pairs of users who write to each other."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cim.bench import standin as accounts
from cim.bench.generator.fleet import Fleet, Mark, Report, fleet
from cim.bench.generator.plan import Member
from cim.bench.target import Target
from cim.bench.usage import Meter, Usage
from cim_common import ids

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """What is sent: closed loop with `in_flight` messages of each sender unanswered, or open loop at `rate` a second."""

    senders: int = 500
    in_flight: int = 1
    rate: float | None = None
    seconds: float = 10.0
    warm_up: float = 2.0
    payload: int = 100
    generators: int = 1


def members(target: Target, settings: Settings) -> list[Member]:
    """Pairs one after the other; every second pair has its users on different servers."""
    made = accounts.make(target, settings.senders)
    found = []
    for index, account in enumerate(made):
        pair, second = divmod(index, 2)
        peer = index ^ 1
        host, port = account.host, account.port
        if target.servers:
            across = second if pair % 2 else 0
            server = target.servers[(pair // 2 + across) % len(target.servers)]
            host, port = server.host, server.port
        conversation = ids.direct(account.user, made[peer].user)
        found.append(
            Member(
                index, account.user, account.device, account.connect_token, host, port, conversation, True, (peer,)
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class Measured:
    """The stretch that counts: counts at its two ends and what it cost."""

    first: Mark
    last: Mark
    usage: Usage

    @property
    def seconds(self) -> float:
        return (self.last.at_us - self.first.at_us) / 1e6

    @property
    def deliveries(self) -> int:
        return self.last.delivered - self.first.delivered

    @property
    def messages(self) -> int:
        return self.last.acked - self.first.acked


def measure(crew: Fleet, target: Target, seconds: float, warm_up: float, progress: Progress) -> Measured:
    """Let it run warm, then measure so long. The load runs already and goes on."""
    meter = Meter(target, lambda: crew.pids)
    try:
        _watch(crew, warm_up, "warming up", progress)
        meter.start()
        first = crew.mark(keep=True)
        _watch(crew, seconds, "measuring", progress)
        last = crew.mark(keep=False)
        return Measured(first, last, meter.stop())
    finally:
        meter.close()


def _watch(crew: Fleet, seconds: float, what: str, progress: Progress) -> None:
    """Wait, and tell each second how fast it goes."""
    began, before = time.monotonic(), crew.mark()
    while (left := began + seconds - time.monotonic()) > 0:
        time.sleep(min(left, 1.0))
        if left > 1.0:
            now = crew.mark()
            rate = (now.delivered - before.delivered) / max(now.at_us - before.at_us, 1) * 1e6
            progress(f"{what}: {left - 1:3.0f} s left, {rate:8,.0f} deliveries/s, {now.failed} failed")
            before = now


def run(target: Target, settings: Settings, progress: Progress) -> dict[str, Any]:
    progress(f"making {settings.senders} accounts")
    crowd = members(target, settings)
    with fleet(crowd, settings.payload, settings.generators) as crew:
        crew.wait_until_live(len(crowd), progress)
        if settings.rate is None:
            crew.start_closed(settings.in_flight)
        else:
            crew.start_open(settings.rate)
        measured = measure(crew, target, settings.seconds, settings.warm_up, progress)
        progress("waiting for what is on its way")
        report = crew.finish(target.servers)
    return result(measured, report)


def result(measured: Measured, report: Report) -> dict[str, Any]:
    verdict, usage = report.verdict, measured.usage
    return {
        "sent": verdict.sent, "acked": verdict.acked, "delivered": verdict.delivered, "lost": verdict.lost,
        "duplicates": verdict.duplicates, "out_of_order": verdict.out_of_order, "failed": verdict.failed,
        "problems": verdict.sentences(), "unsent": report.unsent,
        "seconds": measured.seconds,
        "rate_per_s": measured.deliveries / measured.seconds,
        "cpu_us_per_message": usage.cpu_us_per(measured.deliveries),
        "latency_ms": {"ack": report.ack.percentiles_ms(), "delivery": report.delivery.percentiles_ms(),
                       "lateness": report.lateness.percentiles_ms()},
        "redis": usage.store_per(measured.messages), "messages_per_batch": usage.messages_per_batch,
        "gen": (measured.last.cpu_s-measured.first.cpu_s)*1e6/max(measured.deliveries,1),
    }
