"""The terminal program on top of the SDK; `run` is all that others use."""

from cim_client.terminal.program import run

__all__ = ["run"]
