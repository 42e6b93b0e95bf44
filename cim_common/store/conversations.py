"""Conversations: creating them, and the users' lists of them."""

import secrets
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from cim_common import faults, ids
from cim_common.faults import Point
from cim_common.store import keys, members, push
from cim_common.store.flow import Command, Flow
from cim_common.store.marks import marks_of
from cim_common.store.scripts import CREATE_DIRECT, FINISH_TODO, LIST_ADD
from cim_common.store.sessions import Session, pairs
from cim_common.wire.limits import MAX_LIST_PAGE, MAX_PAGE_BYTES
from cim_common.wire.messages import Conversation

SWEEP_AFTER_MS = 2_000
"""A todo older than this is finished by whoever sweeps."""

LISTS_AT_ONCE = 200

OVERHEAD_BYTES = 192
"""Bytes of a conversation in a list at most, beside its title, topic and pins; a pin is at most `PIN_BYTES`."""

PIN_BYTES = 8


def may_take_part(conversation: str, user: int) -> bool:
    """Whether the id alone lets this user read and write there; membership and bans are for the scripts to see."""
    if conversation == ids.LOBBY or ids.is_group(conversation):
        return True
    users = ids.direct_users(conversation)
    return users is not None and user in users


def new_incarnation() -> int:
    return secrets.randbits(48) + 1


def open_direct(conversation: str, now_ms: int, start: int = 0) -> Flow[bool]:
    """Create a direct conversation and write it into both users' lists; False if a user is unknown.

    `start` names the running Redis (`incarnations.py`), 0 if that is not known.
    """
    users = ids.direct_users(conversation)
    assert users is not None
    members = sorted(set(users))
    names = yield [("HGET", keys.user(user), "name") for user in members]
    if not all(names):
        return False
    bucket = ids.conversation_bucket(conversation)
    named = [item for pair in zip(members, names, strict=True) for item in pair]
    yield [
        CREATE_DIRECT.call(
            (keys.conv(conversation), keys.todo(bucket)), conversation, now_ms, new_incarnation(), start, *named
        )
    ]
    if faults.armed:
        faults.reach(Point.CREATED)
    yield from finish_todo(conversation)
    return True


def finish_todo(conversation: str) -> Flow[None]:
    """Write the lists of the users a change concerns, ring their sessions, forget the todo (I13).

    Any number of processes may do this at once, and again.
    """
    ((waiting, version),) = yield [("HMGET", keys.conv(conversation), "t", "v")]
    users = _waiting(waiting or b"")
    at_once = 1 if faults.armed else LISTS_AT_ONCE
    if faults.armed and users:
        faults.reach(Point.LISTS_DUE)
    for start in range(0, len(users), at_once):
        part = users[start : start + at_once]
        replies = yield [
            LIST_ADD.call(
                (keys.conversations(user), keys.sessions(user), keys.settings(user)), conversation, version or 0
            )
            for user in part
        ]
        if faults.armed:
            faults.reach(Point.LIST_WRITTEN)
        rings = list_rings((user, *reply) for user, reply in zip(part, replies, strict=True))
        if rings:
            yield rings
            if faults.armed:
                faults.reach(Point.RUNG)
    if faults.armed and users:
        faults.reach(Point.LISTS_DONE)
    bucket = ids.conversation_bucket(conversation)
    yield [FINISH_TODO.call((keys.conv(conversation), keys.todo(bucket)), conversation, version or 0)]


def _waiting(field: bytes) -> list[int]:
    """The users of a `t` field, each once."""
    users = [user for change in field.split(b";") if change for user in change.partition(b":")[2].split(b",")]
    return list(dict.fromkeys(map(int, users)))


def list_rings(changed: Iterable[tuple[int, int, Any]]) -> list[Command]:
    """The doorbells that tell users' sessions of a new list version: one for each server run.

    `changed` gives user, version and the user's sessions (device, session, ...).
    """
    news: dict[str, list[tuple[int, int]]] = {}
    for user, version, sessions in changed:
        for server in {Session.parse(text).server for _, text in pairs(sessions)}:
            news.setdefault(server, []).append((user, version))
    return [push.command(server, push.lists_changed(users)) for server, users in sorted(news.items())]


def overdue(now_ms: int) -> Flow[list[str]]:
    """Conversations whose todo nobody has finished in time, a bounded number."""
    replies = yield [
        ("ZRANGE", keys.todo(bucket), 0, now_ms - SWEEP_AFTER_MS, "BYSCORE", "LIMIT", 0, 16)
        for bucket in range(ids.BUCKETS)
    ]
    return [member.decode() for members in replies for member in members]


def heads(conversations: Sequence[str]) -> Flow[list[int]]:
    """The last seq of each conversation, 0 where there is none."""
    replies = yield [("HGET", keys.conv(conversation), "l") for conversation in conversations]
    return [int(reply or 0) for reply in replies]


