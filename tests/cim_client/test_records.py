"""Messages as JSON."""

import json

from cim_client import Message, Reaction, record_of


def test_everything_of_a_message_stands_in_its_record() -> None:
    message = Message(
        "lobby", 3, "bob", 7, "text", "7:d:1", 1_700_000_000_000, False, 2, 4, False, (Reaction("👍", 2, True),)
    )
    record = json.loads(json.dumps(record_of(message)))
    assert record == {
        "conversation": "lobby", "seq": 3, "from": "bob", "from_id": 7, "text": "text", "id": "7:d:1",
        "time_ms": 1_700_000_000_000, "reply_to": 2, "edited": 4, "recalled": False, "unverified": False,
        "reactions": [{"emoji": "👍", "users": 2, "mine": True}],
    }  # fmt: skip
    assert len(record) == len(Message._fields)
