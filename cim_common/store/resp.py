"""Redis protocol (RESP2, as clients speak it): commands as bytes, and what an error among replies means."""

from collections.abc import Iterable
from typing import Any

import hiredis

from cim_common.store.flow import Command, StoreError, StoreUnavailable

PASSING = {
    "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOAUTH", "NOSCRIPT", "OOM", "READONLY", "TRYAGAIN",
    "WRONGPASS",
}  # fmt: skip
"""Errors that say "not now", by their first word; any other is a StoreError."""


def pack(commands: Iterable[Command]) -> bytes:
    """One write for a whole pipeline."""
    return b"".join([hiredis.pack_command(command) for command in commands])  # type: ignore[arg-type]


def first_error(replies: list[Any]) -> StoreError | StoreUnavailable | None:
    """The first error among replies as hiredis reads them, in our terms."""
    for reply in replies:
        if isinstance(reply, hiredis.ReplyError):
            text = str(reply)
            return StoreUnavailable(text) if text.partition(" ")[0] in PASSING else StoreError(text)
    return None
