"""What parts of the v2 door share: their tables, and the frames that answer a request."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from cim_common.store.flow import StoreError, StoreUnavailable
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.messages import Done, Failed
from cim_server.channel import Channel

RETRY_MS = 1_000
"""When to ask again what the store could not answer."""

Table = Mapping[type, Callable[[Channel, Any], None]]


class Part(Protocol):
    """Some of what a v2 client may ask for: from the type of a message to the method that does it."""

    table: Table


def answer(channel: Channel, message: Any) -> None:
    channel.enqueue(codec.encode(message))


def done(channel: Channel, request: int) -> None:
    answer(channel, Done(request))


def fail(channel: Channel, request: int, code: Code, conversation: str = "", after_ms: int = 0, seq: int = 0) -> None:
    answer(channel, Failed(request, int(code), code.sentence, conversation, after_ms, seq))


def unanswered(channel: Channel, request: int, outcome: object, conversation: str = "") -> bool:
    """Whether a flow ended without a result: the client is told to ask again."""
    if isinstance(outcome, StoreError | StoreUnavailable):
        fail(channel, request, Code.STORE_UNAVAILABLE, conversation, RETRY_MS)
        return True
    return False
