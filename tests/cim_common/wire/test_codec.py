"""Frames made by hand equal those protobuf makes; entries come back whole."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cim_common.wire import NEED_DATA, Role, codec
from cim_common.wire import cim_pb2 as pb
from cim_common.wire import messages as m
from cim_common.wire.codes import Code, reconnects
from cim_common.wire.commands import State
from cim_common.wire.framing import read_length
from tests.cim_common.wire import samples


def decoded(data: bytes, role: Role, state: State = State.LOGGED_IN) -> Any:
    connection = samples.ends(state)[role]
    connection.receive_data(data)
    event = connection.next_event()
    assert connection.next_event() is NEED_DATA
    return event


def encoded(entry: m.Entry) -> bytes:
    return codec.encode_entry(entry)


@given(samples.ENTRIES)
def test_an_entry_comes_back_whole(entry: m.Entry) -> None:
    assert codec.decode_entry(encoded(entry)) == entry
    meta = codec.entry_meta(
        entry.sender, entry.sender_name, entry.device, entry.n, entry.time_ms, entry.unverified, entry.message_id
    )
    text = codec.entry_bytes(meta, codec.entry_content(entry.text, 0, entry.ref), entry.seq)
    assert codec.decode_entry(text) == m.Entry(*entry[:7], 0, *entry[8:11])
    expected = entry.message_id or f"{entry.sender}:{entry.device}:{entry.n}"
    assert entry.client_msg_id == expected


@given(samples.TEXTS, samples.NUMBERS, samples.NUMBERS)
def test_meta_from_a_prefix_is_the_same(name: str, n: int, time_ms: int) -> None:
    prefix = codec.entry_meta(7, name, "d", 0, 0)
    made = codec.entry_bytes(codec.entry_meta_of(prefix, n, codec.entry_time(time_ms)), codec.entry_content("x"), 1)
    assert codec.decode_entry(made) == m.Entry(1, 7, name, "d", n, time_ms, "x")


@given(samples.TEXTS, st.lists(samples.ENTRIES, max_size=5))
def test_a_push_made_by_hand(conversation: str, entries: list[m.Entry]) -> None:
    data = codec.push_frame(codec.conversation_prefix(conversation), [encoded(entry) for entry in entries])
    assert (
        decoded(data, Role.CLIENT)
        == m.Push(conversation, tuple(entries))
        == decoded(codec.encode(m.Push(conversation, tuple(entries))), Role.CLIENT)
    )


@given(samples.TEXTS, samples.NUMBERS, st.booleans(), st.lists(samples.ENTRIES, max_size=5), samples.SMALL)
def test_a_page_made_by_hand(text: str, number: int, live: bool, entries: list[m.Entry], request: int) -> None:
    gaps = (m.Range(1, 2, 3),)
    parts = [encoded(entry) for entry in entries]
    data = codec.page_frame(text, number, number, number, live, parts, request, gaps, live, not live)
    expected = m.Page(text, number, number, number, live, tuple(entries), request, gaps, live, not live)
    assert decoded(data, Role.CLIENT) == expected


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_an_ack_made_by_hand(n: int, seq: int) -> None:
    assert decoded(codec.ack_frame(n, seq), Role.CLIENT) == m.Ack(n, seq)
    if n and seq:
        assert codec.ack_frame(n, seq) == codec.encode(m.Ack(n, seq))


@given(samples.FROM_SERVER)
def test_every_answer_comes_back(message: Any) -> None:
    assert decoded(codec.encode(message), Role.CLIENT) == message


@given(samples.FROM_CLIENT)
def test_every_request_comes_back(message: Any) -> None:
    assert decoded(codec.encode(message), Role.SERVER) == message


@given(samples.LOGINS, samples.WELCOMES)
def test_the_login_comes_back(login: m.Login, welcome: m.LoginOk) -> None:
    assert decoded(codec.encode(login), Role.SERVER, State.FRESH) == login
    assert decoded(codec.encode(welcome), Role.CLIENT, State.LOGGING_IN) == welcome


@given(samples.CLOSES, st.sampled_from(Role), st.sampled_from([State.FRESH, State.LOGGING_IN, State.LOGGED_IN]))
def test_a_close_comes_back_in_every_state(close: m.Close, role: Role, state: State) -> None:
    assert decoded(codec.encode(close), role, state) == close


@given(st.one_of(samples.FROM_CLIENT, samples.FROM_SERVER))
def test_every_frame_is_what_protobuf_makes_of_it(message: Any) -> None:
    data = codec.encode(message)
    length, begin = read_length(data, 0, len(data)) or (0, 0)
    assert begin + length == len(data)
    assert pb.Frame.FromString(data[begin:]).SerializeToString() == data[begin:]


def test_the_range_of_a_code_says_whether_to_reconnect() -> None:
    assert reconnects(Code.SERVER_STOPPING)
    assert reconnects(Code.SLOW_CONSUMER)
    assert not reconnects(Code.TAKEN_OVER)
    assert not reconnects(3777)
    assert reconnects(3377)
    assert all(code.sentence.endswith(".") for code in Code)
    assert len({int(code) for code in Code}) == len(Code)
