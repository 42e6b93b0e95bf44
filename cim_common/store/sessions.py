"""Sessions: which connection of which server holds a device (I14, I15, I16), and who is online where."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cim_common.store import keys, push
from cim_common.store.flow import Command, Flow
from cim_common.store.scripts import CLAIM, CURSOR, RELEASE, SEEN
from cim_common.wire.codes import Code, code_of

EPHEMERAL_KEPT_S = 86_400
"""What is stored of a device without storage of its own is removed this long after its last use."""

DEVICE_KEPT_S = 90 * 86_400
"""The same for a device with storage."""

MAX_DEVICES = 20
"""Devices kept of a user; beyond that the one unseen longest is removed."""

MAX_EPHEMERAL_DEVICES = 100
"""Counted apart: programs that keep nothing come and go, and must not push out a person's devices."""

UNDISTURBED_S = 3_600
"""A device seen since then is not removed for there being too many: what it sent may still be on its way."""

SWEPT_EVERY_S = 3_600
"""A login of a known device looks no more often for what is to be removed: it costs some microseconds a device."""

HELD_S = 2 * 86_400
"""A session's server notes it as seen every few minutes: unseen for so long, it is a dead server's (I16)."""


MAX_CURSORS_AT_ONCE = 500
"""In one call: Redis answers nobody else meanwhile, and who comes back after a year has thousands to move."""


class Session(NamedTuple):
    """One connection: the server run that holds it and a random id within it."""

    server: str
    connection: str

    def __str__(self) -> str:
        return f"{self.server} {self.connection}"

    @classmethod
    def parse(cls, text: bytes) -> "Session":
        server, _, connection = text.decode().partition(" ")
        return cls(server, connection)


class Claimed(NamedTuple):
    """What a login has come to: the session it replaced, the user's `receipts` setting, devices to be forgotten
    (`store/devices.py`)."""

    replaced: Session | None
    receipts: bool
    gone: tuple[str, ...]


def claim(
    user: int,
    name: str,
    device: str,
    session: Session,
    ephemeral: bool,
    now_ms: int,
    version: int | None = None,
    returning: bool = False,
) -> Flow[Claimed | Code]:
    """Make `session` the one that holds the device; the code with which that is refused otherwise.

    LOGGED_OUT: the device was logged out since its login of that `version` (None: not asked, for a legacy client
    has none). DEVICE_EXPIRED: it is being forgotten, or is `returning` and already was.
    The server of the replaced session is rung, so that it closes that connection.
    """
    code, *rest = yield from _claim(user, device, session, ephemeral, now_ms, version, returning)
    if code:
        return code_of(code)
    old_text, silent, gone = rest
    old = Session.parse(old_text) if old_text else None
    commands: list[Command] = [("HSET", keys.online(session.server), user, name)]
    if old is not None and old.server != session.server:
        commands.append(push.command(old.server, push.takeover(user, device, old.connection)))
    yield commands
    return Claimed(old, not silent, tuple(item.decode() for item in gone))


def _claim(
    user: int, device: str, session: Session, ephemeral: bool, now_ms: int, version: int | None, returning: bool
) -> Flow[list[Any]]:
    (reply,) = yield [
        CLAIM.call(
            (keys.sessions(user), keys.devices(user), keys.conversations(user), keys.user(user)),
            device,
            str(session),
            int(ephemeral),
            now_ms,
            "" if version is None else version,
            int(returning),
            DEVICE_KEPT_S * 1000,
            MAX_DEVICES,
            EPHEMERAL_KEPT_S * 1000,
            MAX_EPHEMERAL_DEVICES,
            UNDISTURBED_S * 1000,
            HELD_S * 1000,
            SWEPT_EVERY_S * 1000,
        )
    ]
    found: list[Any] = reply
    return found


def release(user: int, device: str, session: Session, last_here: bool, now_ms: int) -> Flow[bool]:
    """Give the device up, if `session` still holds it. `last_here`: the user has no other connection there."""
    commands = [released(user, device, session, now_ms)]
    if last_here:
        commands.append(("HDEL", keys.online(session.server), user))
    replies = yield commands
    return bool(replies[0])


def released(user: int, device: str, session: Session, now_ms: int) -> Command:
    """The command that gives a device up by compare-and-delete (I14)."""
    return RELEASE.call((keys.sessions(user), keys.devices(user), keys.user(user)), device, str(session), now_ms)


class Standing(NamedTuple):
    """What the store says of a session: who holds its device, the version a login of that device carries now, the
    version of the user's conversation list, the `receipts` setting."""

    holder: str
    version: int
    list_version: int
    receipts: bool


def seen(sessions: Sequence[tuple[int, str, Session]], now_ms: int) -> Flow[list[Standing]]:
    """Note connected sessions (user, device, session) as in use now, and hear how each stands."""
    replies = yield [
        SEEN.call(
            (keys.sessions(user), keys.devices(user), keys.conversations(user), keys.user(user)),
            device,
            str(session),
            now_ms,
        )
        for user, device, session in sessions
    ]
    return [Standing(holder.decode(), version, listed, not silent) for holder, version, listed, silent in replies]


def announce(server: str, users: Mapping[int, str]) -> Flow[None]:
    """Write who is connected to a server run: its list may have expired while the store was away."""
    flat = [item for pair in users.items() for item in pair]
    yield [("HSET", keys.online(server), *flat)]


def of_user(user: int) -> Flow[dict[str, Session]]:
    """The sessions of a user by device. Whether their servers live is for the registry to say (I16)."""
    (fields,) = yield [("HGETALL", keys.sessions(user))]
    return {device.decode(): Session.parse(text) for device, text in pairs(fields)}


def online(servers: Sequence[str]) -> Flow[list[tuple[int, str]]]:
    """Id and name of every user connected to these server runs (`id:epoch`), sorted by name."""
    if not servers:
        return []
    replies = yield [("HGETALL", keys.online(server)) for server in servers]
    users = {int(user): name.decode() for fields in replies for user, name in pairs(fields)}
    return sorted(users.items(), key=lambda item: item[1])


def move_cursors(user: int, device: str, session: Session, ephemeral: bool, cursors: Mapping[str, int]) -> Flow[bool]:
    """Record what the device has shown; forward only. False: another session holds the device (I15)."""
    flat = [item for pair in cursors.items() for item in pair]
    moved = yield [
        CURSOR.call(
            (keys.sessions(user), keys.cursors(user, device)),
            device,
            str(session),
            EPHEMERAL_KEPT_S if ephemeral else 0,
            *flat[start : start + 2 * MAX_CURSORS_AT_ONCE],
        )
        for start in range(0, len(flat), 2 * MAX_CURSORS_AT_ONCE)
    ]
    return all(moved)


def pairs(fields: object) -> list[tuple[bytes, bytes]]:
    """What HGETALL returned: a flat list under RESP2, a dict from some drivers."""
    if isinstance(fields, dict):
        return list(fields.items())
    assert isinstance(fields, list)
    return list(zip(fields[::2], fields[1::2], strict=True))
