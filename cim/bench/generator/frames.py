"""The frames of the measured path, made and read with as little Python as there can be.

A text says whose it is, which number it has and when it was meant to be sent, in decimal digits at fixed places:

    00012 000000345 00006789012 xxxx...      sender, number, microseconds since the run began (without the blanks)

So a receiver finds all it needs with one search for the text's tag, and the clock is the same in all processes of a
machine. A message's n is its number plus N_BASE: from there on n has four bytes, so that all that stands before it
in the frame, lengths included, is the same for every message of a connection.

Only ACK and PUSH are read here; a sans-IO `Connection` gets everything else, and is what a PUSH that
looks unusual is decoded with.
"""

from collections.abc import Sequence

from cim_common.wire import cim_pb2 as pb
from cim_common.wire.framing import varint

N_BASE = 1 << 21
"""n of the message before the first that counts: the greeting that opens the conversation."""

MAX_NUMBER = (1 << 28) - N_BASE - 1
"""Beyond it n has five bytes. At 2,000 messages a second of one sender that is after 36 hours."""

SENDER_DIGITS, NUMBER_DIGITS, TIME_DIGITS = 5, 9, 11
MIN_TEXT = SENDER_DIGITS + NUMBER_DIGITS + TIME_DIGITS
N_BYTES = 4

SEQ_TAG = 8
"""Field 1 of an entry, which stands at its end."""

_LOW = [bytes((value & 127 | 128, value >> 7 | 128)) for value in range(1 << 14)]
_HIGH = [varint(value) for value in range(1 << 14)]


def n_bytes(number: int) -> bytes:
    """The four bytes of n as a varint."""
    n = N_BASE + number
    return _LOW[n & 16_383] + _HIGH[n >> 14]


def _varint_bytes(value: int) -> int:
    return len(varint(value))


class Template:
    """The SEND frames of one sender to one conversation, all of the same length."""

    __slots__ = ("_head", "_middle", "_padding")

    def __init__(self, conversation: str, sender: int, text_bytes: int) -> None:
        if text_bytes < MIN_TEXT:
            raise ValueError(f"a text has at least {MIN_TEXT} bytes")
        name = conversation.encode()
        self._middle = b"\x22%b%05d" % (varint(text_bytes), sender)
        self._padding = b"x" * (text_bytes - MIN_TEXT)
        fields = b"\x0a%b%b\x10" % (varint(len(name)), name)
        after = 1 + N_BYTES
        body = len(fields) + N_BYTES + after + len(self._middle) - SENDER_DIGITS + text_bytes
        tag = b"\x18%b%b" % (varint(pb.SEND), varint(pb.SEND << 3 | 2))
        length = len(tag) + _varint_bytes(body) + body
        self._head = b"%b%b%b%b" % (varint(length), tag, varint(body), fields)

    def frame(self, n: bytes, after: bytes, number: int, at_us: int) -> bytes:
        """One message; n and after as `n_bytes` makes them."""
        return b"%b%b\x18%b%b%09d%011d%b" % (self._head, n, after, self._middle, number, at_us, self._padding)


def mark_of(text_bytes: int) -> bytes:
    """What stands before a text of that length in an entry: tag and length."""
    return b"\x8a\x01" + varint(text_bytes)


def sender_key(sender: int) -> bytes:
    """A sender as it stands in a text."""
    return b"%05d" % sender


def text_of(sender: int, number: int, at_us: int, text_bytes: int) -> str:
    """The same text as `Template.frame` has it, for greetings and tests."""
    return f"{sender:05d}{number:09d}{at_us:011d}".ljust(text_bytes, "x")


def read_text(text: str) -> tuple[bytes, int, int] | None:
    """Sender, number and time of a text that came another way; None if it is none of ours."""
    digits = text[:MIN_TEXT]
    if len(digits) < MIN_TEXT or not digits.isascii() or not digits.isdecimal():
        return None
    return digits[:5].encode(), int(digits[5:14]), int(digits[14:25])


Sent = tuple[bytes, int, int, int]
"""One entry of ours: sender as in the text, number, the seq's varint as a little-endian integer, time."""


def entries_of(body: bytes, mark: bytes, text_bytes: int) -> Sequence[Sent]:
    """The entries of a PUSH, without the frame's length; empty when one is not of ours, or looks unusual."""
    found: list[Sent] = []
    stop, skip = len(body), len(mark)
    at = body.find(mark)
    while at >= 0:
        at += skip
        tail = at + text_bytes
        end = tail + 1
        if end >= stop or body[tail] != SEQ_TAG:
            return ()
        while body[end] > 127:
            end += 1
            if end == stop:
                return ()
        end += 1
        try:
            number, at_us = int(body[at + 5 : at + 14]), int(body[at + 14 : at + 25])
        except ValueError:
            return ()
        found.append((body[at : at + 5], number, int.from_bytes(body[tail + 1 : end], "little"), at_us))
        if end == stop:
            return found
        at = body.find(mark, end)
    return ()


def seq_of(raw: int) -> int:
    """The number whose varint bytes, read as a little-endian integer, are `raw`.

    Such integers are in the order of the numbers, so that the receiving loop compares them without decoding.
    """
    value = shift = 0
    while raw:
        value |= (raw & 127) << shift
        raw >>= 8
        shift += 7
    return value


def raw_of(seq: int) -> int:
    """The other way round."""
    return int.from_bytes(varint(seq), "little")
