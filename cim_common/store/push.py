"""Push streams: how one server rings another (I9).

A doorbell may carry the entry itself, so that the other server need not read the log; it never has to
arrive. Encoded by hand, for each message adds one ring to each interested server's doorbell.

Most doorbells go to the append script together with the batch they are about: it puts them into the streams, and the
seqs, which nobody knew before, beside them. The others are written by whoever has something to tell.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from google.protobuf.message import DecodeError

from cim_common.store import keys
from cim_common.store.flow import Command
from cim_common.store.scripts import PUSH_RENEW
from cim_common.wire.codec import entry_bytes
from cim_common.wire.doorbell_pb2 import Doorbell, ListChanged, Takeover, Whisper
from cim_common.wire.framing import varint

MAX_RING_ENTRY_BYTES = 1_024
"""A longer entry goes as (conversation, seq) only: a stream holds 256 doorbells, and Redis holds them in memory."""

MAX_DOORBELL_BYTES = 65_536
MAX_STREAM_LENGTH = 256

STREAM_TTL_S = 30
"""What a dead server leaves behind is gone after this; the living renew it every round of anti-entropy."""


def ring(prefix: bytes, seq: int, entry: bytes, kind: int = 0) -> bytes:
    """One `rings` field of a Doorbell; `prefix` is the encoded conversation field."""
    return _ring(prefix, b"\x10" + varint(seq), entry, kind)


def ring_of_batch(prefix: bytes, place: int, entry: bytes, kind: int = 0) -> bytes:
    """The same for the message at that place of a batch, from 1, with an entry that lacks its seq."""
    return _ring(prefix, b"\x28" + varint(place), entry, kind)


def _ring(prefix: bytes, where: bytes, entry: bytes, kind: int) -> bytes:
    if kind or len(entry) > MAX_RING_ENTRY_BYTES:
        body = prefix + where
        if kind:
            body = b"%b\x20%b" % (body, varint(kind))
        if len(entry) <= MAX_RING_ENTRY_BYTES:
            body = b"%b\x1a%b%b" % (body, varint(len(entry)), entry)
        return b"\x0a%b%b" % (varint(len(body)), body)
    size = varint(len(entry))
    length = len(prefix) + len(where) + 1 + len(size) + len(entry)
    return b"\x0a%b%b%b\x1a%b%b" % (varint(length), prefix, where, size, entry)


class Rung(NamedTuple):
    """An entry that was appended; empty when it was too long to carry."""

    conversation: str
    seq: int
    entry: bytes
    kind: int


def read(fields: Sequence[bytes]) -> tuple[Doorbell, list[Rung]]:
    """A doorbell by the fields of its stream entry, and its rings with their seqs.

    Raises:
        DecodeError: it is none.
    """
    bell = Doorbell.FromString(fields[1])
    if len(fields) < 4:
        return bell, [Rung(ring.conversation, ring.seq, ring.entry, ring.kind) for ring in bell.rings]
    try:
        seqs = (0, *map(int, fields[3].split()))
        placed = [(ring, seqs[ring.place]) for ring in bell.rings]
    except (ValueError, IndexError) as error:
        raise DecodeError("the seqs beside it are not those of its rings") from error
    return bell, [
        Rung(ring.conversation, seq, ring.entry and entry_bytes(ring.entry, b"", seq), ring.kind)
        for ring, seq in placed
        if seq
    ]


def doorbells(rings: list[bytes]) -> list[bytes]:
    """Join rings to as few doorbells as the size limit allows."""
    bells, start, size = [], 0, 0
    for index, item in enumerate(rings):
        if size + len(item) > MAX_DOORBELL_BYTES and index > start:
            bells.append(b"".join(rings[start:index]))
            start, size = index, 0
        size += len(item)
    bells.append(b"".join(rings[start:]))
    return bells


def command(server: str, doorbell: bytes) -> Command:
    """Put a doorbell into the stream of `id:epoch`, if that server still keeps one."""
    return ("XADD", keys.push(server), "NOMKSTREAM", "MAXLEN", "~", MAX_STREAM_LENGTH, "*", "d", doorbell)


def takeover(user: int, device: str, connection: str, logged_out: bool = False) -> bytes:
    news = Takeover(user=user, device=device, connection=connection, logged_out=logged_out)
    return Doorbell(takeovers=[news]).SerializeToString()


def lists_changed(users: Iterable[tuple[int, int]]) -> bytes:
    """(user, list version) of users whose conversation lists have moved on."""
    return Doorbell(lists=[ListChanged(user=user, version=version) for user, version in users]).SerializeToString()


def whisper(conversation: str, user: int, frame: bytes) -> bytes:
    """A SIGNAL frame for those in a conversation, except `user`."""
    return Doorbell(whispers=[Whisper(conversation=conversation, user=user, frame=frame)]).SerializeToString()


def renew(server: str) -> Command:
    """Keep the server's stream and its list of users alive; the reply is 0 when the stream had to be made."""
    return PUSH_RENEW.call((keys.push(server), keys.online(server)), STREAM_TTL_S)


def forget(server: str) -> Command:
    """Remove what a server that stops has kept."""
    return ("DEL", keys.push(server), keys.online(server))
