"""Sessions: which connection of which server holds a device (I14, I15, I16), and who is online where."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cim_common.store import keys, push
from cim_common.store.flow import Command, Flow
from cim_common.store.scripts import CLAIM, CURSOR, RELEASE

EPHEMERAL_KEPT_S = 86_400
"""What is stored of a device without storage of its own is removed this long after its last use."""


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


def claim(user: int, name: str, device: str, session: Session, ephemeral: bool, now_ms: int) -> Flow[Session | None]:
    """Make `session` the one that holds the device; returns the one it replaced.

    The server of the replaced session is rung, so that it closes that connection.
    """
    old_text, _ = yield [
        CLAIM.call(
            (keys.sessions(user), keys.devices(user), keys.conversations(user)),
            device,
            str(session),
            int(ephemeral),
            now_ms,
            EPHEMERAL_KEPT_S * 1000,
        ),
        ("HSET", keys.online(session.server), user, name),
    ]
    if not old_text:
        return None
    old = Session.parse(old_text)
    if old.server != session.server:
        yield [push.command(old.server, push.takeover(user, device, old.connection))]
    return old


def release(user: int, device: str, session: Session, last_here: bool) -> Flow[bool]:
    """Give the device up, if `session` still holds it. `last_here`: the user has no other connection there."""
    commands: list[Command] = [RELEASE.call((keys.sessions(user),), device, str(session))]
    if last_here:
        commands.append(("HDEL", keys.online(session.server), user))
    replies = yield commands
    return bool(replies[0])


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
    (moved,) = yield [
        CURSOR.call(
            (keys.sessions(user), keys.cursors(user, device)),
            device,
            str(session),
            EPHEMERAL_KEPT_S if ephemeral else 0,
            *flat,
        )
    ]
    return bool(moved)


def pairs(fields: object) -> list[tuple[bytes, bytes]]:
    """What HGETALL returned: a flat list under RESP2, a dict from some drivers."""
    if isinstance(fields, dict):
        return list(fields.items())
    assert isinstance(fields, list)
    return list(zip(fields[::2], fields[1::2], strict=True))
