"""Options of the `cim` command: each can be set in the environment, and those of all clients stand here once."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def option(*names: str, variable: str | None = None, **settings: Any) -> Callable[[F], F]:
    """An option that is an environment variable as well: --server-port is CIM_SERVER_PORT, unless it says otherwise."""
    longest = next(name for name in names if name.startswith("--")).split("/")[0]
    variable = variable or "CIM_" + longest.removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, **settings)


class Milliseconds(click.FloatRange):
    """A time; click's range lets through what is no number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found: float = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value!r} is not a number of milliseconds", param, ctx)
        return found


GATHER_MS = Milliseconds(0, 20)
"""A server does nothing else meanwhile, and trio's tasks wait too."""

client_route = option(
    "--route", variable="CIM_CHAT_ROUTE", metavar="URL", default="http://127.0.0.1:8083", show_default=True,
    help="The cluster's route.",
)  # fmt: skip

client_data = option(
    "--data", variable="CIM_CHAT_DATA", type=click.Path(file_okay=False),
    help="Where clients keep tokens and positions.  [default: user's data folder]",
)  # fmt: skip