def list_since(user: int, device: str, since: int) -> Flow[tuple[list[Conversation], int, bool]]:
    """A page of the user's conversations whose list version is above `since`, oldest first.

    Returns (conversations, version to ask with next, whether there is more). The lobby is everybody's: it
    leads the first page and stands in nobody's list.
    """
    flat, record = yield [
        ("ZRANGE", keys.conversations(user), f"({since}", "+inf", "BYSCORE", "LIMIT", 0, MAX_LIST_PAGE + 1,
         "WITHSCORES"),
        ("HGET", keys.devices(user), device),
    ]  # fmt: skip
    listed = [(member.decode(), int(float(score))) for member, score in _scored(flat)]
    more = len(listed) > MAX_LIST_PAGE
    listed = [item for item in listed[:MAX_LIST_PAGE] if item[0] != "#"]
    version = listed[-1][1] if listed else since
    if since == 0:
        # It does stand there once it was pinned or muted, so that devices learn of it.
        listed = [(ids.LOBBY, 0), *(item for item in listed if item[0] != ids.LOBBY)]
    if not listed:
        return [], version, more
    found = yield from _starts(user, device, record, listed)
    size = 0
    for index, item in enumerate(found):
        size += OVERHEAD_BYTES + len(item.title.encode()) + len(item.topic.encode()) + PIN_BYTES * len(item.pins)
        if size > MAX_PAGE_BYTES and index > 0:
            return found[:index], found[index - 1].version, True
    return found, version, more


def one(user: int, conversation: str) -> Flow[Conversation | None]:
    """One conversation as it stands in the user's list, without a device's position; None if there is none."""
    (found,) = yield from _starts(user, "", None, [(conversation, 0)])
    return found if found.incarnation else None


def _scored(flat: list[Any]) -> list[tuple[bytes, bytes]]:
    if flat and isinstance(flat[0], list | tuple):
        return [(member, score) for member, score in flat]
    return list(zip(flat[::2], flat[1::2], strict=True))


def _starts(
    user: int, device: str, record: bytes | None, listed: Sequence[tuple[str, int]]
) -> Flow[list[Conversation]]:
    """Complete list entries with state, names and the position where this device begins (design: cursors).

    A cursor the device left in the store comes first; what is newer than the device starts at the beginning of
    what the user may read, as everything does for a user's first device; an ephemeral device starts at the
    head of the moment, any other at the user's read mark. In the lobby every device starts at the head.
    """
    base, first, ephemeral = (int(part) for part in (record or b"0 0 1 0").split()[:3])
    names = [conversation for conversation, _ in listed]
    cursors, marks, settings, *states = yield [
        ("HMGET", keys.cursors(user, device), *names),
        ("HMGET", keys.marks(user), *names),
        ("HMGET", keys.settings(user), *names),
        *[_state_command(name, user) for name in names],
    ]
    found = []
    for (name, version), cursor, mark, setting, fields in zip(listed, cursors, marks, settings, states, strict=True):
        state = _State(*fields)
        member = members.parse(state.member)
        head = int(state.last or 0)
        out = member is not None and member.is_out
        if member is not None and member.is_out:  # what has become of the group since is not theirs to see (I20)
            head = min(head, member.readable_to)
            state = state._replace(topic=None, active=None, members=None, pins=None)
        read, read_base = marks_of(mark)
        if cursor is not None:
            start = int(cursor)
        elif name == ids.LOBBY:
            start = head
        elif first or first_listed(setting, version) > base:
            start = max(member.readable_from - 1, 0) if member else 0
        else:
            start = head if ephemeral else read
        # Counting begins at the read mark, where one joined, or, in the lobby, nowhere; for those who are out it ends.
        counted = (mark is not None or name != ids.LOBBY) and not out
        # What retention has removed cannot be read any more and counts no longer.
        gone = int(state.gone or 0) - int(state.own_gone or 0)
        texts = int(state.last or 0) - int(state.other_entries or 0)
        unread = texts - int(state.own or 0) - max(read_base, member.base if member else 0, gone)
        pinned, muted = flags_of(setting)
        found.append(
            Conversation(
                name, version, head, int(state.incarnation or 0), min(start, head), ids.peer(name, user),
                (state.peer_name or state.name or b"").decode(), (state.topic or b"").decode(),
                member.role if member else "member" if name == ids.LOBBY else "left",
                max(unread, 0) if counted else 0, read, int(float(state.active or 0)), int(state.members or 0),
                state.kind == b"z", pinned, muted,
                tuple(int(pin) for pin in (state.pins or b"").split(b",") if pin),
            )
        )  # fmt: skip
    return found


class _State(NamedTuple):
    """What the list shows of a conversation's hash."""

    last: bytes | None
    incarnation: bytes | None
    peer_name: bytes | None
    name: bytes | None
    topic: bytes | None
    member: bytes | None
    other_entries: bytes | None
    own: bytes | None
    active: bytes | None
    members: bytes | None
    kind: bytes | None
    pins: bytes | None
    gone: bytes | None
    own_gone: bytes | None


def _state_command(conversation: str, user: int) -> Command:
    peer = ids.peer(conversation, user)
    return (
        "HMGET", keys.conv(conversation), "l", "i", f"n:{peer}", "gn", "gt", f"m:{user}", "x", f"o:{user}", "r", "mc",
        "k", "pins", "fc", f"d:{user}",
    )  # fmt: skip


def flags_of(setting: bytes | None) -> tuple[bool, bool]:
    """(pinned, muted) of a settings record."""
    if setting is None:
        return False, False
    _, pinned, muted = setting.split()[:3]
    return pinned == b"1", muted == b"1"


def first_listed(setting: bytes | None, version: int) -> int:
    """The list version at which a conversation came in; `version`, its newest, where the record does not say."""
    parts = (setting or b"").split()
    return int(parts[3]) if len(parts) > 3 else version
