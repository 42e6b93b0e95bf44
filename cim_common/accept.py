"""Accepting a message: the one operation behind all three doors (v2 connections, HTTP, legacy calls).

Arguments out, replies in, no I/O: `pack` makes one call of append.lua from a batch of `Append`s, `settle`
reads its replies into them. `cim_common/store/commit.py` decides when; a driver does the writing.

This is the hot path of the cluster. What is constant for a conversation or a sender is encoded once
(`ConversationKeys`, `Append.sender`), the rest of a message is one bytes formatting.
"""

from enum import IntEnum
from typing import Any, Protocol

from cim_common import ids
from cim_common.store import keys
from cim_common.store.scripts import APPEND, APPEND_CHANGES
from cim_common.wire.codec import conversation_prefix, entry_content
from cim_common.wire.codes import Code
from cim_common.wire.limits import MAX_TEXT_BYTES


class Status(IntEnum):
    """How an append ended, or what has to happen before it can."""

    PENDING = 0
    STORED = 1
    KNOWN = 2
    REFUSED = 3
    RETRY = 4
    UNRESOLVED = 5
    CREATE = 6
    GONE = 7


class Owner(Protocol):
    """Whoever waits for an append; told once, when it is settled."""

    def settled(self, append: "Append") -> None: ...


class Append:
    """One entry on its way into a log, and afterwards its outcome.

    Idempotent by `n` (I4, I5), or, for HTTP and legacy calls, by `idempotency`: the key and how long it lives.
    `op` is what the script has to check and change beside the log (`changes.py`), nothing for a text; `kind` is
    the entry's, for those who deliver it. `unmetered`: neither limited nor counted against its conversation (I17).
    """

    __slots__ = (
        "after", "after_ms", "alone", "code", "content", "conversation", "idempotency", "kind", "meta", "n",
        "op", "owner", "sender", "seq", "since", "status", "todo", "unmetered",
    )  # fmt: skip

    def __init__(
        self,
        owner: Owner,
        conversation: str,
        sender: bytes,
        n: int,
        after: int,
        meta: bytes,
        content: bytes,
        since: float,
        idempotency: tuple[str, int] | None = None,
        op: bytes = b"",
        kind: int = 0,
        unmetered: bool = False,
    ) -> None:
        self.owner = owner
        self.conversation = conversation
        self.sender = sender
        self.n = n
        self.after = after
        self.meta = meta
        self.content = content
        self.since = since
        self.idempotency = idempotency
        self.op = op
        self.kind = kind
        self.unmetered = unmetered
        self.status = Status.PENDING
        self.seq = 0
        self.code = 0
        self.after_ms = 0
        self.todo = False
        self.alone = False

    def refuse(self, status: Status, code: int, after_ms: int = 0) -> None:
        self.status, self.code, self.after_ms = status, code, after_ms


class ConversationKeys:
    """What is the same for every append to a conversation, and its interest as last heard."""

    __slots__ = ("argument", "change_resp", "interest", "prefix", "resp", "servers", "version")

    def __init__(self, conversation: str) -> None:
        bucket = ids.conversation_bucket(conversation)
        self.change_resp = b"".join(
            _bulk(key.encode())
            for key in (keys.overlay(conversation), keys.todo(bucket), keys.due(bucket), keys.members(conversation))
        )
        self.resp = b"".join(
            _bulk(key.encode())
            for key in (
                keys.log(conversation),
                keys.conv(conversation),
                keys.senders(conversation),
                keys.interest(conversation),
                keys.recent(bucket),
            )
        )
        self.argument = _bulk(conversation.encode())
        self.prefix = conversation_prefix(conversation)
        self.version = b"-"
        self.interest: dict[str, int] = {}
        self.servers: tuple[str, ...] = ()


class Rates:
    """Limits of sending (I17), enforced by the script: messages a second, and how many of them at once."""

    __slots__ = ("resp",)

    def __init__(
        self,
        sender_per_s: float = 200.0,
        sender_burst: int = 2_000,
        conversation_per_s: float = 5_000.0,
        conversation_burst: int = 5_000,
    ) -> None:
        self.resp = b"".join(
            _bulk(b"%.3f" % value)
            for value in (
                1000 / sender_per_s,
                1000 / sender_per_s * sender_burst,
                1000 / conversation_per_s,
                1000 / conversation_per_s * conversation_burst,
            )
        )


