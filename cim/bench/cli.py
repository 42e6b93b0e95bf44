"""`cim bench`: measures a cluster and checks it while it does. What a command needs is imported when it runs."""

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cim.bench import failures

if TYPE_CHECKING:
    from cim.bench.results import Result
    from cim.bench.target import Target

F = TypeVar("F", bound=Callable[..., Any])

WRONG = 1
INTERRUPTED = 130

MAX_RATE = 1_000_000
"""More is due than a generator can count."""

REPORT = "cim.bench.report"
"""Where click keeps the page's path for `_show`: no benchmark needs to know of it."""


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


def _options(*options: Callable[[F], F]) -> Callable[[F], F]:
    def add(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return add


where = _options(
    click.option(
        "--servers", type=click.IntRange(1, 64), default=2, show_default=True, help="IM servers of the own cluster."
    ),
    click.option(
        "--durability", type=click.Choice(["always", "everysec"]), default="always", show_default=True,
        help="How the own cluster's Redis syncs its file: before each answer, or once a second.",
    ),
    click.option(
        "--cluster", type=click.Path(exists=True, dir_okay=False), metavar="READY_FILE",
        help="Measure the cluster that `cim up --ready-file READY_FILE` runs.",
    ),
    click.option(
        "--route", metavar="URL", help="Measure a cluster known by its route only: no processor time, no memory."
    ),
)  # fmt: skip
"""Which cluster: options of every benchmark; `measured` takes them as `place`."""

output = _options(
    click.option(
        "--json", "json_file", type=click.Path(dir_okay=False), metavar="FILE", help="Write the record there."
    ),
    click.option(
        "--report", type=click.Path(dir_okay=False), metavar="FILE.html", expose_value=False,
        callback=lambda ctx, param, path: ctx.meta.update({REPORT: path}), help="Write a page with plots there.",
    ),
    click.option("--label", default="", help="A name for this run, for tables and comparisons."),
)  # fmt: skip
"""Where the result goes."""


def measured(
    run: Callable[["Target"], "Result"],
    place: tuple[int, str, str | None, str | None],
    json_file: str | None,
) -> None:
    """Run a benchmark on the cluster `place` names, show and write what it found, and exit.

    `place` is (servers, durability, ready file or None, route or None). The exit code is 0; 1 when a message was lost,
    doubled, reordered or failed; 130 after SIGINT or SIGTERM, when our own cluster is stopped as well.
    """
    from cim.bench.target import opened

    def run_there() -> "Result":
        with opened(*place) as target:
            return run(target)

    measured_alone(run_there, json_file)


def measured_alone(run: Callable[[], "Result"], json_file: str | None) -> None:
    """The same for a benchmark that finds its clusters itself."""
    with told():
        _see_that_there_is_room_for(json_file, click.get_current_context().meta.get(REPORT))
        finished(run(), json_file)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """What stops a command is told in a sentence, and SIGTERM ends it in order as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        progress("")
        click.echo("Interrupted: nothing was measured.", err=True)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if not isinstance(error, failures()):
            raise
        progress("")
        raise click.ClickException(str(error) or repr(error)) from error


def _see_that_there_is_room_for(*files: str | None) -> None:
    """Before minutes are spent on what then could not be written.

    Raises:
        click.ClickException: a file has no folder it could be written to.
    """
    for file in files:
        if file is not None and not os.access(folder := Path(file).absolute().parent, os.W_OK | os.X_OK):
            raise click.ClickException(f"{file} cannot be written: {folder} is no folder, or takes no files.")


def finished(result: "Result", json_file: str | None) -> None:
    """Show and write what was found, and exit."""
    from cim.bench import results

    progress("")
    if json_file is not None:
        results.write(result, Path(json_file))
    _show(result)
    sys.exit(WRONG if result.wrong else 0)


def _show(result: "Result") -> None:
    """On the terminal, and as a page where one is asked for."""
    from cim.bench import table

    click.echo(table.table([result]))
    report = click.get_current_context().meta.get(REPORT)
    if report is not None:
        from cim.bench import page, results

        results.write_text(Path(report), page.page([result]))


def progress(text: str) -> None:
    """One line on the terminal that the next one takes the place of; nothing where nobody looks."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[K{text[:width]}")
        sys.stderr.flush()


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
@click.option(
    "--generators", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that make the load."
)
@click.option("--repeat", type=click.IntRange(1, 100), default=1, show_default=True, help="Runs; the median is shown.")
@click.option("--syscalls", is_flag=True, help="Count system calls as well (strace; it slows the cluster down).")
@click.option(
    "--floor/--no-floor", "floor_", default=True, show_default=True, help="Measure this machine's floor as well."
)
@where
@output
def messages(
    senders: int, in_flight: int, rate: float | None, saturate: bool, seconds: float, warm_up: float, payload: int,
    generators: int, repeat: int, syscalls: bool, floor_: bool, servers: int, durability: str, cluster: str | None,
    route: str | None, json_file: str | None, label: str,
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
    from cim.bench.messages import Settings, run_repeated

    if saturate and rate is not None:
        raise click.UsageError("--saturate and --rate are two kinds of load: choose one.")
    if senders % 2:
        raise click.UsageError("--senders are pairs who write to each other: an even number.")
    settings = Settings(senders, in_flight, rate, seconds, warm_up, payload, generators, repeat, syscalls, label)
    place = (servers, durability, cluster, route)

    def run(target: "Target") -> "Result":
        result = run_repeated(target, settings, progress)
        return beside(result, progress) if floor_ else result

    measured(run, place, json_file)


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
@click.option(
    "--generators", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that make the load."
)
@click.option("--repeat", type=click.IntRange(1, 100), default=1, show_default=True, help="Runs; the median is shown.")
@where
@output
def group(
    members: int, online: int | None, senders: int, in_flight: int, seconds: float, warm_up: float, payload: int,
    lone_messages: int, lone: bool, generators: int, repeat: int, servers: int, durability: str, cluster: str | None,
    route: str | None, json_file: str | None, label: str,
) -> None:  # fmt: skip
    """One group: what a delivery costs when many write, and what one message by itself does.

    \b
    Examples:
      cim bench group --members 500
      cim bench group --members 10000 --online 2000 --lone
    """
    from cim.bench.group import Settings, run_repeated

    settings = Settings(
        members, min(online or members, members), senders, in_flight, seconds, warm_up, payload, lone_messages, lone,
        generators, repeat, label,
    )  # fmt: skip
    place = (servers, durability, cluster, route)
    measured(lambda target: run_repeated(target, settings, progress), place, json_file)


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
    connections: int, payload: int, batches: tuple[int, ...], seconds: float, durability: str, json_file: str | None,
    label: str,
) -> None:  # fmt: skip
    """What no chat server on this machine can do without: an echo, a socket write, a bare append, a synced write.

    \b
    Example:  cim bench floor --batch 100
    """
    from dataclasses import replace

    from cim.bench.floor import FloorSettings, run

    settings = FloorSettings(connections, payload, tuple(sorted(set(batches))), seconds, durability)
    measured_alone(lambda: replace(run(settings, progress), label=label), json_file)


