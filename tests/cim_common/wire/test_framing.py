"""Varints and lengths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim_common.wire.codes import Code
from cim_common.wire.framing import PeerProtocolError, frame, read_length, varint


@given(st.integers(1, 2**32 - 1))
def test_a_length_is_read_as_written(value: int) -> None:
    assert read_length(varint(value) + b"rest", 0, 2**32) == (value, len(varint(value)))
    for cut in range(len(varint(value))):
        assert read_length(varint(value)[:cut], 0, 2**32) is None


def test_known_varints() -> None:
    assert varint(0) == b"\x00"
    assert varint(127) == b"\x7f"
    assert varint(128) == b"\x80\x01"
    assert varint(300) == b"\xac\x02"
    assert frame(b"abc") == b"\x03abc"


@pytest.mark.parametrize(
    "data", [b"\x80\x00", b"\xff\xff\xff\xff\x1f", b"\xff\xff\xff\xff\xff\x01", b"\x80\x80\x80\x80\x80"]
)
def test_an_overlong_length_is_refused(data: bytes) -> None:
    with pytest.raises(PeerProtocolError) as refused:
        read_length(data, 0, 2**32)
    assert refused.value.code is Code.MALFORMED_FRAME