def _bulk(value: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(value), value)


def sender_argument(user: int, device: str) -> bytes:
    """The encoded sender of an append: user and `user:device`. Made once per connection."""
    return _bulk(b"%d" % user) + _bulk(f"{user}:{device}".encode())


def check_text(text: str) -> Code | None:
    """What is wrong with a text by itself; None if nothing."""
    if not text or text.isspace():
        return Code.EMPTY_TEXT
    if len(text) * 4 > MAX_TEXT_BYTES and len(text.encode()) > MAX_TEXT_BYTES:
        return Code.TEXT_TOO_LONG
    return None


def content_of(text: str, reply_to: int = 0) -> bytes:
    """The content of a text message as the log holds it."""
    return entry_content(text, 0, reply_to)


def reply_op(reply_to: int) -> bytes:
    """What the script has to check of a text that answers another: there must be one to answer. Empty for 0."""
    return b'{"reply":true,"ref":%d}' % reply_to if reply_to else b""


_HEAD = b"*%d\r\n$7\r\nEVALSHA\r\n%b$%d\r\n%d\r\n"
_TEXTS = _bulk(APPEND.sha.encode())
_CHANGES = _bulk(APPEND_CHANGES.sha.encode())
_ARGUMENTS = b"%b%b$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n%b"
_A_TEXT = _bulk(b"0") + _bulk(b"")
"""The last two arguments of nearly every message: idempotent by n, no op."""

_UNMETERED = b"u"
"""In front of a mode: the message is not counted."""

_AN_UNMETERED_TEXT = _bulk(_UNMETERED + b"0") + _bulk(b"")

_ARGUMENTS_EACH = 10


def pack(batch: list[tuple[Append, ConversationKeys]], now_ms: int, rates: Rates, start: int) -> bytes:
    """One call of append.lua as Redis protocol bytes; `start` names the running Redis (`store/incarnations.py`)."""
    key_parts: list[bytes] = []
    arguments: list[bytes] = []
    key_count = 0
    script = _TEXTS
    for append, known in batch:
        n, after = b"%d" % append.n, b"%d" % append.after
        meta, content, version = append.meta, append.content, known.version
        key_parts.append(known.resp)
        key_count += 5
        rest = _AN_UNMETERED_TEXT if append.unmetered else _A_TEXT
        if append.idempotency is not None or append.op:
            mode = b"0"
            if append.idempotency is not None:
                key, ttl_s = append.idempotency
                key_parts.append(_bulk(key.encode()))
                key_count += 1
                mode = b"%d" % ttl_s
            if append.op:
                script = _CHANGES
                key_parts.append(known.change_resp)
                key_count += 4
            rest = _bulk(_UNMETERED + mode if append.unmetered else mode) + _bulk(append.op)
        arguments.append(
            _ARGUMENTS
            % (
                known.argument, append.sender, len(n), n, len(after), after, len(version), version,
                len(meta), meta, len(content), content, rest,
            )
        )  # fmt: skip
    count_text = b"%d" % key_count
    head = _HEAD % (9 + key_count + _ARGUMENTS_EACH * len(batch), script, len(count_text), key_count)
    return b"".join((head, *key_parts, _bulk(b"%d" % now_ms), rates.resp, _bulk(b"%d" % start), *arguments))


def settle(append: Append, known: ConversationKeys, reply: Any) -> None:
    """Read one reply of append.lua into its append, and news of interest into the conversation's record."""
    if type(reply) is int:
        append.status, append.seq = Status.STORED, reply
        return
    kind = reply[0]
    if kind == b"N" or kind == b"D":
        append.status = Status.STORED if kind == b"N" else Status.KNOWN
        append.seq, append.todo = reply[1], reply[2] == 1
        if len(reply) > 3:
            fields = reply[4]
            known.version = reply[3]
            known.interest = {
                server.decode(): int(generation) for server, generation in zip(fields[::2], fields[1::2], strict=True)
            }
            known.servers = tuple(known.interest)
    elif kind == b"X":
        append.refuse(Status.REFUSED, reply[1])
        append.seq = reply[2]
    elif kind == b"R":
        append.refuse(Status.RETRY, reply[1], reply[2])
    elif kind == b"U":
        append.status = Status.UNRESOLVED
    elif kind == b"G":
        append.status = Status.GONE
    else:
        append.status = Status.CREATE