@bench.command()
@click.option("--connections", type=click.IntRange(10, 60_000), default=15_000, show_default=True)
@click.option(
    "--seconds", type=click.FloatRange(0.1), default=20.0, show_default=True, help="For which heartbeats are measured."
)
@click.option("--lobby/--no-lobby", default=True, show_default=True, help="Live in the lobby, or only logged in.")
@where
@output
def idle(
    connections: int, seconds: float, lobby: bool, servers: int, durability: str, cluster: str | None,
    route: str | None, json_file: str | None, label: str,
) -> None:  # fmt: skip
    """Connections that are only there, all on one server: its memory, the kernel's, heartbeats.

    \b
    Example:  cim bench idle --connections 10000
    """
    from dataclasses import replace

    from cim.bench.idle import IdleSettings, run

    settings = IdleSettings(connections, seconds, lobby)
    place = (servers, durability, cluster, route)
    measured(lambda target: replace(run(target, settings, progress), label=label), place, json_file)


@bench.command()
@click.option(
    "--messages", "count", type=click.IntRange(1, 1_000_000), default=10_000, show_default=True,
    help="Texts a device has missed.",
)  # fmt: skip
@click.option("--payload", type=click.IntRange(1, 16_384), default=100, show_default=True, help="Bytes of a text.")
@where
@output
def sync(
    count: int, payload: int, servers: int, durability: str, cluster: str | None, route: str | None,
    json_file: str | None, label: str,
) -> None:  # fmt: skip
    """A device that was away gets what it missed, through the SDK and as bare pages.

    \b
    Example:  cim bench sync --messages 100000
    """
    from dataclasses import replace

    from cim.bench.sync import SyncSettings, run

    settings = SyncSettings(count, payload)
    place = (servers, durability, cluster, route)
    measured(lambda target: replace(run(target, settings, progress), label=label), place, json_file)


