"""The commands compare, page, startup and all. What they need is imported when they run."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cim.bench.options import Output, measured_alone, output, progress, told

if TYPE_CHECKING:
    from cim.bench.results import Result


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False), metavar="[A.json B.json]")
@click.option("--run", "commands", nargs=2, metavar="'COMMAND A' 'COMMAND B'", help="Run these in turn instead.")
@click.option("--repeat", type=click.IntRange(1, 100), default=5, show_default=True, help="Runs of each, with --run.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="Write their results there, as A.json and B.json.",
)
@click.option("--force", is_flag=True, help="Compare even what was measured with other settings.")
def compare(
    files: tuple[str, ...], commands: tuple[str, str] | None, repeat: int, keep: str | None, force: bool
) -> None:
    """Compare two results, or two builds: each figure's ratio B / A with its spread over the runs.

    With --run two commands are run in turn, A B, B A, A B, and compared pair by pair: that tells a change of a few per
    cent from the machine's own ups and downs. They are benchmark commands that know --json, of two checkouts, say.

    \b
    Examples:
      cim bench messages --repeat 5 --json before.json
      cim bench compare before.json after.json
      cim bench compare --run 'old/.venv/bin/cim bench messages' 'cim bench messages' --repeat 7
    """
    from cim.bench import compare as comparing
    from cim.bench import results

    if bool(commands) == bool(files) or (files and len(files) != 2):
        raise click.UsageError("Name two results, or two commands with --run.")
    with told():
        if commands:
            a, b = comparing.in_turn(commands, repeat, progress)
        else:
            a, b = results.read(Path(files[0])), results.read(Path(files[1]))
        progress("")
        if commands and keep:
            Path(keep).mkdir(parents=True, exist_ok=True)
            results.write(a, Path(keep) / "A.json")
            results.write(b, Path(keep) / "B.json")
        click.echo(comparing.comparison(a, b, paired=bool(commands), force=force))


@click.command("page")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False), metavar="FILE.json...")
@click.option("--report", type=click.Path(dir_okay=False), metavar="FILE.html", help="Write a page with plots there.")
@click.option(
    "--docs", type=click.Path(dir_okay=False), metavar="FILE.md",
    help="Write a page of the documentation, and its plots into a folder of its name.",
)  # fmt: skip
def page_(files: tuple[str, ...], report: str | None, docs: str | None) -> None:
    """Show results again, without measuring: as tables, as a page, as documentation.

    \b
    Examples:
      cim bench page run.json
      cim bench page before.json after.json --report both.html
      cim bench page all.json --docs docs/performance.md
    """
    from cim.bench import results

    with told():
        found = [results.read(Path(file)) for file in files]
        _write(found, report, docs)
    sys.exit(1 if any(result.wrong for result in found) else 0)


def _write(found: list["Result"], report: str | None, docs: str | None) -> None:
    """Raises OSError."""
    from cim.bench import page, performance, results, table

    if report is not None:
        results.write_text(Path(report), page.page(found))
    if docs is not None:
        performance.write(found, Path(docs))
    if report is None and docs is None:
        click.echo(table.table(found))


@click.command()
@click.option(
    "--times", type=click.IntRange(1, 100), default=5, show_default=True, help="Starts of each; the median counts."
)
@click.option("--servers", type=click.IntRange(1, 64), default=2, show_default=True, help="IM servers of `cim up`.")
@output
def startup(times: int, servers: int, to: Output) -> None:
    """How long `cim up` takes to be ready, `cim chat` to its prompt, and `cim --help`.

    \b
    Example:  cim bench startup
    """
    from cim.bench.startup import Settings, run

    measured_alone(lambda: run(Settings(times, servers), progress), to)


@click.command("all")
@click.option("--quick", is_flag=True, help="Shorter measurements and no curves: some minutes, less certain.")
@click.option(
    "--docs", type=click.Path(dir_okay=False), metavar="FILE.md",
    help="Write a page of the documentation, and its plots into a folder of its name.",
)  # fmt: skip
@output
def all_(quick: bool, docs: str | None, to: Output) -> None:
    """Everything that has a target, and the curves of growth, one after the other: a quarter of an hour.

    \b
    Examples:
      cim bench all --json all.json
      cim bench all --docs docs/performance.md --json all.json
      cim bench page all.json --docs docs/performance.md      the same page without measuring
    """
    from cim.bench import performance

    def run() -> "Result":
        found = replace(performance.run(quick, progress), label=to.label)
        if docs is not None:
            performance.write([found], Path(docs))
        return found

    measured_alone(run, to)


COMMANDS = (compare, page_, startup, all_)
