"""What the SDK hands to programs: messages, receipts, events, and what it answers to questions."""

from datetime import UTC, datetime
from typing import NamedTuple

from cim_common.wire import messages as wire


def time_of(time_ms: int) -> datetime:
    """Unix milliseconds as a time."""
    return datetime.fromtimestamp(time_ms / 1000, UTC)


class Reaction(NamedTuple):
    """An emoji at a message, how many users put it there, and whether one is among them."""

    emoji: str
    users: int
    mine: bool


class Message(NamedTuple):
    """A text message. `edited` is the seq of the last edit, 0 without one; the text of a recalled one is empty."""

    conversation: str
    seq: int
    sender: str
    sender_id: int
    text: str
    client_msg_id: str
    time_ms: int
    unverified: bool
    reply_to: int = 0
    edited: int = 0
    recalled: bool = False
    reactions: tuple[Reaction, ...] = ()

    @property
    def time(self) -> datetime:
        """When it was accepted."""
        return time_of(self.time_ms)


class Found(NamedTuple):
    """A kept message with what was searched for: `spans` of its text, as pairs of begin and end. The `id` of an older
    message is lower; a search for more goes on below it."""

    message: Message
    spans: tuple[tuple[int, int], ...]
    id: int


class Receipt(NamedTuple):
    """Where a message of one's own stands in its log: it is durable."""

    conversation: str
    seq: int
    client_msg_id: str


class Waiting(NamedTuple):
    """A posted message of which nobody has said what became of it. `to` is what it was posted to.

    `kept`: it stands in the data folder, and should this program end, the next one sends it.
    """

    client_msg_id: str
    to: str
    text: str
    reply_to: int = 0
    kept: bool = False


class Event(NamedTuple):
    """Something that happened; docs/sdk.md has a table of the kinds and the fields each of them fills."""

    kind: str
    state: str = ""
    server: str = ""
    retry_in_s: float = 0.0
    client_msg_id: str = ""
    conversation: str = ""
    seq: int = 0
    code: int = 0
    text: str = ""
    user: str = ""
    targets: tuple[str, ...] = ()
    ref: int = 0
    role: str = ""
    topic: str = ""


class Gap(NamedTuple):
    """Seqs one asked for and cannot have; `code` is EXPIRED or NOT_A_MEMBER."""

    first: int
    last: int
    code: int


class _NameAndRole(NamedTuple):
    name: str
    role: str


class Member(_NameAndRole):
    """Somebody who takes part in a conversation: a pair of name and role, which knows more when it is asked.

    `user_id`, and `read`: up to where, if that was asked for.
    """

    user_id: int
    read: int

    def __new__(cls, name: str, role: str, user_id: int = 0, read: int = 0) -> "Member":
        member = super().__new__(cls, name, role)
        member.user_id, member.read = user_id, read
        return member


class Conversation(NamedTuple):
    """A conversation as one's list shows it.

    `role`: owner, admin, member, blocked, left or banned. `pins`: seqs of messages pinned there, the newest pin last.
    """

    id: str
    title: str
    role: str
    unread: int
    read: int
    head: int
    pinned: bool
    muted: bool
    members: int
    topic: str
    dissolved: bool
    active_ms: int
    peer_id: int
    pins: tuple[int, ...] = ()


class Device(NamedTuple):
    """A device of one's own."""

    id: str
    last_seen: datetime
    online: bool
    current: bool = False
    ephemeral: bool = False


class Presence(NamedTuple):
    """Whether a user is connected; `last_seen` is None where that is not told."""

    online: bool
    last_seen: datetime | None


class Scheduled(NamedTuple):
    """A message that waits for its time."""

    id: str
    conversation: str
    text: str
    at: datetime


def message_of(conversation: str, entry: wire.Entry) -> Message:
    """An entry of a log as programs see it."""
    return Message(
        conversation, entry.seq, entry.sender_name, entry.sender, "" if entry.recalled else entry.text,
        entry.client_msg_id, entry.time_ms, entry.unverified, entry.ref, entry.edited, entry.recalled,
        tuple([Reaction(*reaction) for reaction in entry.reactions]) if entry.reactions else (),
    )  # fmt: skip


def conversation_of(listed: wire.Conversation) -> Conversation:
    """A list entry as programs see it."""
    return Conversation(
        listed.id, listed.title or listed.id, listed.role, listed.unread, listed.read, listed.head, listed.pinned,
        listed.muted, listed.members, listed.topic, listed.dissolved, listed.active_ms, listed.peer, tuple(listed.pins),
    )  # fmt: skip


def scheduled_of(waiting: wire.Schedule) -> Scheduled:
    return Scheduled(waiting.id, waiting.conversation, waiting.text, time_of(waiting.at_ms))
