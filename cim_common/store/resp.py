"""Commands as Redis protocol bytes (RESP2, as clients send it)."""

from collections.abc import Iterable

from hiredis import pack_command

from cim_common.store.flow import Command


def pack(commands: Iterable[Command]) -> bytes:
    """One write for a whole pipeline."""
    return b"".join([pack_command(command) for command in commands])  # type: ignore[arg-type]
