"""Changes: what a request for a state entry has to look like, and what the append script is told of it. No I/O.

The same for all doors: v2 connections give a `Change`, HTTP calls make one. Whether the sender may is for the script
(`store/scripts/parts/changes.lua`) to decide, atomically with the append (I2).
"""

import json
import unicodedata
from collections.abc import Sequence
from typing import Any

from cim_common import ids
from cim_common.accept import check_text
from cim_common.store.conversations import new_incarnation
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.kinds import FROM_CLIENTS, Kind
from cim_common.wire.limits import MAX_GROUP_NAME, MAX_MEMBERS, MAX_REACTION_BYTES, MAX_TARGETS, MAX_TOPIC
from cim_common.wire.messages import Change, Target

ROLES = frozenset(("owner", "admin", "member"))
HISTORY = frozenset(("all", "join"))
INVITE = frozenset(("members", "admins"))

_SAYS: dict[int, tuple[str, ...]] = {
    Kind.CREATED: ("targets", "text", "topic", "history", "invite"),
    Kind.JOINED: ("targets",),
    Kind.KICKED: ("targets",),
    Kind.BANNED: ("targets",),
    Kind.UNBANNED: ("targets",),
    Kind.ROLE: ("targets", "role"),
    Kind.RENAMED: ("text", "topic"),
    Kind.EDITED: ("ref", "text"),
    Kind.RECALLED: ("ref",),
    Kind.REACTION: ("ref", "text", "removed"),
    Kind.PINNED: ("ref", "removed"),
    Kind.BLOCKED: ("targets",),
    Kind.UNBLOCKED: ("targets",),
}
"""The fields that mean something in a change of each kind. Others are dropped: nothing bounds them, and an entry longer
than a frame would end every connection it is sent to."""

_WITH_ONE_TARGET = frozenset({Kind.ROLE, Kind.BLOCKED, Kind.UNBLOCKED})


def completed(change: Change) -> Change:
    """The change with what its kind says and no more, its defaults written out and each target once."""
    conversation, n, after, kind = change[:4]
    said: dict[str, Any] = {field: getattr(change, field) for field in _SAYS.get(kind, ())}
    if "targets" in said:
        said["targets"] = tuple(dict.fromkeys(change.targets))
    if kind in (Kind.CREATED, Kind.RENAMED):
        said["text"] = change.text.strip()
    if kind == Kind.CREATED:
        said |= {"history": change.history or "join", "invite": change.invite or "members"}
    return Change(conversation, n, after, kind, **said)


def refusal(change: Change) -> Code | None:
    """What is wrong with a change by itself (I7: it is never stored); None if nothing."""
    kind = change.kind
    if kind not in FROM_CLIENTS or len(change.targets) > MAX_TARGETS:
        return Code.BAD_REQUEST
    if kind in (Kind.CREATED, Kind.RENAMED):
        if not 0 < len(change.text) <= MAX_GROUP_NAME or len(change.topic) > MAX_TOPIC:
            return Code.NAME_TOO_LONG
        if any(unicodedata.category(character) == "Cc" for character in change.text + change.topic):
            return Code.NAME_TOO_LONG
        if kind == Kind.CREATED and not (
            ids.is_group(change.conversation) and change.history in HISTORY and change.invite in INVITE
        ):
            return Code.BAD_REQUEST
    fields = _SAYS.get(kind, ())
    if "targets" in fields and kind != Kind.CREATED and not change.targets:
        return Code.BAD_REQUEST
    if kind in _WITH_ONE_TARGET and len(change.targets) != 1:
        return Code.BAD_REQUEST
    if "ref" in fields and not 0 < change.ref < ids.MAX_SEQ:
        return Code.NO_SUCH_MESSAGE
    if kind == Kind.ROLE and change.role not in ROLES:
        return Code.BAD_REQUEST
    if kind == Kind.EDITED:
        return check_text(change.text)
    if kind == Kind.REACTION and not _is_reaction(change.text):
        return Code.BAD_REQUEST
    return None


def _is_reaction(text: str) -> bool:
    """An emoji with its joiners, or a short word such as +1; no white space and no controls."""
    if not text or len(text.encode()) > MAX_REACTION_BYTES:
        return False
    return not any(character.isspace() or unicodedata.category(character) == "Cc" for character in text)


def op_of(change: Change) -> bytes:
    """What the append script is told."""
    return json.dumps(
        {
            "k": int(change.kind),
            "ref": change.ref,
            "targets": [str(user) for user in change.targets],
            "role": change.role,
            "text": change.text if change.kind != Kind.EDITED else "",
            "topic": change.topic,
            "removed": change.removed,
            "history": change.history,
            "invite": change.invite,
            "incarnation": str(new_incarnation()) if change.kind == Kind.CREATED else "",
            "max_members": MAX_MEMBERS,
        },
        ensure_ascii=False,
    ).encode()


def content_of(change: Change, names: Sequence[str]) -> bytes:
    """The content of the entry; `names` are those of the targets, as the store has them."""
    return codec.change_content(change, [Target(*pair) for pair in zip(change.targets, names, strict=True)])
