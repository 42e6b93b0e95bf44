"""Messages as JSON, the same wherever they are written out (docs/programs.md)."""

from typing import Any

from cim_client.types import Message


def record_of(message: Message) -> dict[str, Any]:
    """A message as `json.dumps` takes it."""
    return {
        "conversation": message.conversation, "seq": message.seq, "from": message.sender,
        "from_id": message.sender_id, "text": message.text, "id": message.client_msg_id, "time_ms": message.time_ms,
        "reply_to": message.reply_to, "edited": message.edited, "recalled": message.recalled,
        "unverified": message.unverified, "reactions": [reaction._asdict() for reaction in message.reactions],
    }  # fmt: skip
