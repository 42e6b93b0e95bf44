"""What can be told to be unfit before it is queued: it would end the connection, and come again on the next one."""

from typing import TypeVar

from cim_client.errors import Refused
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.limits import MAX_TEXT_BYTES, Limits

MAX_BYTES = Limits().max_frame_bytes - 512
"""Leaves room for what is filled in later: conversation and numbers."""

M = TypeVar("M")


def writable(message: M) -> M:
    """The message itself, if a frame can hold it.

    Raises:
        Refused: TEXT_TOO_LONG, TOO_LARGE, or BAD_REQUEST for what has no place in the protocol: half a surrogate
            pair, a negative seq.
        TypeError: a field is of another type.
    """
    try:
        size = len(codec.encode(message))
    except ValueError as error:
        raise Refused(Code.BAD_REQUEST, f"That cannot be sent: {error}.") from error
    if size > MAX_BYTES:
        text = getattr(message, "text", "")
        raise Refused(Code.TEXT_TOO_LONG if len(text.encode()) > MAX_TEXT_BYTES else Code.TOO_LARGE)
    return message
