"""Frames made from templates are those the protocol's own code would make, and what they carry is found again."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.bench.generator import frames
from cim_common import ids
from cim_common.wire import Connection, Limits, Role, codec
from cim_common.wire import messages as m
from cim_common.wire.framing import varint

DIRECT = ids.direct(7_311_466_293_486_011, 2_147_483_999)
NUMBERS = [1, 127, 128, 16_383, 16_384, 2_000_000, 100_000_000, frames.MAX_NUMBER]


@pytest.mark.parametrize("text_bytes", [frames.MIN_TEXT, 48, 100, 127, 128, 200, 16_384])
@pytest.mark.parametrize("conversation", ["lobby", DIRECT, "g-0123456789abcdef0123"])
def test_a_frame_is_the_send_it_stands_for(conversation: str, text_bytes: int) -> None:
    template = frames.Template(conversation, 42, text_bytes)
    for number in NUMBERS:
        after = number - 1
        made = template.frame(frames.n_bytes(number), frames.n_bytes(after), number, 123_456)
        text = frames.text_of(42, number, 123_456, text_bytes)
        wanted = m.Send(conversation, frames.N_BASE + number, frames.N_BASE + after, text)
        assert made == codec.encode(wanted)
        server = Connection(Role.SERVER, Limits())
        server.mark_logged_in()
        server.receive_data(made)
        assert server.next_event() == wanted


def test_a_text_too_short_for_what_it_says_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 25 bytes"):
        frames.Template("lobby", 1, frames.MIN_TEXT - 1)


@pytest.mark.parametrize("number", NUMBERS)
def test_n_has_four_bytes_whatever_the_number(number: int) -> None:
    assert frames.n_bytes(number) == varint(frames.N_BASE + number)
    assert len(frames.n_bytes(number)) == frames.N_BYTES


@given(st.integers(0, 99_999), st.integers(0, 999_999_999), st.integers(0, 10**11 - 1), st.integers(25, 300))
def test_what_a_text_says_is_read_again(sender: int, number: int, at_us: int, text_bytes: int) -> None:
    text = frames.text_of(sender, number, at_us, text_bytes)
    assert len(text) == text_bytes
    assert frames.read_text(text) == (frames.sender_key(sender), number, at_us)


@pytest.mark.parametrize("text", ["", "hello", "x" * 100, "0" * 24, "0" * 24 + "x"])
def test_other_texts_are_none_of_ours(text: str) -> None:
    assert frames.read_text(text) is None


@given(st.integers(0, 2**53), st.integers(0, 2**53))
def test_bytes_of_seqs_are_in_the_order_of_the_seqs(one: int, other: int) -> None:
    assert (frames.raw_of(one) < frames.raw_of(other)) == (one < other)
    assert frames.seq_of(frames.raw_of(one)) == one


def test_the_mark_is_where_the_text_begins() -> None:
    for text_bytes, n in itertools.product((25, 100, 200), (frames.N_BASE, frames.N_BASE + 5_000_000)):
        text = frames.text_of(3, 9, 17, text_bytes)
        meta = codec.entry_meta(5_000_000_000, "bench-1", "bench", n, 1_797_000_000_000)
        entry = codec.entry_bytes(meta, codec.entry_content(text), 70_000)
        mark = frames.mark_of(text_bytes)
        at = entry.find(mark) + len(mark)
        assert entry[at : at + text_bytes].decode() == text


def entry(number: int, seq: int, text: str | None = None) -> bytes:
    meta = codec.entry_meta(5_000_000_000, "bench-1", "bench", frames.N_BASE + number, 1_797_000_000_000)
    return codec.entry_bytes(meta, codec.entry_content(text or frames.text_of(3, number, 17, 100)), seq)


def entries_of(*entries: bytes) -> list[frames.Sent]:
    frame = codec.push_frame(codec.conversation_prefix(DIRECT), entries)
    length = 1 if frame[0] < 128 else 2 if frame[1] < 128 else 3
    return list(frames.entries_of(frame[length:], frames.mark_of(100), 100))


def test_all_entries_of_a_push_are_found() -> None:
    seqs = [1, 127, 128, 16_384, 2**53 - 1]
    found = entries_of(*(entry(number, seq) for number, seq in enumerate(seqs, 1)))
    assert found == [(b"00003", number, frames.raw_of(seq), 17) for number, seq in enumerate(seqs, 1)]


def test_a_push_that_is_not_all_ours_is_left_to_the_protocol() -> None:
    assert entries_of(entry(1, 5), entry(2, 6, "hello")) == []
    assert entries_of(entry(1, 5, "x" * 100)) == []
    assert entries_of(entry(1, 5) + b"\x68\x01") == []
    assert frames.entries_of(b"\x18\x1b", frames.mark_of(100), 100) == ()
