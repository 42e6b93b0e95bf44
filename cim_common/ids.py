"""Identifiers: what they look like and how they are made.

Conversation ids come from peers, so they are checked here, by shape, before anything is done with them.
"""

import hashlib
import re
import secrets
import zlib

BUCKETS = 1_024
"""Hash buckets of conversations and of users; fixed when a cluster is created (metadata)."""

LOBBY = "lobby"
"""The conversation of everyone."""

MIN_USER_ID = 2**31
MAX_USER_ID = 2**53
"""User ids lie between: above what CIM's clients take for a small int, below what JSON numbers hold exactly."""

MAX_SEQ = 2**53
"""Above this a number is no longer exact in the scripts."""

IDEMPOTENCY_KEY = r"[\x21-\x7e]{1,128}"
"""What a caller's key for a message looks like; it travels in a header of HTTP."""

_GROUP = re.compile(r"g-[0-9a-z]{16,32}", re.ASCII)
_DIRECT = re.compile(r"d-([1-9][0-9]{9,15})-([1-9][0-9]{9,15})", re.ASCII)
_DEVICE = re.compile(r"[0-9a-z]{1,32}", re.ASCII)


def new_user_id() -> int:
    """A random user id; registration retries when it is taken."""
    return MIN_USER_ID + 1 + secrets.randbelow(MAX_USER_ID - MIN_USER_ID - 1)


def new_device_id() -> str:
    """A random device id; it counts only within its user."""
    return secrets.token_hex(8)


def is_device_id(text: str) -> bool:
    return _DEVICE.fullmatch(text) is not None


def direct(a: int, b: int) -> str:
    """The id of the conversation of two users, the same whoever starts; `a == b` is one's notes."""
    return f"d-{min(a, b)}-{max(a, b)}"


def new_group() -> str:
    """A random id for a group; the client makes it, so that creating it can be tried again."""
    return f"g-{secrets.token_hex(10)}"


def group_of_key(user: int, key: str) -> str:
    """The id of a group made with an Idempotency-Key: the same at every try."""
    return "g-" + hashlib.sha256(f"{user} {key}".encode()).hexdigest()[:20]


def is_group(conversation: str) -> bool:
    return _GROUP.fullmatch(conversation) is not None


def direct_users(conversation: str) -> tuple[int, int] | None:
    """The two users of a direct conversation id, lower first; None if it is no well-formed one."""
    match = _DIRECT.fullmatch(conversation)
    if match is None:
        return None
    low, high = int(match[1]), int(match[2])
    if not MIN_USER_ID < low <= high < MAX_USER_ID:
        return None
    return low, high


def peer(conversation: str, user: int) -> int:
    """The other user of a direct conversation, oneself in one's notes; 0 where it is none."""
    low, high = direct_users(conversation) or (0, 0)
    return high if low == user else low


def http_message_id(user: int, conversation: str, key: str) -> str:
    """The public id of a message sent with an Idempotency-Key: the key counts per user and conversation (I4)."""
    return "http:" + hashlib.sha256(f"{user} {conversation} {key}".encode()).hexdigest()[:32]


def scheduled_message_id(user: int, born_ms: int, schedule: str) -> str:
    """The public id of a scheduled message: its owner's id for it counts per user, and may come again later (I4)."""
    return "sched:" + hashlib.sha256(f"{user} {born_ms} {schedule}".encode()).hexdigest()[:32]


def conversation_bucket(conversation: str) -> int:
    return zlib.crc32(conversation.encode()) % BUCKETS


def user_bucket(user: int) -> int:
    return user % BUCKETS
