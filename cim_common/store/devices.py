"""A user's devices: listing them, logging one out, forgetting those that were away too long.

Forgetting begins in the claim script, which marks a device as gone: from then on it cannot log in. The rest is
done here, in steps; the mark goes last, so whoever logs in next finds what was interrupted and does it again.

With its fields in `conv` goes what dedupes the device's messages (I4). That is safe because no late copy of one can
exist: a server commits nothing that has waited in it for 10 s (I8), a device marked as gone was last connected an
hour ago at least, and it cannot log in to send a copy now: it comes back under another id (DEVICE_EXPIRED).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cim_common import ids
from cim_common.store import accounts, keys, push
from cim_common.store.flow import Command, Flow
from cim_common.store.scripts import LOGOUT
from cim_common.store.sessions import Session, pairs, released
from cim_common.wire.messages import Device

OTHER_DOORS = frozenset(("http", "legacy", "sched"))
"""Device ids under which the store keeps what HTTP calls, legacy clients and schedules send: nobody's devices."""

MAX_LISTED = 200
CONVERSATIONS_AT_ONCE = 200


class LoggedOut(NamedTuple):
    """A device was logged out; `session` held it then."""

    session: Session | None


def of_user(user: int, current: str, alive: Callable[[str], bool], now_ms: int) -> Flow[list[Device]]:
    """The devices of a user that are not logged out, the one seen last first, at most 200.

    `alive` says whether a server run (`id:epoch`) lives: a session of any other is dead (I16).
    """
    records, held = yield [("HGETALL", keys.devices(user)), ("HGETALL", keys.sessions(user))]
    online = {device.decode() for device, text in pairs(held) if alive(Session.parse(text).server)}
    found = []
    for field, record in pairs(records):
        device, parts = field.decode(), record.split()
        if not ids.is_device_id(device) or device in OTHER_DOORS or len(parts) > 4:
            continue
        seen_ms = now_ms if device in online else int(parts[3])
        found.append(Device(device, seen_ms, device in online, parts[2] == b"1", device == current))
    return sorted(found, key=lambda device: (-device.seen_ms, device.id))[:MAX_LISTED]


def logout(user: int, device: str, now_ms: int, connected_once: bool, here: str = "") -> Flow[LoggedOut | None]:
    """End every token of a device and its connection; None if it must have connected once and has not.

    The server that holds it is rung, unless it is `here`: then closing the connection is for the caller.
    """
    (reply,) = yield [
        LOGOUT.call((keys.user(user), keys.devices(user), keys.sessions(user)), device, int(connected_once))
    ]
    if not reply:
        return None
    logouts, holder = reply
    session = Session.parse(holder) if holder else None
    if session is not None:
        commands: list[Command] = [released(user, device, session, now_ms)]
        if session.server != here:
            takeover = push.takeover(user, device, session.connection, logged_out=True)
            commands.insert(0, push.command(session.server, takeover))
        yield commands
    if logouts >= accounts.MAX_LOGOUTS:
        yield from accounts.logout_everywhere(user)
    return LoggedOut(session)


def forget(user: int, gone: Sequence[str]) -> Flow[None]:
    """Remove what is stored of devices that are marked as gone: sender records, cursors, then the marks.

    Conversations are read upwards by list version: one that moves up meanwhile comes again, none is passed over.
    """
    if not gone:
        return
    senders = [keys.sender_field(user, device) for device in gone]
    yield [("HDEL", keys.conv(ids.LOBBY), *senders)]
    version = 0
    while True:
        (flat,) = yield [
            ("ZRANGE", keys.conversations(user), f"({version}", "+inf", "BYSCORE", "LIMIT", 0,
             CONVERSATIONS_AT_ONCE, "WITHSCORES"),
        ]  # fmt: skip
        listed = [(member.decode(), int(float(score))) for member, score in pairs(flat) if member != b"#"]
        if not listed:
            break
        yield [("HDEL", keys.conv(conversation), *senders) for conversation, _ in listed]
        version = listed[-1][1]
    yield [("DEL", keys.cursors(user, device)) for device in gone]
    yield [("HDEL", keys.devices(user), *[f"-{device}" for device in gone])]
