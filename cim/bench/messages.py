"""`cim bench messages`: pairs of users who write to each other, some on one server and some across."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from cim.bench import accounts, measuring
from cim.bench.accounts import Account
from cim.bench.generator.fleet import fleet
from cim.bench.generator.plan import Member
from cim.bench.measuring import Progress
from cim.bench.results import Result
from cim.bench.target import Target
from cim_common import ids


@dataclass(frozen=True, slots=True)
class Settings:
    """What is sent: closed loop with `in_flight` messages of each sender unanswered, or open loop at `rate` a second.

    `senders` is even. Durations in seconds, `payload` in bytes of text.
    """

    senders: int = 500
    in_flight: int = 1
    rate: float | None = None
    seconds: float = 10.0
    warm_up: float = 2.0
    payload: int = 100
    generators: int = 1
    syscalls: bool = False


def pairs(target: Target, made: Sequence[Account]) -> list[Member]:
    """Pairs one after the other; every second pair has its users on different servers, where servers are known."""
    found = []
    for index, account in enumerate(made):
        pair, second = divmod(index, 2)
        host, port = account.host, account.port
        if target.servers:
            server = target.servers[(pair // 2 + (second if pair % 2 else 0)) % len(target.servers)]
            host, port = server.host, server.port
        peer = made[index ^ 1]
        found.append(
            Member(
                index, account.user, account.device, account.connect_token, host, port,
                ids.direct(account.user, peer.user), True, (index ^ 1,),
            )
        )  # fmt: skip
    return found


def run(target: Target, settings: Settings, progress: Progress) -> Result:
    """One run.

    Raises:
        GeneratorError: the load could not be made.
    """
    made = accounts.make(target, settings.senders, progress=progress)
    crowd = pairs(target, made)
    with fleet(crowd, settings.payload, settings.generators) as crew:
        crew.wait_until_live(len(crowd), progress)
        if settings.rate is None:
            crew.start_closed(settings.in_flight)
        else:
            crew.start_open(settings.rate)
        measured = measuring.measure(crew, target, settings.seconds, settings.warm_up, progress, settings.syscalls)
        progress("waiting for what is on its way")
        report = crew.finish(target.servers, measuring.renewal(target, made))
    return measuring.record("messages", target, asdict(settings), measured, report)
