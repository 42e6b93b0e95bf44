"""Options of the `cim` command: each can be set in the environment, and those of all clients stand here once."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def option(*names: str, variable: str | None = None, **settings: Any) -> Callable[[F], F]:
    """An option that is an environment variable as well: --server-port is CIM_SERVER_PORT, unless it says otherwise."""
    longest = next(name for name in names if name.startswith("--")).split("/")[0]
    variable = variable or "CIM_" + longest.removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, **settings)


client_route = option(
    "--route", variable="CIM_CHAT_ROUTE", metavar="URL", default="http://127.0.0.1:8083", show_default=True,
    help="The cluster's route.",
)  # fmt: skip

client_data = option(
    "--data", variable="CIM_CHAT_DATA", type=click.Path(file_okay=False),
    help="Where clients keep tokens and positions.  [default: user's data folder]",
)  # fmt: skip
