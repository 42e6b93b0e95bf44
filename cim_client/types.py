"""What the SDK hands to programs: messages, receipts, events."""

from datetime import UTC, datetime
from typing import NamedTuple

from cim_common.wire.messages import Entry


class Message(NamedTuple):
    """A text message of somebody else, or of another device of one's own."""

    conversation: str
    seq: int
    sender: str
    sender_id: int
    text: str
    client_msg_id: str
    time_ms: int
    unverified: bool

    @property
    def time(self) -> datetime:
        """When it was accepted."""
        return datetime.fromtimestamp(self.time_ms / 1000, UTC)


class Receipt(NamedTuple):
    """Where a message of one's own stands in its log: it is durable."""

    conversation: str
    seq: int
    client_msg_id: str


class Event(NamedTuple):
    """Something that happened. `kind` is "connection" (state, server, retry_in_s, code), "stored" or "failed"
    (client_msg_id, seq, code, text), or "conversation" (conversation)."""

    kind: str
    state: str = ""
    server: str = ""
    retry_in_s: float = 0.0
    client_msg_id: str = ""
    conversation: str = ""
    seq: int = 0
    code: int = 0
    text: str = ""


def message_of(conversation: str, entry: Entry) -> Message:
    """An entry of a log as programs see it."""
    return Message(
        conversation, entry.seq, entry.sender_name, entry.sender, entry.text, entry.client_msg_id, entry.time_ms,
        entry.unverified,
    )  # fmt: skip
