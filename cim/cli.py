"""The `cim` command. Programs are imported when they are run: `cim --help` stays quick."""

import ipaddress
import os
import sys
from pathlib import Path
from typing import Any

import click

from cim.bench.cli import bench
from cim.bench.result_commands import COMMANDS as ON_RESULTS
from cim.options import GATHER_MS, client_data, client_route, option
from cim.programs import COMMANDS as PROGRAMS
from cim_common import __version__
from cim_common.build import compiled

HELP = {"help_option_names": ["-h", "--help"]}


class Address(click.ParamType):  # type: ignore[type-arg]
    """HOST:PORT; an IPv6 host stands in brackets."""

    name = "host:port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            self.fail(f"{value!r} is not HOST:PORT, such as 127.0.0.1:8083", param, ctx)
        return host.strip("[]"), int(port)


@click.group(context_settings=HELP)
def main() -> None:
    """CIM: an instant-messaging cluster that loses nothing it has acknowledged.

    \b
    Start a whole cluster on this machine:   cim up
    Chat, in another terminal:               cim chat alice
    Chat from a script:                      cim send bob "the build is done"
    Measure one:                             cim bench messages
    """


main.add_command(bench)
for command_on_results in ON_RESULTS:
    bench.add_command(command_on_results)
for program in PROGRAMS:
    main.add_command(program)


@main.command()
def version() -> None:
    """Print the version, and whether this is the compiled build.

    \b
    Example:  cim version
    """
    click.echo(f"cim {__version__}, compiled" if compiled() else f"cim {__version__}")


