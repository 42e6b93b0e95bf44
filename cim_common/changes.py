"""Changes: what a request for a state entry has to look like, and what the append script is told of it. No I/O.

The same for all doors: v2 connections give a `Change`, HTTP calls make one. Whether the sender may is for the script
(`store/scripts/parts/changes.lua`) to decide, atomically with the append (I2).
"""

import json
import unicodedata
from collections.abc import Sequence

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

_WITH_TARGETS = frozenset({Kind.JOINED, Kind.KICKED, Kind.BANNED, Kind.UNBANNED})
_WITH_ONE_TARGET = frozenset({Kind.ROLE, Kind.BLOCKED, Kind.UNBLOCKED})
_WITH_REF = frozenset({Kind.EDITED, Kind.RECALLED, Kind.REACTION, Kind.PINNED})


def completed(change: Change) -> Change:
    """The change with its defaults written out and each target once."""
    targets = tuple(dict.fromkeys(change.targets))
    if change.kind != Kind.CREATED:
        return change._replace(targets=targets)
    return change._replace(targets=targets, history=change.history or "join", invite=change.invite or "members")


def refusal(change: Change) -> Code | None:
    """What is wrong with a change by itself (I7: it is never stored); None if nothing."""
    kind = change.kind
    if kind not in FROM_CLIENTS or len(change.targets) > MAX_TARGETS:
        return Code.BAD_REQUEST
    if kind in (Kind.CREATED, Kind.RENAMED):
        if not 0 < len(change.text.strip()) <= MAX_GROUP_NAME or len(change.topic) > MAX_TOPIC:
            return Code.NAME_TOO_LONG
        if kind == Kind.CREATED and not (
            ids.is_group(change.conversation) and change.history in HISTORY and change.invite in INVITE
        ):
            return Code.BAD_REQUEST
    if (kind in _WITH_TARGETS and not change.targets) or (kind in _WITH_ONE_TARGET and len(change.targets) != 1):
        return Code.BAD_REQUEST
    if kind in _WITH_REF and not 0 < change.ref < ids.MAX_SEQ:
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
