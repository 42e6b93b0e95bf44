"""Who may see whom, and whether somebody is here: one rule for both doors, the wire's PRESENCE and HTTP."""

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import NamedTuple

from cim_common import ids
from cim_common.store import keys, members
from cim_common.store.flow import Command, Flow
from cim_common.store.sessions import of_user

FIELDS_AT_ONCE = 500
COMMANDS_AT_ONCE = 50

_SEES = members.TAKING_PART - {b"b"}
"""Who is blocked is seen, and sees nobody."""


class Directory(StrEnum):
    """Whom users find and whose presence they see."""

    OPEN = "open"
    MEMBERS = "members"
    """Those with whom they share a direct conversation or a group; the lobby does not count, nor does a
    conversation in which they are blocked."""


class Presence(NamedTuple):
    """`seen_ms` is 0 for those who are here, who were never here, or who do not tell."""

    online: bool
    seen_ms: int


def of(viewer: int, user: int, servers: Collection[str], directory: Directory) -> Flow[Presence | None]:
    """The presence of a user as another may see it; None when the directory hides it.

    `servers` are the live server runs (`id:epoch`): a session of any other is dead (I16).
    """
    if directory is Directory.MEMBERS and not (yield from visible(viewer, (user,))):
        return None
    sessions = yield from of_user(user)
    if any(session.server in servers for session in sessions.values()):
        return Presence(True, 0)
    ((seen, silent),) = yield [("HMGET", keys.user(user), "seen", "no_seen")]
    return Presence(False, 0 if silent == b"1" else int(seen or 0))


def visible(viewer: int, users: Iterable[int]) -> Flow[set[int]]:
    """Those of `users` whom the viewer may see under `Directory.MEMBERS`; always the viewer itself."""
    wanted = set(users)
    found = wanted & {viewer}
    (listed,) = yield [("ZRANGE", keys.conversations(viewer), 0, -1)]
    conversations = [member.decode() for member in listed if member != b"#"]
    peers = {
        peer: conversation
        for conversation in conversations
        if (peer := ids.peer(conversation, viewer)) in wanted and peer not in found
    }
    found |= yield from _sharing(viewer, [(conversation, (peer,)) for peer, conversation in peers.items()])
    groups = [conversation for conversation in conversations if ids.is_group(conversation)]
    for start in range(0, len(groups), COMMANDS_AT_ONCE):
        rest = sorted(wanted - found)
        if not rest:
            break
        part = groups[start : start + COMMANDS_AT_ONCE]
        for first in range(0, len(rest), FIELDS_AT_ONCE):
            some = tuple(rest[first : first + FIELDS_AT_ONCE])
            found |= yield from _sharing(viewer, [(group, some) for group in part])
    return found


def _sharing(viewer: int, asked: list[tuple[str, tuple[int, ...]]]) -> Flow[set[int]]:
    """Of the users asked for in each conversation, those who take part in it together with the viewer."""
    found: set[int] = set()
    for start in range(0, len(asked), COMMANDS_AT_ONCE):
        part = asked[start : start + COMMANDS_AT_ONCE]
        replies = yield [_records(conversation, (viewer, *users)) for conversation, users in part]
        for (_, users), (own, *records) in zip(part, replies, strict=True):
            if own is None or own[:1] not in _SEES:
                continue
            found |= {
                user
                for user, record in zip(users, records, strict=True)
                if record is not None and record[:1] in members.TAKING_PART
            }
    return found


def _records(conversation: str, users: Iterable[int]) -> Command:
    return ("HMGET", keys.conv(conversation), *[f"m:{user}" for user in users])
