"""Every key of the store, spelled once. What each holds stands in docs/architecture.md.

All keys of a conversation share the slot of its bucket `{c17}`, all keys of a user that of `{u17}`, so that a
script touches one slot. Names come in hex: they can hold anything.
"""

from cim_common.ids import conversation_bucket, user_bucket

META = "cim:meta"
NAMES = "cim:names"
"""Sorted set of all canonical names with score 0, for look-ups by prefix: member `name\\0user id`."""

LIMITS = "cim:limit"
"""Prefix of what the `limits` library keeps: attempts per account, each key for a minute at most."""

SERVERS = "cim:servers"
"""Leases registry: which servers live."""

RECENT = "recent"
"""Stream: which conversations grew lately, a call of the append script each (recent.py); the scripts make no other
key that is not of its conversation's slot."""

RETENTION = "cim:retention"
"""String: the server run that walks over the conversations for retention; ends by itself."""

EVERY_CONV = "conv:*"
"""Matches the hashes of all conversations."""


def conversation_of(key: bytes) -> str:
    """The conversation whose hash has that key."""
    return key.partition(b"}:")[2].decode()


def _c(conversation: str) -> str:
    return f"{{c{conversation_bucket(conversation)}}}"


def _u(user: int) -> str:
    return f"{{u{user_bucket(user)}}}"


def log(conversation: str) -> str:
    """Stream: the entries (entries.py), id `seq-0`."""
    return f"log:{_c(conversation)}:{conversation}"


def conv(conversation: str) -> str:
    """Hash: kind, last seq, counters, members, senders."""
    return f"conv:{_c(conversation)}:{conversation}"


def sender_field(user: int, device: str) -> str:
    """Field of `conv`: last n, last seq, refusal, rate of a device that wrote there."""
    return f"s:{user}:{device}"


def refusal(conversation: str, user: int, device: str) -> str:
    """String: the last n refused to a stranger, and why."""
    return f"snd:{_c(conversation)}:{conversation}:{user}:{device}"


def interest(conversation: str) -> str:
    """Hash: `server:epoch` -> generation."""
    return f"int:{_c(conversation)}:{conversation}"


def idempotency(conversation: str, user: int, key_hash: str) -> str:
    """String: the seq that an HTTP send with that Idempotency-Key got."""
    return f"idem:{_c(conversation)}:{conversation}:{user}:{key_hash}"


def overlay(conversation: str) -> str:
    """Hash: what later entries made of messages: edited, recalled, reactions (scripts/parts/changes.lua)."""
    return f"ovl:{_c(conversation)}:{conversation}"


def members(conversation: str) -> str:
    """Sorted set: the members of a group by user id; their records stand in `conv`."""
    return f"mem:{_c(conversation)}:{conversation}"


def todo(bucket: int) -> str:
    """Sorted set: conversations whose members' lists are not written yet, by Redis time in ms."""
    return f"todo:{{c{bucket}}}"


def due(bucket: int) -> str:
    """Sorted set: scheduled messages for conversations of the bucket, by the time they are due in ms."""
    return f"due:{{c{bucket}}}"


def user(user_id: int) -> str:
    """Hash: the account."""
    return f"user:{_u(user_id)}:{user_id}"


def sessions(user_id: int) -> str:
    """Hash: device -> session."""
    return f"sess:{_u(user_id)}:{user_id}"


def devices(user_id: int) -> str:
    """Hash: device -> when and how it was registered."""
    return f"dev:{_u(user_id)}:{user_id}"


def conversations(user_id: int) -> str:
    """Sorted set: the user's conversations by list version; member `#` is the version counter."""
    return f"convs:{_u(user_id)}:{user_id}"


def cursors(user_id: int, device: str) -> str:
    """Hash: conversation -> last seq shown on that device."""
    return f"cur:{_u(user_id)}:{user_id}:{device}"


def event_positions(user_id: int, device: str) -> str:
    """Hash: conversation -> "seq incarnation": up to where a program that polls for events has taken them."""
    return f"evt:{_u(user_id)}:{user_id}:{device}"


def marks(user_id: int) -> str:
    """Hash: conversation -> "seq base": the read mark, and the texts of others up to it."""
    return f"mark:{_u(user_id)}:{user_id}"


def settings(user_id: int) -> str:
    """Hash: conversation -> "version pinned muted": the newest member version listed, and the user's own flags."""
    return f"set:{_u(user_id)}:{user_id}"


def schedules(user_id: int) -> str:
    """Hash: schedule id -> the scheduled message."""
    return f"sched:{_u(user_id)}:{user_id}"


def limits(user_id: int) -> str:
    """Hash: budget -> when its debt is paid, in ms (scripts/lease.lua)."""
    return f"lim:{_u(user_id)}:{user_id}"


def schedule_end(user_id: int, schedule: str) -> str:
    """String: what became of a scheduled message: its seq, 0 cancelled, minus the code of a refusal."""
    return f"schend:{_u(user_id)}:{user_id}:{schedule.encode().hex()}"


def name(canonical: str) -> str:
    """String: the id of the user that owns the name."""
    return f"name:{canonical.encode().hex()}"


def push(server: str) -> str:
    """Stream: doorbells for one run of one server (`id:epoch`)."""
    return f"push:{{{server}}}"


def online(server: str) -> str:
    """Hash: user id -> name of those connected to one run of one server (`id:epoch`)."""
    return f"online:{{{server}}}"
