"""What kind of cluster the store holds: written once, checked at every start."""

from typing import NamedTuple

from cim_common import ids
from cim_common.store import keys
from cim_common.store.conversations import new_incarnation
from cim_common.store.flow import Flow
from cim_common.store.sessions import pairs

SCHEMA = 3
"""Version of the layout of keys; a program refuses a store of another one."""


class StoreMismatch(Exception):
    """The store was written by something this program does not understand. One sentence for the operator."""


class Metadata(NamedTuple):
    """Facts fixed when the cluster was created."""

    schema: int
    buckets: int
    engine: str
    durability: str


def check() -> Flow[Metadata]:
    """Create the metadata and the lobby if they are missing, then compare them with what we know.

    Raises:
        StoreMismatch: schema, buckets, engine or durability class are not ours.
    """
    (info,) = yield [("INFO", "server")]
    engine = _engine(info if isinstance(info, bytes) else str(info).encode())
    ours = Metadata(SCHEMA, ids.BUCKETS, engine, "D1")
    mine: dict[str, str] = {field: str(value) for field, value in ours._asdict().items()}
    yield [("HSETNX", keys.META, field, value) for field, value in mine.items()]
    (fields,) = yield [("HGETALL", keys.META)]
    found = {field.decode(): value.decode() for field, value in pairs(fields)}
    for field, value in mine.items():
        if found.get(field) != value:
            raise StoreMismatch(
                f"This store has {field} {found.get(field)!r}, this program works with {value!r}: "
                "use the program that created it, or another data folder."
            )
    lobby = keys.conv(ids.LOBBY)
    yield [("HSETNX", lobby, "i", new_incarnation())]
    yield [("HSETNX", lobby, field, value) for field, value in _LOBBY_FIELDS]
    return ours


_LOBBY_FIELDS = (("v", "1"), ("l", "0"), ("x", "0"), ("f", "1"), ("iv", "0"), ("k", "l"))


def _engine(info: bytes) -> str:
    for line in info.splitlines():
        if line.startswith(b"server_name:"):
            return line.partition(b":")[2].decode().strip()
    return "redis"


def durability_warning(policy: str | None) -> str | None:
    """What to tell the operator about the store's `appendfsync`; None when it keeps I1."""
    if policy == "always":
        return None
    shown = policy or "not known"
    return (
        f"The store's append-only file is not synced before each answer (appendfsync: {shown}): "
        "a crash can lose acknowledged messages. Set appendonly yes and appendfsync always."
    )


def sync_policy() -> Flow[str | None]:
    """The store's `appendfsync`, "no" without an append-only file, None when it may not be asked."""
    (reply,) = yield [("CONFIG", "GET", "*append*")]
    found = {key.decode(): value.decode() for key, value in pairs(reply)}
    policy = found.get("appendfsync") if found.get("appendonly") == "yes" else "no"
    if policy == "always" and found.get("no-appendfsync-on-rewrite") == "yes":
        return "always, but not while the file is rewritten"
    return policy
