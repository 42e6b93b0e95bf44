"""The Lua scripts of the store: one file each under scripts/, where its contract stands."""

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


def _read(name: str) -> Script:
    source = resources.files("cim_common.store").joinpath("scripts", f"{name}.lua").read_bytes()
    return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest())


APPEND = _read("append")
CLAIM = _read("claim")
CREATE_DIRECT = _read("create_direct")
CURSOR = _read("cursor")
FINISH_TODO = _read("finish_todo")
INTEREST_DROP = _read("interest_drop")
INTEREST_TAKE = _read("interest_take")
LIST_ADD = _read("list_add")
PAGE = _read("page")
PUSH_RENEW = _read("push_renew")
RELEASE = _read("release")

SCRIPTS = (
    APPEND,
    CLAIM,
    CREATE_DIRECT,
    CURSOR,
    FINISH_TODO,
    INTEREST_DROP,
    INTEREST_TAKE,
    LIST_ADD,
    PAGE,
    PUSH_RENEW,
    RELEASE,
)
"""All of them; a driver loads these when it connects."""
