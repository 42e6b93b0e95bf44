"""Frames on a byte stream: an unsigned varint32 length, then so many bytes (protobuf's delimited format)."""

from cim_common.wire.codes import Code

_SMALL = [bytes((value,)) for value in range(128)]
_SMALL += [bytes((value & 127 | 128, value >> 7)) for value in range(128, 2_048)]
"""Varints ready made: the lengths of nearly all frames and entries, and the seqs of most conversations."""

MAX_LENGTH_BYTES = 5
"""A varint32 has at most five bytes; a longer one is an attack or another protocol."""

MAX_LENGTH = 2**32 - 1


class PeerProtocolError(Exception):
    """The peer broke the protocol; `code` says how. Nothing more is read from it."""

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(detail or code.sentence)
        self.code = code


def varint(value: int) -> bytes:
    """An unsigned base-128 varint (protobuf encoding, "Base 128 Varints")."""
    if value < 2_048:
        return _SMALL[value]
    if value < 16_384:
        return bytes((value & 127 | 128, value >> 7))
    if value < 2_097_152:
        return bytes((value & 127 | 128, value >> 7 & 127 | 128, value >> 14))
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def frame(body: bytes) -> bytes:
    return varint(len(body)) + body


def read_length(data: bytes, start: int, limit: int) -> tuple[int, int] | None:
    """The length that stands at `start` and where its body begins; None if it is not complete yet.

    Raises:
        PeerProtocolError: EMPTY_FRAME, FRAME_TOO_LARGE (as soon as the length is known), or MALFORMED_FRAME for
            a length of more than 32 bits or with more bytes than it needs.
    """
    length = shift = 0
    for index in range(start, min(len(data), start + MAX_LENGTH_BYTES)):
        byte = data[index]
        length |= (byte & 127) << shift
        if byte < 128:
            if byte == 0 and shift:
                raise PeerProtocolError(Code.MALFORMED_FRAME, "The length has more bytes than it needs.")
            if length > MAX_LENGTH:
                raise PeerProtocolError(Code.MALFORMED_FRAME, "The length has more than 32 bits.")
            if length == 0:
                raise PeerProtocolError(Code.EMPTY_FRAME)
            if length > limit:
                raise PeerProtocolError(Code.FRAME_TOO_LARGE, f"A frame of {length} bytes; {limit} are allowed.")
            return length, index + 1
        shift += 7
    if len(data) - start >= MAX_LENGTH_BYTES:
        raise PeerProtocolError(Code.MALFORMED_FRAME, "The length does not end.")
    return None
