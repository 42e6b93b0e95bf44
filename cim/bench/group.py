"""`cim bench group`: one group, some of whose members are connected, and a few of those write.

Two loads one after the other: all senders at once, as fast as they are answered, for the cost of a delivery; then
messages one at a time, for what a message costs by itself and how long it takes until the last member has it.
"""

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from cim.bench import groups, measuring
from cim.bench.generator.fleet import Fleet, fleet
from cim.bench.generator.plan import Member
from cim.bench.measuring import Measured, Progress
from cim.bench.results import Result
from cim.bench.target import Target
from cim.bench.usage import Meter, Usage


@dataclass(frozen=True, slots=True)
class Settings:
    """Of `members` so many are `online`, and `senders` of those write, each with `in_flight` messages unanswered.

    The owner makes the group and stays away: with all members online it is one more.
    `lone_messages` are sent one at a time afterwards; with `lone` there are only those. Durations in seconds, `payload`
    in bytes of text.
    """

    members: int = 500
    online: int = 500
    senders: int = 16
    in_flight: int = 1
    seconds: float = 10.0
    warm_up: float = 2.0
    payload: int = 100
    lone_messages: int = 100
    lone: bool = False
    generators: int = 1


@dataclass(frozen=True, slots=True)
class Lonely:
    """What messages by themselves did: milliseconds until the last socket had each, and what all of them cost."""

    last_ms: list[float]
    deliveries: int
    usage: Usage


def run(target: Target, settings: Settings, progress: Progress) -> Result:
    """One run.

    Raises:
        AccountsError, GeneratorError: the load could not be made.
    """
    if settings.senders > settings.online:
        settings = replace(settings, senders=settings.online)
    progress(f"making a group of {settings.members}")
    group = groups.make(target, settings.online, max(settings.members - settings.online - 1, 0))
    senders = [index * settings.online // settings.senders for index in range(settings.senders)]
    online = groups.connected(target, group, senders)
    lonely = None
    with fleet(online, settings.payload, settings.generators) as crew:
        crew.wait_until_live(len(online), progress)
        if not settings.lone:
            crew.start_closed(settings.in_flight)
        seconds, warm_up = (0.1, 0.0) if settings.lone else (settings.seconds, settings.warm_up)
        measured = measuring.measure(crew, target, seconds, warm_up, progress)
        crew.pause()
        if settings.lone_messages:
            lonely = _lone(crew, target, online, settings.lone_messages, progress)
        progress("waiting for what is on its way")
        report = crew.finish(target.servers, measuring.renewal(target, group.members))
    result = measuring.record("group", target, asdict(settings), measured, report)
    if result.wrong:
        return result
    return _figures(result, settings, measured, lonely)


def _lone(crew: Fleet, target: Target, online: list[Member], count: int, progress: Progress) -> Lonely:
    """Messages one at a time, of senders in turn."""
    senders = [member.slot for member in online if member.sends]
    meter = Meter(target, lambda: crew.pids)
    try:
        meter.start()
        lone = []
        for number in range(count):
            lone.append(crew.lone(senders[number % len(senders)]))
            progress(f"{number + 1} of {count} lone messages, the last socket after {lone[-1].last_ms:.1f} ms")
        usage = meter.stop()
    finally:
        meter.close()
    return Lonely([one.last_ms for one in lone], sum(one.deliveries for one in lone), usage)


def _figures(result: Result, settings: Settings, measured: Measured, lonely: Lonely | None) -> Result:
    """What only a group has; the rates of a run without the load of many are none."""
    figures: dict[str, float | None] = dict(result.figures)
    if lonely is not None:
        figures |= _lone_figures(lonely)
    if not settings.lone:
        return replace(result, figures=figures)
    return replace(
        result, figures=figures, seconds=None, rate_per_s=None, deliveries_per_s=None, cpu_us_per_message=None,
        cpu_us_per_delivery=None, latency_ms=None, redis=None, messages_per_batch=None, event_loop_lag_ms=None,
        garbage_collections=None,
    )  # fmt: skip


def _lone_figures(lonely: Lonely) -> Mapping[str, float | None]:
    ranked = sorted(lonely.last_ms)
    return {
        "lone_cpu_us_per_member": lonely.usage.cpu_us_per(lonely.deliveries)["total"],
        "lone_cpu_us_per_message": lonely.usage.cpu_us_per(len(ranked))["total"],
        "last_socket_ms": statistics.median(ranked),
        "last_socket_p90_ms": ranked[len(ranked) * 9 // 10],
        "last_socket_max_ms": ranked[-1],
    }
