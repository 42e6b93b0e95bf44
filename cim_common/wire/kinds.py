"""What can stand in a log: the kinds of entries, as a table (docs/protocol.md is made from it).

A text is kind 0. Every other entry changes something: the conversation, who takes part in it, or an earlier message.
The append script (`store/scripts/parts/changes.lua`) decides who may write which; `cim_common/roster.py` says what
an entry makes of a conversation.
"""

from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """The number in `Entry.kind`."""

    TEXT = 0
    CREATED = 1
    JOINED = 2
    LEFT = 3
    KICKED = 4
    BANNED = 5
    UNBANNED = 6
    ROLE = 7
    RENAMED = 8
    DISSOLVED = 9
    EDITED = 10
    RECALLED = 11
    REACTION = 12
    PINNED = 13
    BLOCKED = 14
    UNBLOCKED = 15
    NOTICE = 16


class Rule(NamedTuple):
    """One row of the table. `where` names kinds of conversations: d(irect), s(elf), g(roup), l(obby)."""

    who: str
    where: str
    refers_to: str
    effect: str
    unread: bool
    legacy: str


RULES: dict[Kind, Rule] = {
    Kind.TEXT: Rule("members, not the blocked", "dsgl", "`ref`: the message it answers", "a message", True, "shown"),
    Kind.CREATED: Rule(
        "anyone, who becomes the owner", "g", "`targets`: the first members", "name, topic, members", False, "not shown"
    ),
    Kind.JOINED: Rule(
        "members, or owner and admins only where the group says so", "g", "`targets`: who is invited",
        "they are members from here on", False, "not shown",
    ),
    Kind.LEFT: Rule(
        "the member", "g", "", "the sender is no member any more; an owner is followed by the admin, else the member, "
        "of longest standing; without one the group is dissolved", False, "not shown",
    ),
    Kind.KICKED: Rule(
        "owner; admins: members only", "g", "`targets`", "they are no members any more", False, "not shown"
    ),
    Kind.BANNED: Rule(
        "owner; admins: members only", "g", "`targets`", "no members any more, and not to be invited", False,
        "not shown",
    ),
    Kind.UNBANNED: Rule("owner, admins", "g", "`targets`", "they may be invited again", False, "not shown"),
    Kind.ROLE: Rule(
        "owner", "g", "`targets`: one member", "its `role`; a new owner makes the old one an admin", False, "not shown"
    ),
    Kind.RENAMED: Rule("owner, admins", "g", "", "name (`text`) and `topic`", False, "not shown"),
    Kind.DISSOLVED: Rule("owner", "g", "", "nobody writes there any more; it can be read", False, "not shown"),
    Kind.EDITED: Rule(
        "the author of the message", "dsgl", "`ref`: a text", "its text is `text` from here on", False, "not shown"
    ),
    Kind.RECALLED: Rule(
        "the author of the message; in a group owner and admins", "dsgl", "`ref`: a text",
        "its text is not given out any more", False, "not shown",
    ),
    Kind.REACTION: Rule(
        "members, not the blocked", "dsgl", "`ref`: a text",
        "`text` is put to it, or with `removed` taken back", False, "not shown",
    ),
    Kind.PINNED: Rule(
        "members; in a group owner and admins", "dsg", "`ref`: a text",
        "it is pinned, or with `removed` no longer", False, "not shown",
    ),
    Kind.BLOCKED: Rule("either user", "d", "`targets`: the other", "the other may not write", False, "not shown"),
    Kind.UNBLOCKED: Rule("who blocked", "d", "`targets`: the other", "the other may write again", False, "not shown"),
    Kind.NOTICE: Rule(
        "the cluster", "s", "", "tells the user something, such as a scheduled message that was refused", False,
        "not shown",
    ),
}  # fmt: skip

REMOVALS = frozenset({Kind.LEFT, Kind.KICKED, Kind.BANNED})
"""Kinds after which somebody may not read on: a server looks into these before it delivers what follows (I20)."""

FROM_CLIENTS = frozenset(Kind) - {Kind.TEXT, Kind.NOTICE}
"""Kinds a client may ask for with CHANGE."""


class Signal(IntEnum):
    """What a SIGNAL frame tells (best effort, never stored)."""

    TYPING = 1
    READ = 2
    DELIVERED = 3
    ONLINE = 4
    OFFLINE = 5