_generators = click.option(
    "--generators", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that make the load."
)


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
@_generators
@where
@output
def logins(
    token: bool, seconds: float, warm_up: float, concurrency: int | None, accounts: int, generators: int, servers: int,
    durability: str, cluster: str | None, route: str | None, json_file: str | None, label: str,
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

    settings = Settings(TOKEN if token else PASSWORD, seconds, warm_up, concurrency, accounts, generators, label)
    place = (servers, durability, cluster, route)
    measured(lambda target: run(target, settings, progress), place, json_file)


@bench.command("route")
@click.option("--seconds", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Time measured.")
@click.option("--warm-up", type=click.FloatRange(0), default=1.0, show_default=True, help="Seconds before that.")
@click.option(
    "--concurrency", type=click.IntRange(1, 1_000), default=16, show_default=True, help="Requests at the same time."
)
@click.option("--senders", type=click.IntRange(2, 10_000), default=64, show_default=True, help="Users who send.")
@click.option("--payload", type=click.IntRange(25, 16_384), default=100, show_default=True, help="Bytes of a text.")
@_generators
@where
@output
def route_(
    seconds: float, warm_up: float, concurrency: int, senders: int, payload: int, generators: int, servers: int,
    durability: str, cluster: str | None, route: str | None, json_file: str | None, label: str,
) -> None:  # fmt: skip
    """Messages sent over HTTP, with an Idempotency-Key each; all are read back from the log.

    \b
    Examples:
      cim bench route
      cim bench route --concurrency 64 --json route.json
    """
    from cim.bench.route import Settings, run

    settings = Settings(seconds, warm_up, concurrency, senders, payload, generators, label)
    place = (servers, durability, cluster, route)
    measured(lambda target: run(target, settings, progress), place, json_file)


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
    curves: tuple[str, ...], kept: int, rate: float | None, seconds: float, repeat: int, json_file: str | None,
    label: str,
) -> None:  # fmt: skip
    """What a message costs as a cluster grows: connections, conversations, kept messages, members, servers.

    Every curve starts clusters of its own; all of them take about a quarter of an hour.

    \b
    Example:  cim bench growth --curve connections --curve conversations --report growth.html
    """
    from dataclasses import replace

    from cim.bench.growth import GrowthSettings, run

    settings = GrowthSettings(kept=(0, kept), rate=rate, seconds=seconds, repeat=repeat)
    if curves:
        settings = replace(settings, curves=curves)
    measured_alone(lambda: replace(run(settings, progress), label=label), json_file)


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
    seconds: float, connections: int, churn: int, senders: int, rate: float | None, servers: int, durability: str,
    cluster: str | None, route: str | None, json_file: str | None, label: str,
) -> None:  # fmt: skip
    """Half of what the cluster can do for half an hour, connections coming and going: does anything grow?

    \b
    Example:  cim bench soak --seconds 600 --report soak.html
    """
    from dataclasses import replace

    from cim.bench.soak import SoakSettings, run

    settings = SoakSettings(seconds, connections, churn, senders - senders % 2, rate)
    place = (servers, durability, cluster, route)
    measured(lambda target: replace(run(target, settings, progress), label=label), place, json_file)
