"""Conversations: creating them, the users' lists of them, and reading their logs."""

import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from cim_common import ids
from cim_common.store import keys, push
from cim_common.store.flow import Command, Flow
from cim_common.store.scripts import CREATE_DIRECT, FINISH_TODO, LIST_ADD, PAGE
from cim_common.store.sessions import Session, pairs
from cim_common.wire.codec import entry_bytes
from cim_common.wire.limits import MAX_LIST_PAGE, MAX_PAGE_BYTES, MAX_PAGE_ENTRIES
from cim_common.wire.messages import Conversation

SWEEP_AFTER_MS = 2_000
"""A todo older than this is finished by whoever sweeps."""


class LogPage(NamedTuple):
    """A part of a log: (seq, encoded Entry) in the order they were read."""

    head: int
    incarnation: int
    first_kept: int
    entries: list[tuple[int, bytes]]


def may_take_part(conversation: str, user: int) -> bool:
    """Whether the id alone lets this user read and write there; bans are for the append script to see."""
    if conversation == ids.LOBBY:
        return True
    users = ids.direct_users(conversation)
    return users is not None and user in users


def new_incarnation() -> int:
    return secrets.randbits(48) + 1


def open_direct(conversation: str, now_ms: int) -> Flow[bool]:
    """Create a direct conversation and write it into both users' lists; False if a user is unknown."""
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
            (keys.conv(conversation), keys.todo(bucket)), conversation, now_ms, new_incarnation(), *named
        )
    ]
    yield from finish_todo(conversation)
    return True


def finish_todo(conversation: str) -> Flow[None]:
    """Write the lists of a conversation's members, ring their sessions, forget the todo (I13).

    Any number of processes may do this at once, and again.
    """
    (fields,) = yield [("HGETALL", keys.conv(conversation))]
    record = dict(pairs(fields))
    members = [int(field[2:]) for field in record if field.startswith(b"m:")]
    if members:
        replies = yield [
            LIST_ADD.call((keys.conversations(user), keys.sessions(user)), conversation) for user in members
        ]
        rings = [command for user, reply in zip(members, replies, strict=True) for command in _rings(user, reply)]
        if rings:
            yield rings
    bucket = ids.conversation_bucket(conversation)
    version = record.get(b"v", b"0")
    yield [FINISH_TODO.call((keys.conv(conversation), keys.todo(bucket)), conversation, version)]


def _rings(user: int, reply: list[Any]) -> list[Command]:
    version, sessions = reply
    servers = {Session.parse(text).server for _, text in pairs(sessions)}
    return [push.command(server, push.list_changed(user, version)) for server in sorted(servers)]


def overdue(now_ms: int) -> Flow[list[str]]:
    """Conversations whose todo nobody has finished in time, a bounded number."""
    replies = yield [
        ("ZRANGE", keys.todo(bucket), 0, now_ms - SWEEP_AFTER_MS, "BYSCORE", "LIMIT", 0, 16)
        for bucket in range(ids.BUCKETS)
    ]
    return [member.decode() for members in replies for member in members]


def page_up(conversation: str, above: int) -> Flow[LogPage | None]:
    """What stands in the log above a seq, at most one page; None if there is no such conversation."""
    return (yield from _page(conversation, above + 1, "up", MAX_PAGE_ENTRIES))


def page_down(conversation: str, below: int, limit: int) -> Flow[LogPage | None]:
    """The newest entries below a seq, newest first, at most one page."""
    return (yield from _page(conversation, below - 1, "down", min(limit, MAX_PAGE_ENTRIES)))


def _page(conversation: str, first: int, direction: str, most: int) -> Flow[LogPage | None]:
    (reply,) = yield [
        PAGE.call((keys.conv(conversation), keys.log(conversation)), first, direction, most, MAX_PAGE_BYTES)
    ]
    if not reply:
        return None
    head, incarnation, first_kept, flat = reply
    entries = [
        (seq, entry_bytes(meta, content, seq))
        for seq, meta, content in zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    ]
    return LogPage(head, incarnation, first_kept, entries)


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
        listed.insert(0, (ids.LOBBY, 0))
    if not listed:
        return [], version, more
    starts = yield from _starts(user, device, record, listed)
    return starts, version, more


def _scored(flat: list[Any]) -> list[tuple[bytes, bytes]]:
    if flat and isinstance(flat[0], list | tuple):
        return [(member, score) for member, score in flat]
    return list(zip(flat[::2], flat[1::2], strict=True))


def _starts(
    user: int, device: str, record: bytes | None, listed: Sequence[tuple[str, int]]
) -> Flow[list[Conversation]]:
    """Complete list entries with head, names and the position where this device begins (design: cursors).

    A cursor the device left in the store comes first; what is newer than the device starts at its
    beginning, as everything does for a user's first device; an ephemeral device starts at the head of
    the moment, any other at the user's mark. In the lobby every device starts at the head.
    """
    base, first, ephemeral = (int(part) for part in (record or b"0 0 1 0").split()[:3])
    names = [conversation for conversation, _ in listed]
    cursors, marks, *states = yield [
        ("HMGET", keys.cursors(user, device), *names),
        ("HMGET", keys.marks(user), *names),
        *[_state_command(name, user) for name in names],
    ]
    found = []
    for (name, version), cursor, mark, state in zip(listed, cursors, marks, states, strict=True):
        head, incarnation = int(state[0] or 0), int(state[1] or 0)
        if cursor is not None:
            start = int(cursor)
        elif name == ids.LOBBY:
            start = head
        elif first or version > base:
            start = 0
        else:
            start = head if ephemeral else int(mark or 0)
        peer = _peer(name, user)
        title = state[2].decode() if peer and state[2] else ""
        found.append(Conversation(name, version, head, incarnation, min(start, head), peer, title))
    return found


def _peer(conversation: str, user: int) -> int:
    users = ids.direct_users(conversation)
    if users is None:
        return 0
    return users[1] if users[0] == user else users[0]


def _state_command(conversation: str, user: int) -> Command:
    return ("HMGET", keys.conv(conversation), "l", "i", f"n:{_peer(conversation, user)}")
