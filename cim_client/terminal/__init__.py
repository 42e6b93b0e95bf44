"""The terminal program on top of the SDK; `run` and its `Options` are all that others use."""

from cim_client.terminal.options import Options
from cim_client.terminal.program import run

__all__ = ["Options", "run"]
