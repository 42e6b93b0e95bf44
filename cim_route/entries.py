"""Entries of a log as JSON: the same shapes in histories and in events."""

from pydantic import BaseModel, ConfigDict, Field

from cim_common.wire.codes import code_of
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Entry, Range


class Shape(BaseModel):
    """Members without a value are left out."""

    model_config = ConfigDict(extra="forbid")


class Reaction(Shape):
    emoji: str
    users: int
    mine: bool


class Concerned(Shape):
    user_id: str
    name: str


class Message(Shape):
    """A text."""

    seq: int
    kind: str = "message"
    sender: str = Field(description="name of the user")
    sender_id: str
    text: str = Field(description="empty when the message was recalled")
    time: float = Field(description="Unix time in seconds, to the millisecond")
    message_id: str
    reply_to: int | None = Field(None, description="seq of the message it answers")
    edited: int | None = Field(None, description="seq of the edit whose text this is")
    recalled: bool | None = None
    unverified: bool | None = Field(None, description="true: the sender has no password, anyone may be it")
    reactions: list[Reaction] | None = None


class ChangeEntry(Shape):
    """An entry that changes something; docs/protocol.md lists the kinds."""

    seq: int
    kind: str = Field(examples=["joined"])
    sender: str
    sender_id: str
    time: float
    message_id: str
    ref: int | None = Field(None, description="seq of the message it concerns")
    text: str | None = Field(None, description="the new text or name, or the reaction")
    topic: str | None = None
    role: str | None = None
    removed: bool | None = Field(None, description="true: a reaction or pin was taken back")
    targets: list[Concerned] | None = Field(None, description="the users it concerns")


class Gap(Shape):
    """Seqs that are answered with a reason instead of entries (I23)."""

    first: int
    last: int
    reason: str = Field(description="EXPIRED or NOT_A_MEMBER")


def kind_name(kind: int) -> str:
    """`message` for a text; the name of docs/protocol.md in lower case for a change."""
    if kind == Kind.TEXT:
        return "message"
    return Kind(kind).name.lower() if kind in _KINDS else str(kind)


_KINDS = frozenset(int(kind) for kind in Kind)


def shape(entry: Entry) -> Message | ChangeEntry:
    """An entry as it is given out."""
    if entry.kind == Kind.TEXT:
        reactions = [Reaction(emoji=r.emoji, users=r.users, mine=r.mine) for r in entry.reactions]
        return Message(
            seq=entry.seq, sender=entry.sender_name, sender_id=str(entry.sender), text=entry.text,
            time=entry.time_ms / 1000, message_id=entry.client_msg_id, reply_to=entry.ref or None,
            edited=entry.edited or None, recalled=entry.recalled or None, unverified=entry.unverified or None,
            reactions=reactions or None,
        )  # fmt: skip
    targets = [Concerned(user_id=str(target.user), name=target.name) for target in entry.targets]
    named = entry.kind in (Kind.CREATED, Kind.RENAMED)
    return ChangeEntry(
        seq=entry.seq, kind=kind_name(entry.kind), sender=entry.sender_name, sender_id=str(entry.sender),
        time=entry.time_ms / 1000, message_id=entry.client_msg_id, ref=entry.ref or None,
        text=entry.text or None, topic=entry.topic if named else None, role=entry.role or None,
        removed=entry.removed or None, targets=targets or None,
    )  # fmt: skip


def gap(found: Range) -> Gap:
    return Gap(first=found.first, last=found.last, reason=code_of(found.reason).name)
