"""Options that several commands of `cim bench` share, and how a command runs: told what stops it, shown, written."""

import contextlib
import functools
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from cim.bench import failures
from cim.options import GATHER_MS

if TYPE_CHECKING:
    from cim.bench.results import Result
    from cim.bench.target import Target

Command = Callable[..., Any]
Options = Callable[[Command], Command]

WRONG = 1
INTERRUPTED = 130


class Place(NamedTuple):
    """Which cluster: an own one, or that of a ready file, or one known by its route."""

    servers: int
    durability: str
    gather_ms: float
    cluster: str | None
    route: str | None


class Output(NamedTuple):
    """Where the result goes, besides the terminal, and the name it has there."""

    json_file: str | None
    report: str | None
    label: str


def _gathered(name: str, into: type[Any], *gathered: Options) -> Options:
    """These options as one argument, `name`, of the command; its help has them in this order."""

    def add(function: Command) -> Command:
        @functools.wraps(function)
        def command(**arguments: Any) -> Any:
            taken = {field: arguments.pop(field) for field in into._fields}
            return function(**arguments, **{name: into(**taken)})

        made: Command = command
        for option in reversed(gathered):
            made = option(made)
        return made

    return add


where = _gathered(
    "place", Place,
    click.option(
        "--servers", type=click.IntRange(1, 64), default=2, show_default=True, help="IM servers of the own cluster."
    ),
    click.option(
        "--durability", type=click.Choice(["always", "everysec"]), default="always", show_default=True,
        help="How the own cluster's Redis syncs its file: before each answer, or once a second.",
    ),
    click.option(
        "--gather-ms", type=GATHER_MS, default=0.0, show_default=True, metavar="MS",
        help="How long the own cluster's servers let little that comes in gather, as in `cim up`.",
    ),
    click.option(
        "--cluster", type=click.Path(exists=True, dir_okay=False), metavar="READY_FILE",
        help="Measure the cluster that `cim up --ready-file READY_FILE` runs.",
    ),
    click.option(
        "--route", metavar="URL", help="Measure a cluster known by its route only: no processor time, no memory."
    ),
)  # fmt: skip

output = _gathered(
    "to", Output,
    click.option(
        "--json", "json_file", type=click.Path(dir_okay=False), metavar="FILE", help="Write the record there."
    ),
    click.option(
        "--report", type=click.Path(dir_okay=False), metavar="FILE.html", help="Write a page with plots there."
    ),
    click.option("--label", default="", help="A name for this run, for tables and comparisons."),
)  # fmt: skip

repeated = click.option(
    "--repeat", type=click.IntRange(1, 100), default=1, show_default=True, help="Runs; the median is shown."
)

generators = click.option(
    "--generators", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that make the load."
)


def measured(
    run: Callable[["Target"], "Result"],
    place: Place,
    to: Output,
    repeat: int = 1,
    then: Callable[["Result"], "Result"] | None = None,
) -> None:
    """Run a benchmark on a cluster, as often as is asked for, show and write what `then` makes of it, and exit.

    The exit code is 0; 1 when a message was lost, doubled, reordered or failed; 130 after SIGINT or SIGTERM, when our
    own cluster is stopped as well.
    """
    from cim.bench.measuring import repeated
    from cim.bench.target import opened

    def run_there() -> "Result":
        with opened(*place) as target:
            result = repeated(repeat, lambda: run(target), progress)
            return result if then is None else then(result)

    measured_alone(run_there, to)


def measured_alone(run: Callable[[], "Result"], to: Output) -> None:
    """The same for a benchmark that finds its clusters itself."""
    with told():
        _see_that_there_is_room_for(to.json_file, to.report)
        finished(replace(run(), label=to.label), to)


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


def finished(result: "Result", to: Output) -> None:
    """Show and write what was found, and exit."""
    from cim.bench import results, table

    progress("")
    if to.json_file is not None:
        results.write(result, Path(to.json_file))
    click.echo(table.table([result]))
    if to.report is not None:
        from cim.bench import page

        results.write_text(Path(to.report), page.page([result]))
    sys.exit(WRONG if result.wrong else 0)


def progress(text: str) -> None:
    """One line on the terminal that the next one takes the place of; nothing where nobody looks."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[K{text[:width]}")
        sys.stderr.flush()