def _default_data() -> str:
    return os.path.join(os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share"), "cim", "cluster")


_directory = option(
    "--directory", type=click.Choice(["open", "members"]), default="open", show_default=True,
    help="Whom users find and see online: everybody, or those they share a conversation with.",
)  # fmt: skip


def _check_redis(ctx: click.Context, param: click.Parameter, url: str | None) -> str | None:
    """The beginning of the address; what else it holds is redis-py's to read."""
    if url is not None and not url.startswith(("redis://", "rediss://", "unix://")):
        raise click.BadParameter(f"{url!r} is not the address of a Redis, such as redis://127.0.0.1:6379/0", ctx, param)
    return url


def _check_keep(ctx: click.Context, param: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    from cim_common.retention import BadKeep, Keep

    try:
        Keep.parse(words)
    except BadKeep as error:
        raise click.BadParameter(str(error), ctx, param) from error
    return words


_gather_ms = option(
    "--gather-ms", type=GATHER_MS, default=0.0, show_default=True, metavar="MS",
    help="Let what comes in gather so long before a server reads it, where little comes: less processor time for each "
    "message, which takes one to two times as much longer.",
)  # fmt: skip
_keep = option(
    "--keep", multiple=True, metavar="KIND=AGE,NUMBER", callback=_check_keep,
    help="How long messages of a kind (direct, self, group, lobby) are kept: lobby=30d, direct=100000, "
    "group=365d,100000. May be repeated.  [default: everything is kept]",
)  # fmt: skip


@main.command()
@option("--servers", type=click.IntRange(1, 64), default=2, show_default=True, help="Number of IM servers.")
@option("--route", type=Address(), default="127.0.0.1:8083", show_default=True, help="Where route listens.")
@option(
    "--server-port", type=click.IntRange(0, 65_535), default=11211, show_default=True,
    help="Port of the first IM server; more servers take the next ones. 0: free ones.",
)  # fmt: skip
@option(
    "--data",
    type=click.Path(file_okay=False),
    default=_default_data,
    help="Data folder.  [default: user's data folder]",
)
@option("--redis", callback=_check_redis, metavar="URL", help="Use this Redis instead of the embedded one.")
@option("--zookeeper", metavar="HOSTS", help="Use this ZooKeeper as registry instead of leases in Redis.")
@option("--legacy/--no-legacy", default=False, help="Serve CIM's Java clients, whose accounts have no password.")
@_directory
@option("--allow-plaintext", is_flag=True, help="Allow a --route host that others can reach, without TLS.")
@option("--advertise", metavar="HOST", help="Host that clients are sent to, when it is not the one of --route.")
@option("--ready-file", type=click.Path(dir_okay=False), help="Gets one JSON object once everything answers.")
@_keep
@_gather_ms
def up(
    servers: int, route: tuple[str, int], server_port: int, data: str, redis: str | None, zookeeper: str | None,
    legacy: bool, directory: str, allow_plaintext: bool, advertise: str | None, ready_file: str | None,
    keep: tuple[str, ...], gather_ms: float,
) -> None:  # fmt: skip
    """Run a whole cluster on this machine: route, IM servers, Redis, registry.

    The data stays in the data folder and is there at the next start. Ctrl-C stops everything.

    \b
    Examples:
      cim up
      cim up --servers 4 --route 127.0.0.1:9000 --data ./mydata
      cim up --keep lobby=30d --keep group=365d,100000
      cim up --route 127.0.0.1:0 --server-port 0 --ready-file ready.json
    """
    from cim.up import UpSettings, run

    _check_plaintext(route[0], allow_plaintext)
    settings = UpSettings(
        Path(data).expanduser().absolute(), servers, *route, server_port, redis, zookeeper, legacy, allow_plaintext,
        advertise, Path(ready_file).absolute() if ready_file else None, directory, keep, gather_ms,
    )  # fmt: skip
    sys.exit(run(settings))


def _check_plaintext(host: str, allowed: bool) -> None:
    """Passwords and messages do not leave the machine in plain text unless that was asked for by name."""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not (local or allowed):
        raise click.ClickException(
            f"Passwords and messages would travel in plain text to {host}: listen on 127.0.0.1, "
            "or allow it with --allow-plaintext."
        )


_redis = option("--redis", callback=_check_redis, metavar="URL", required=True, help="The cluster's Redis.")
_zookeeper = option("--zookeeper", metavar="HOSTS", help="The cluster's ZooKeeper. Without: leases in Redis.")
_secret = option(
    "--secret-file", type=click.Path(exists=True, dir_okay=False), required=True,
    help="File of mode 0600 with the cluster's secret, the same for all its programs.",
)  # fmt: skip
_legacy = option("--legacy/--no-legacy", default=False, help="Serve CIM's Java clients.")
_ready = option("--ready-file", type=click.Path(dir_okay=False), help="Gets a JSON object once this answers.")
_plaintext = option("--allow-plaintext", is_flag=True, help="Listen where others can reach it, without TLS.")


@main.command()
@option("--id", "server_id", help="Name of this server in the cluster.  [default: the advertised address]")
@_redis
@_zookeeper
@_secret
@option("--listen", type=Address(), default="127.0.0.1:11211", show_default=True, help="Where clients connect.")
@option("--http", type=Address(), default="127.0.0.1:8081", show_default=True, help="Health and internal calls.")
@option("--advertise", metavar="HOST", help="Host that clients are sent to.  [default: that of --listen]")
@_legacy
@_directory
@_plaintext
@_ready
@_keep
@_gather_ms
def server(
    server_id: str | None, redis: str, zookeeper: str | None, secret_file: str, listen: tuple[str, int],
    http: tuple[str, int], advertise: str | None, legacy: bool, directory: str, allow_plaintext: bool,
    ready_file: str | None, keep: tuple[str, ...], gather_ms: float,
) -> None:  # fmt: skip
    """Run one IM server of a cluster.

    \b
    Example:
      cim server --redis redis://10.0.0.5:6379/0 --zookeeper 10.0.0.6:2181 --secret-file /etc/cim/secret \\
                 --listen 127.0.0.1:11211 --http 127.0.0.1:8081
    """
    from cim import logs
    from cim_common.retention import Keep
    from cim_common.store.presence import Directory
    from cim_server.process import run
    from cim_server.settings import ServerSettings

    logs.configure()
    name = server_id or f"{advertise or listen[0]}:{listen[1]}"
    settings = ServerSettings(
        server_id=name, redis_url=redis, secret=_read_secret(secret_file), host=listen[0], port=listen[1],
        http_host=http[0], http_port=http[1], advertise_host=advertise, zookeeper=zookeeper, legacy=legacy,
        allow_plaintext=allow_plaintext, ready_file=ready_file, directory=Directory(directory), keep=Keep.parse(keep),
        gather_ms=gather_ms,
    )  # fmt: skip
    if legacy:
        click.echo("WARNING: legacy clients are served: their accounts have no password.", err=True)
    sys.exit(run(settings))


@main.command()
@_redis
@_zookeeper
@_secret
@option("--listen", type=Address(), default="127.0.0.1:8083", show_default=True, help="Where the HTTP API is.")
@_legacy
@_directory
@_plaintext
@option("--operator-token-file", type=click.Path(dir_okay=False), help="File with the token of operators' calls.")
@_ready
def route(
    redis: str, zookeeper: str | None, secret_file: str, listen: tuple[str, int], legacy: bool, directory: str,
    allow_plaintext: bool, operator_token_file: str | None, ready_file: str | None,
) -> None:  # fmt: skip
    """Run route: accounts, logins and the HTTP API of a cluster.

    \b
    Example:
      cim route --redis redis://10.0.0.5:6379/0 --zookeeper 10.0.0.6:2181 --secret-file /etc/cim/secret
    """
    from cim import logs
    from cim_common.store.presence import Directory
    from cim_route.serve import run
    from cim_route.settings import RouteSettings

    _check_plaintext(listen[0], allow_plaintext)
    logs.configure()
    settings = RouteSettings(
        redis_url=redis, secret=_read_secret(secret_file), host=listen[0], port=listen[1], zookeeper=zookeeper,
        legacy=legacy, operator_token_file=operator_token_file, ready_file=ready_file, directory=Directory(directory),
    )  # fmt: skip
    if legacy:
        click.echo("WARNING: legacy clients are served: their accounts have no password.", err=True)
    sys.exit(run(settings))


def _read_secret(path: str) -> bytes:
    from cim.data_folder import FolderError, read_secret

    try:
        return read_secret(Path(path))
    except FolderError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.argument("name")
@option("--to", variable="CIM_CHAT_TO", metavar="NAME", default="lobby", show_default=True,
    help="Whom text goes to at the beginning: a user, a group one is in, or the lobby.",
)  # fmt: skip
@option("--plain", variable="CIM_CHAT_PLAIN", is_flag=True,
    help="Lines in, lines out: no prompt that is drawn again, no colours. For screen readers and small terminals.",
)  # fmt: skip
@option("--no-store", variable="CIM_CHAT_NO_STORE", is_flag=True,
    help="Write nothing to this machine: no token, no messages, nothing that waits to be sent.",
)  # fmt: skip
@client_route
@client_data
def chat(name: str, to: str, plain: bool, no_store: bool, route: str, data: str | None) -> None:
    """Chat in this terminal as NAME.

    A new name is registered: the password is asked twice. Text goes to everyone in the lobby, `bob;;hello` or
    `/to bob hello` to bob alone. `:all` lists the commands, `:q!` leaves.

    Once logged in, it starts without a cluster too: what is typed is kept, and sent once when there is one.
    Colours are off where NO_COLOR is set.

    \b
    Examples:
      cim chat alice
      cim chat alice --to ops
      cim chat bob --route http://127.0.0.1:9000
      cim chat carol --no-store
    """
    from cim_client.terminal import Options, run
    from cim_common import faults

    faults.arm("chat")
    sys.exit(run(name, route, data, Options(to, plain, not no_store)))
