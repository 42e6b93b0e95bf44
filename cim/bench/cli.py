"""The commands of `cim bench` that run a benchmark. What a command needs is imported when it runs."""

from dataclasses import replace

import click

from cim.bench.options import Output, Place, generators, measured, measured_alone, output, progress, repeated, where

MAX_RATE = 1_000_000
"""More is due than a generator can count."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def bench() -> None:
    """Measure a cluster: messages, groups, logins, memory; every run is checked.

    Without --cluster or --route a run starts a cluster of its own, warms it up, measures it and stops it. A message
    that was acknowledged and not delivered exactly once, in order, makes the run exit 1, without figures.

    \b
    How fast is it?                      cim bench messages
    How long does a message take?        cim bench messages --rate 1000
    How dear is a large group?           cim bench group --members 500
    A cluster that runs already:         cim up --ready-file ready.json
                                         cim bench messages --cluster ready.json
    """


@bench.command()
@click.option(
    "--senders", type=click.IntRange(2, 60_000), default=500, show_default=True,
    help="Users who send; they are pairs who write to each other, half of them across servers.",
)  # fmt: skip
@click.option(
    "--in-flight", type=click.IntRange(1, 64), default=1, show_default=True,
    help="Messages each sender keeps unanswered.",
)  # fmt: skip
@click.option(
    "--rate", type=click.FloatRange(0, MAX_RATE, min_open=True), metavar="R",
    help="Send R messages a second altogether, whatever the answers; latencies count from the time each was due.",
)  # fmt: skip
@click.option("--saturate", is_flag=True, help="As fast as it goes; the default without --rate.")
@click.option(
    "--seconds", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Time measured, after warming up."
)
@click.option("--warm-up", type=click.FloatRange(0), default=2.0, show_default=True, help="Seconds before that.")
@click.option("--payload", type=click.IntRange(25, 16_384), default=100, show_default=True, help="Bytes of a text.")
@generators
@repeated
@click.option("--syscalls", is_flag=True, help="Count system calls as well (strace; it slows the cluster down).")
@click.option(
    "--floor/--no-floor", "floor_", default=True, show_default=True, help="Measure this machine's floor as well."
)
@where
@output
def messages(
    senders: int, in_flight: int, rate: float | None, saturate: bool, seconds: float, warm_up: float, payload: int,
    generators: int, repeat: int, syscalls: bool, floor_: bool, place: Place, to: Output,
) -> None:  # fmt: skip
    """Direct messages between pairs of users: throughput, latency, processor time.

    \b
    Examples:
      cim bench messages                                  as fast as it goes, 500 senders
      cim bench messages --in-flight 4 --json run.json
      cim bench messages --senders 64 --rate 500          latency when there is little to do
      cim bench messages --rate 20000 --seconds 30
      cim bench messages --cluster ready.json
    """
    from cim.bench.floor import beside
    from cim.bench.messages import Settings, run

    if saturate and rate is not None:
        raise click.UsageError("--saturate and --rate are two kinds of load: choose one.")
    if senders % 2:
        raise click.UsageError("--senders are pairs who write to each other: an even number.")
    settings = Settings(senders, in_flight, rate, seconds, warm_up, payload, generators, syscalls)
    then = (lambda result: beside(result, progress)) if floor_ else None
    measured(lambda target: run(target, settings, progress), place, to, repeat, then)


@bench.command()
@click.option("--members", type=click.IntRange(3, 20_000), default=500, show_default=True, help="Members of the group.")
@click.option("--online", type=click.IntRange(2), help="How many of them are connected.  [default: all]")
@click.option(
    "--senders", type=click.IntRange(1, 1_000), default=16, show_default=True, help="How many of those write."
)
@click.option(
    "--in-flight", type=click.IntRange(1, 64), default=1, show_default=True,
    help="Messages each sender keeps unanswered.",
)  # fmt: skip
@click.option("--seconds", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Time measured.")
@click.option("--warm-up", type=click.FloatRange(0), default=2.0, show_default=True, help="Seconds before that.")
@click.option("--payload", type=click.IntRange(25, 16_384), default=100, show_default=True, help="Bytes of a text.")
@click.option(
    "--lone-messages", type=click.IntRange(0, 10_000), default=100, show_default=True,
    help="Messages sent one at a time afterwards.",
)  # fmt: skip
@click.option("--lone", is_flag=True, help="Only those: nobody writes at once.")
@generators
@repeated
@where
@output
def group(
    members: int, online: int | None, senders: int, in_flight: int, seconds: float, warm_up: float, payload: int,
    lone_messages: int, lone: bool, generators: int, repeat: int, place: Place, to: Output,
) -> None:  # fmt: skip
    """One group: what a delivery costs when many write, and what one message by itself does.

    \b
    Examples:
      cim bench group --members 500
      cim bench group --members 10000 --online 2000 --lone
    """
    from cim.bench.group import Settings, run

    settings = Settings(
        members, min(online or members, members), senders, in_flight, seconds, warm_up, payload, lone_messages, lone,
        generators,
    )  # fmt: skip
    measured(lambda target: run(target, settings, progress), place, to, repeat)


@bench.command()
@click.option("--connections", type=click.IntRange(1, 15_000), default=500, show_default=True, help="Of the echo.")
@click.option("--payload", type=click.IntRange(1, 16_384), default=100, show_default=True, help="Bytes of a message.")
@click.option(
    "--batch", "batches", type=click.IntRange(1, 1_000), multiple=True, default=(1, 8, 64, 256), show_default=True,
    help="Appends in a pipeline; may be repeated.",
)  # fmt: skip
@click.option("--seconds", type=click.FloatRange(0.1), default=1.0, show_default=True, help="For each part.")
@click.option("--durability", type=click.Choice(["always", "everysec"]), default="always", show_default=True)
@output
def floor(
    connections: int, payload: int, batches: tuple[int, ...], seconds: float, durability: str, to: Output
) -> None:  # fmt: skip
    """What no chat server on this machine can do without: an echo, a socket write, a bare append, a synced write.

    \b
    Example:  cim bench floor --batch 100
    """
    from cim.bench.floor import FloorSettings, run

    settings = FloorSettings(connections, payload, tuple(sorted(set(batches))), seconds, durability)
    measured_alone(lambda: run(settings, progress), to)


@bench.command()
@click.option("--connections", type=click.IntRange(10, 60_000), default=15_000, show_default=True)
@click.option(
    "--seconds", type=click.FloatRange(0.1), default=20.0, show_default=True, help="For which heartbeats are measured."
)
@click.option("--lobby/--no-lobby", default=True, show_default=True, help="Live in the lobby, or only logged in.")
@repeated
@where
@output
def idle(
    connections: int, seconds: float, lobby: bool, repeat: int, place: Place, to: Output
) -> None:  # fmt: skip
    """Connections that are only there, all on one server: its memory, the kernel's, heartbeats.

    \b
    Example:  cim bench idle --connections 10000
    """
    from cim.bench.idle import IdleSettings, run

    settings = IdleSettings(connections, seconds, lobby)
    measured(lambda target: run(target, settings, progress), place, to, repeat)


@bench.command()
@click.option(
    "--messages", "count", type=click.IntRange(1, 1_000_000), default=10_000, show_default=True,
    help="Texts a device has missed.",
)  # fmt: skip
@click.option("--payload", type=click.IntRange(1, 16_384), default=100, show_default=True, help="Bytes of a text.")
@repeated
@where
@output
def sync(
    count: int, payload: int, repeat: int, place: Place, to: Output
) -> None:  # fmt: skip
    """A device that was away gets what it missed, through the SDK and as bare pages.

    \b
    Example:  cim bench sync --messages 100000
    """
    from cim.bench.sync import SyncSettings, run

    settings = SyncSettings(count, payload)
    measured(lambda target: run(target, settings, progress), place, to, repeat)


@bench.command()
@click.option("--token/--password", default=True, show_default=True, help="How clients prove who they are.")
@click.option(
    "--seconds", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Time of each measurement."
)
@click.option("--warm-up", type=click.FloatRange(0), default=1.0, show_default=True, help="Seconds before that.")
@click.option(
    "--concurrency", type=click.IntRange(1, 10_000),
    help="Clients that log in at the same time.  [default: 64 at IM servers, 16 at route]",
)  # fmt: skip
@click.option(
    "--accounts", type=click.IntRange(1, 60_000), default=2_000, show_default=True,
    help="Accounts they take turns with; 64 or 200 at most where each is registered with a password.",
)  # fmt: skip
@generators
@repeated
@where
@output
def logins(
    token: bool, seconds: float, warm_up: float, concurrency: int | None, accounts: int, generators: int,
    repeat: int, place: Place, to: Output,
) -> None:  # fmt: skip
    """Logins: how many a second, and what each costs.

    With --token clients have their connect token in hand: TCP connection and login at an IM server. After that
    logins at route with the token of an earlier login are measured. With --password: name and password at route, then
    an IM server.

    \b
    Examples:
      cim bench logins
      cim bench logins --password --seconds 5
      cim bench logins --cluster ready.json --json logins.json
    """
    from cim.bench.logins import PASSWORD, TOKEN, Settings, run

    settings = Settings(TOKEN if token else PASSWORD, seconds, warm_up, concurrency, accounts, generators)
    measured(lambda target: run(target, settings, progress), place, to, repeat)


@bench.command("route")
@click.option("--seconds", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Time measured.")
@click.option("--warm-up", type=click.FloatRange(0), default=1.0, show_default=True, help="Seconds before that.")
@click.option(
    "--concurrency", type=click.IntRange(1, 1_000), default=16, show_default=True, help="Requests at the same time."
)
@click.option("--senders", type=click.IntRange(2, 10_000), default=64, show_default=True, help="Users who send.")
@click.option("--payload", type=click.IntRange(25, 16_384), default=100, show_default=True, help="Bytes of a text.")
@generators
@repeated
@where
@output
def route_(
    seconds: float, warm_up: float, concurrency: int, senders: int, payload: int, generators: int, repeat: int,
    place: Place, to: Output,
) -> None:  # fmt: skip
    """Messages sent over HTTP, with an Idempotency-Key each; all are read back from the log.

    \b
    Examples:
      cim bench route
      cim bench route --concurrency 64 --json route.json
    """
    from cim.bench.route import Settings, run

    settings = Settings(seconds, warm_up, concurrency, senders, payload, generators)
    measured(lambda target: run(target, settings, progress), place, to, repeat)


@bench.command()
@click.option(
    "--curve", "curves", multiple=True,
    type=click.Choice(["connections", "conversations", "kept", "online", "offline", "servers"]),
    help="What grows; may be repeated.  [default: all of them]",
)  # fmt: skip
@click.option("--kept", type=click.IntRange(1), default=3_000_000, show_default=True, help="Messages kept elsewhere.")
@click.option(
    "--rate", type=click.FloatRange(1), metavar="R", help="Messages a second at each point.  [default: what goes]"
)
@click.option("--seconds", type=click.FloatRange(0.1), default=2.0, show_default=True, help="Of each run.")
@click.option("--repeat", type=click.IntRange(1, 100), default=3, show_default=True, help="Runs at each point.")
@output
def growth(
    curves: tuple[str, ...], kept: int, rate: float | None, seconds: float, repeat: int, to: Output
) -> None:  # fmt: skip
    """What a message costs as a cluster grows: connections, conversations, kept messages, members, servers.

    Every curve starts clusters of its own; all of them take about a quarter of an hour.

    \b
    Example:  cim bench growth --curve connections --curve conversations --report growth.html
    """
    from cim.bench.growth import GrowthSettings, run

    settings = GrowthSettings(kept=(0, kept), rate=rate, seconds=seconds, repeat=repeat)
    if curves:
        settings = replace(settings, curves=curves)
    measured_alone(lambda: run(settings, progress), to)


@bench.command()
@click.option("--seconds", type=click.FloatRange(1), default=1_800.0, show_default=True)
@click.option("--connections", type=click.IntRange(1, 60_000), default=5_000, show_default=True, help="Idle ones.")
@click.option(
    "--churn", type=click.IntRange(0), default=50, show_default=True, help="How many of them go and come each second."
)
@click.option("--senders", type=click.IntRange(2, 60_000), default=200, show_default=True, help="Users who send.")
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), metavar="R",
    help="Messages a second.  [default: half of what these senders reach]",
)  # fmt: skip
@where
@output
def soak(
    seconds: float, connections: int, churn: int, senders: int, rate: float | None, place: Place, to: Output
) -> None:  # fmt: skip
    """Half of what the cluster can do for half an hour, connections coming and going: does anything grow?

    \b
    Example:  cim bench soak --seconds 600 --report soak.html
    """
    from cim.bench.soak import SoakSettings, run

    settings = SoakSettings(seconds, connections, churn, senders - senders % 2, rate)
    measured(lambda target: run(target, settings, progress), place, to)
