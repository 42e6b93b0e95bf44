"""What is refused before it is queued: nothing that would end the connection is ever written."""

import pytest

from cim_client.checks import writable
from cim_client.errors import Refused
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.limits import MAX_TARGETS, MAX_TEXT_BYTES
from cim_common.wire.messages import Change, Pull, Read, Resolve, Schedule, Send

LARGEST_ID = 2**53 - 1


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (Send("lobby", 0, 0, "x" * 100_000), Code.TEXT_TOO_LONG),
        (Schedule(1, "s", "lobby", 5, "x" * 100_000), Code.TEXT_TOO_LONG),
        (Change("lobby", 0, 0, 6, topic="x" * 100_000), Code.TOO_LARGE),
        (Resolve(1, "x" * 100_000), Code.TOO_LARGE),
        (Send("lobby", 0, 0, "\ud800"), Code.BAD_REQUEST),
        (Resolve(1, "\ud800"), Code.BAD_REQUEST),
        (Send("lobby", 0, 0, "x", -1), Code.BAD_REQUEST),
        (Read(1, "lobby", -1), Code.BAD_REQUEST),
        (Pull(1, "lobby", 2**70, 10), Code.BAD_REQUEST),
    ],
)
def test_what_no_frame_holds_is_refused(message: object, code: Code) -> None:
    with pytest.raises(Refused) as refused:
        writable(message)
    assert refused.value.code == code


def test_the_longest_that_is_allowed_passes() -> None:
    targets = tuple(range(LARGEST_ID - MAX_TARGETS, LARGEST_ID))
    for message in (
        Send("lobby", LARGEST_ID, LARGEST_ID, "\U0001f600" * (MAX_TEXT_BYTES // 4), LARGEST_ID),
        Change("lobby", LARGEST_ID, 0, 1, "g" * 64, topic="t" * 256, targets=targets),
    ):
        assert writable(message) is message
        assert codec.encode(message)


def test_another_type_is_the_callers_mistake() -> None:
    with pytest.raises(TypeError):
        writable(Send("lobby", 0, 0, 5))  # type: ignore[arg-type]
