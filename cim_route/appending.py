"""What route wants appended to a log, and how that ends."""

from typing import NamedTuple

from cim_common import accept
from cim_common.accept import Append, Status
from cim_common.wire.codes import Code, code_of


class Refused(Exception):
    """The message was not accepted. `after_s` is set when it may be later (codes 2000 to 2999)."""

    def __init__(self, code: Code, after_s: float | None = None) -> None:
        super().__init__(code.sentence)
        self.code = code
        self.after_s = after_s


class Stored(NamedTuple):
    """Where a message stands in its log."""

    seq: int


class Body(NamedTuple):
    """What an entry says, and for a change what the append script has to check and do (`cim_common/changes.py`)."""

    content: bytes
    op: bytes = b""
    kind: int = 0


class Appending(NamedTuple):
    """An entry for an account that route has authenticated (I3).

    `message_key` makes it idempotent; with `own_key` it is one of ours. `unmetered`: it is not limited (I17).
    `unverified`: anyone may be the sender. After `timeout_s` what became of it is unknown.
    """

    sender: int
    sender_name: str
    conversation: str
    body: Body
    message_key: str
    own_key: bool = False
    unmetered: bool = False
    unverified: bool = False
    timeout_s: float = 10.0


def body_of(text: str, reply_to: int = 0) -> Body:
    """The body of a text.

    Raises:
        Refused: EMPTY_TEXT, TEXT_TOO_LONG.
    """
    code = accept.check_text(text)
    if code is not None:
        raise Refused(code)
    return Body(accept.content_of(text, reply_to), accept.reply_op(reply_to))


def outcome(append: Append) -> Stored:
    """How a settled append ended.

    Raises:
        Refused: with the reason.
    """
    if append.status in (Status.STORED, Status.KNOWN):
        return Stored(append.seq)
    code = code_of(append.code) if append.code else Code.OUTCOME_UNKNOWN
    raise Refused(code, max(append.after_ms / 1000, 0.1) if append.status is Status.RETRY else None)
