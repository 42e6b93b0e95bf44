"""Push streams: how one server rings another (I9).

A doorbell may carry the entry itself, so that the other server need not read the log; it never has to
arrive. Encoded by hand, for each message adds one ring to each interested server's doorbell.

Most doorbells go to the append script together with the batch they are about: it puts them into the streams, and the
seqs, which nobody knew before, beside them. The others are written by whoever has something to tell.
"""

from collections.abc import Iterable, Sequence

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


Rung = tuple[str, int, bytes, int]
"""An entry that was appended: conversation, seq, entry (empty when it was too long to carry), kind."""


def ring(prefix: bytes, number: int, entry: bytes, kind: int = 0) -> bytes:
    """A ring for a Doorbell. `prefix` is its encoded conversation (`ring_prefix`), `number` the seq.

    In a doorbell for the append script it is the message's place in the batch, from 1, and the entry lacks its seq.
    """
    if len(entry) > MAX_RING_ENTRY_BYTES:
        entry = b""
    return b"%b\x30%b\x3a%b%b\x40%b" % (prefix, varint(number), varint(len(entry)), entry, varint(kind))


def ring_prefix(conversation: str) -> bytes:
    """The conversation of a ring, encoded."""
    encoded = conversation.encode()
    return b"\x2a%b%b" % (varint(len(encoded)), encoded)


def read(fields: Sequence[bytes]) -> tuple[Doorbell, list[Rung]]:
    """A doorbell by the fields of its stream entry, and its rings with their seqs.

    Raises:
        DecodeError: it is none.
    """
    bell = Doorbell.FromString(fields[1])
    rungs = zip(bell.conversations, bell.numbers, bell.entries, bell.kinds, strict=True)
    try:
        if len(fields) < 4:
            return bell, list(rungs)
        seqs = [0, *map(int, fields[3].split())]
        return bell, [
            (conversation, seq, entry and entry_bytes(entry, b"", seq), kind)
            for conversation, place, entry, kind in rungs
            if (seq := seqs[place])
        ]
    except (ValueError, IndexError, OverflowError) as error:
        raise DecodeError("its columns, or the seqs beside it, are not those of the same rings") from error


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
