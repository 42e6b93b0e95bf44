"""Groups with members who are connected and members who are not, and a load in them."""

from collections.abc import Sequence
from dataclasses import dataclass

from cim.bench import accounts, measuring, sender
from cim.bench.accounts import Account
from cim.bench.generator.fleet import fleet
from cim.bench.generator.plan import Member
from cim.bench.measuring import Progress
from cim.bench.results import Result
from cim.bench.target import Target
from cim_common import ids
from cim_common.wire import messages as m
from cim_common.wire.kinds import Kind
from cim_common.wire.limits import MAX_TARGETS

SENDERS = 8
PAYLOAD = 100


@dataclass(frozen=True, slots=True)
class Made:
    """A group: its id, the members that are to connect, and its head when it was complete."""

    id: str
    members: list[Account]
    head: int


def make(target: Target, online: int, away: int) -> Made:
    """A group of accounts of its own; its owner stays away as well."""
    owner, *members = accounts.make(target, 1 + online + away)
    group = ids.new_group()
    users = [member.user for member in members]
    head = 0
    with sender.login(owner) as session:
        for n, start in enumerate(range(0, len(users), MAX_TARGETS), 1):
            kind, name = (Kind.JOINED, "") if start else (Kind.CREATED, "bench")
            targets = tuple(users[start : start + MAX_TARGETS])
            session.ask(m.Change(group, n, n - 1, int(kind), text=name, targets=targets))
            head = session.until(m.Ack).seq
    return Made(group, members[:online], head)


def connected(target: Target, group: Made, senders: Sequence[int]) -> list[Member]:
    """Those who connect, on the servers in turn; `senders` are the places of those of them who write."""
    found = []
    for slot, account in enumerate(group.members):
        host, port = account.host, account.port
        if target.servers:
            server = target.servers[slot % len(target.servers)]
            host, port = server.host, server.port
        hears = tuple(one for one in senders if one != slot)
        found.append(
            Member(
                slot, account.user, account.device, account.connect_token, host, port, group.id, slot in senders,
                hears, group.head,
            )
        )  # fmt: skip
    return found


def run(target: Target, sizes: tuple[int, int], rate: float, seconds: float, progress: Progress) -> Result:
    """So many messages a second, in an open loop, by a few members of a new group of (online, away) members."""
    group = make(target, *sizes)
    senders = tuple(range(min(SENDERS, len(group.members))))
    crowd = connected(target, group, senders)
    with fleet(crowd, PAYLOAD) as crew:
        crew.wait_until_live(len(crowd), progress)
        crew.start_open(rate)
        measured = measuring.measure(crew, target, seconds, 0.5, progress)
        report = crew.finish(target.servers)
    settings = {"members": sum(sizes), "online": sizes[0], "rate": rate, "servers": len(target.servers)}
    return measuring.record("group", target, settings, measured, report)
