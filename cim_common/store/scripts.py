"""The Lua scripts of the store: one file each under scripts/, where its contract stands.

Redis knows no modules: what several scripts share (scripts/parts/) is put in front of them here.
"""

import hashlib
from importlib import resources
from typing import NamedTuple

from cim_common.store.flow import Command


class Script(NamedTuple):
    """A script by its name, its source and the SHA-1 under which Redis knows it."""

    name: str
    source: bytes
    sha: str

    def call(self, keys: tuple[str, ...], *args: bytes | str | int | float) -> Command:
        return ("EVALSHA", self.sha, len(keys), *keys, *args)


def _read(name: str, *parts: str) -> Script:
    folder = resources.files("cim_common.store").joinpath("scripts")
    files = [folder.joinpath("parts", f"{part}.lua") for part in parts] + [folder.joinpath(f"{name}.lua")]
    source = b"\n".join(file.read_bytes() for file in files)
    return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest())


APPEND = _read("append", "entries", "members", "incarnations")
APPEND_CHANGES = _read("append", "entries", "members", "incarnations", "changes")
"""The same script with the rules for changes."""

CLAIM = _read("claim", "devices")
COUNT = _read("count", "entries", "members")
CREATE_DIRECT = _read("create_direct")
CURSOR = _read("cursor")
DUE_PLACE = _read("due_place")
DUE_REFUSE = _read("due_refuse")
DUE_SWEEP = _read("due_sweep")
DUE_WITHDRAW = _read("due_withdraw")
EVENTS_ACK = _read("events_ack")
FINISH_TODO = _read("finish_todo")
INTEREST_DROP = _read("interest_drop")
INTEREST_TAKE = _read("interest_take", "incarnations")
LEASE = _read("lease")
LIST_ADD = _read("list_add")
LOCK = _read("lock")
LOGOUT = _read("logout")
MARK = _read("mark")
PAGE = _read("page", "entries", "members")
PUSH_RENEW = _read("push_renew")
RELEASE = _read("release", "devices")
REWIND = _read("rewind", "incarnations")
SCHEDULE_CANCEL = _read("schedule_cancel", "scheduled")
SCHEDULE_END = _read("schedule_end", "scheduled")
SCHEDULE_PLACED = _read("schedule_placed", "scheduled")
SCHEDULE_WRITE = _read("schedule_write", "scheduled")
SEEN = _read("seen", "devices")
SETTING = _read("setting")
TRIM = _read("trim", "entries")

SCRIPTS = tuple(value for value in list(globals().values()) if isinstance(value, Script))
"""All of them; a driver loads these when it connects."""
