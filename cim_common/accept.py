"""Accepting a message: the one operation behind all three doors (v2 connections, HTTP, legacy calls).

Arguments out, replies in, no I/O: `pack` makes one call of append.lua from a batch of `Append`s, `settle`
reads its replies into them. `cim_common/store/commit.py` decides when; a driver does the writing.

This is the hot path of the cluster. What is constant for a conversation or a sender is encoded once
(`ConversationKeys`, `Append.sender`), the rest of a message is one bytes formatting.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Protocol

from cim_common import ids
from cim_common.store import keys, push, recent
from cim_common.store.scripts import APPEND, APPEND_CHANGES
from cim_common.wire.codec import entry_content
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


_PENDING = Status.PENDING


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
        self.status = _PENDING
        self.seq = 0
        self.code = 0
        self.after_ms = 0
        self.todo = False
        self.alone = False

    def refuse(self, status: Status, code: int, after_ms: int = 0) -> None:
        self.status, self.code, self.after_ms = status, code, after_ms


class ConversationKeys:
    """What is the same for every append to a conversation, and its interest as last heard."""

    __slots__ = ("conversation", "interest", "mention", "prefix", "resp", "version_resp")

    def __init__(self, conversation: str) -> None:
        self.conversation = conversation
        self.resp = _bulk(keys.log(conversation).encode()) + _bulk(keys.conv(conversation).encode())
        self.mention = recent.mention(conversation)
        self.prefix = push.ring_prefix(conversation)
        self.version_resp = b""
        self.interest: dict[str, int] = {}
        self.learn(b"-", {})

    def change_resp(self) -> bytes:
        """The further keys of a change."""
        conversation, bucket = self.conversation, ids.conversation_bucket(self.conversation)
        return b"".join(
            _bulk(key.encode())
            for key in (keys.overlay(conversation), keys.todo(bucket), keys.due(bucket), keys.members(conversation))
        )

    def learn(self, version: bytes, interest: dict[str, int]) -> None:
        self.version_resp = _bulk(version)
        self.interest = interest

    def forget(self, server: str) -> None:
        """Ring a server no more, unless the next append finds it there still: it may not be dead after all."""
        self.learn(b"-", {other: generation for other, generation in self.interest.items() if other != server})


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
    """The encoded sender of an append: the fields of `conv` about user and device. Made once per connection."""
    return b"".join([_bulk(field.encode()) for field in (f"m:{user}", f"o:{user}", keys.sender_field(user, device))])


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


_HEAD = b"*%d\r\n$7\r\nEVALSHA\r\n%b$%d\r\n%d\r\n" + _bulk(keys.RECENT.encode())
_TEXTS = _bulk(APPEND.sha.encode())
_CHANGES = _bulk(APPEND_CHANGES.sha.encode())
_ARGUMENTS = b"%b$%d\r\n%b\r\n$%d\r\n%b\r\n%b$%d\r\n%b %b%b\r\n"
_FIXED_ARGUMENTS = 10
_ARGUMENTS_EACH = 7
_WITH_MODE_AND_OP = 9

_UNMETERED = b"u"
"""In front of a mode: the message is not counted."""

_FREE = b"".join(_bulk(value) for value in (b"0", b"1e15", b"0", b"1e15"))
"""Rates for a batch of nothing but unmetered messages."""

_PUSHES_KEPT = _bulk(b"%d" % push.MAX_STREAM_LENGTH)


def pack(
    batch: list[tuple[Append, ConversationKeys]],
    now_ms: int,
    rates: Rates,
    start: int,
    bells: Sequence[tuple[str, bytes]] = (),
) -> bytes:
    """One call of append.lua as Redis protocol bytes; `start` names the running Redis (`store/incarnations.py`).

    `bells` are servers and their doorbells about the batch (`store/push.py`).
    """
    key_parts: list[bytes] = []
    arguments: list[bytes] = []
    mentions: list[bytes] = []
    unmetered = batch[0][0].unmetered
    alike = True
    for append, known in batch:
        n, after = b"%d" % append.n, b"%d" % append.after
        meta, content = append.meta, append.content
        meta_length = b"%d" % len(meta)
        length = len(meta_length) + 1 + len(meta) + len(content)
        key_parts.append(known.resp)
        mentions.append(known.mention)
        if append.idempotency is not None or append.op or append.unmetered is not unmetered:
            alike = False
        arguments.append(
            _ARGUMENTS
            % (append.sender, len(n), n, len(after), after, known.version_resp, length, meta_length, meta, content)
        )
    key_count = 1 + len(bells) + 2 * len(batch)
    script, width, limits = _TEXTS, _ARGUMENTS_EACH, _FREE if unmetered else rates.resp
    if not alike:
        script, more_keys = _add_mode_and_op(batch, key_parts, arguments)
        key_count += more_keys
        width, limits = _WITH_MODE_AND_OP, rates.resp
    count_text = b"%d" % key_count
    count = 3 + key_count + _FIXED_ARGUMENTS + len(bells) + width * len(batch)
    head = _HEAD % (count, script, len(count_text), key_count)
    fixed = b"%b%b%b%b%b%b%b" % (
        _bulk(b"%d" % now_ms), limits, _bulk(b"%d" % start), _bulk(b"".join(mentions)), _bulk(b"%d" % width),
        _bulk(b"%d" % len(bells)), _PUSHES_KEPT,
    )  # fmt: skip
    streams = [_bulk(keys.push(server).encode()) for server, _ in bells]
    return b"".join((head, *streams, *key_parts, fixed, *[_bulk(bell) for _, bell in bells], *arguments))


def _add_mode_and_op(
    batch: list[tuple[Append, ConversationKeys]], key_parts: list[bytes], arguments: list[bytes]
) -> tuple[bytes, int]:
    """Complete a batch of messages that are not all alike; returns the script it needs and how many keys were added."""
    script, key_count = _TEXTS, 0
    for index, (append, known) in enumerate(batch):
        mode = b"0"
        if append.idempotency is not None:
            key, ttl_s = append.idempotency
            key_parts[index] += _bulk(key.encode())
            key_count += 1
            mode = b"%d" % ttl_s
        if append.op:
            script = _CHANGES
            key_parts[index] += known.change_resp()
            key_count += 4
        arguments[index] += _bulk(_UNMETERED + mode if append.unmetered else mode) + _bulk(append.op)
    return script, key_count


def settle(append: Append, known: ConversationKeys, reply: Any) -> None:
    """Read a reply of append.lua into its append, and news of interest into the conversation's record.

    Not the reply that nearly all get, a seq alone (`GroupCommit.complete`).
    """
    kind = reply[0]
    if kind == b"N" or kind == b"D":
        append.status = Status.STORED if kind == b"N" else Status.KNOWN
        append.seq, append.todo = reply[1], reply[2] == 1
        if len(reply) > 3:
            flat = reply[4]
            known.learn(
                reply[3], {server.decode(): int(gen) for server, gen in zip(flat[::2], flat[1::2], strict=True)}
            )
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
