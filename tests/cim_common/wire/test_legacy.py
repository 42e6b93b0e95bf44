"""The frames of CIM's Java clients, byte for byte as they were captured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim_common.wire import NEED_DATA, Code, Connection, Limits, PeerProtocolError, Role, cim_pb2, codec, legacy
from cim_common.wire.commands import State
from cim_common.wire.framing import frame, read_length
from cim_common.wire.messages import LegacyLogin, LegacyMessage, LegacyOffline, LegacyPing
from tests.cim_common.wire import samples

LOGIN = bytes.fromhex("0a0570726f626510f9c8ceb2a034")
PING = bytes.fromhex("0a0470696e671802")


def server_with(*bodies: bytes) -> Connection:
    connection = Connection(Role.SERVER, Limits())
    connection.receive_data(b"".join(map(frame, bodies)))
    return connection


def test_the_captured_login_and_a_heartbeat() -> None:
    connection = server_with(LOGIN, PING, LOGIN)
    assert connection.next_event() == LegacyLogin(1795402474617, "probe")
    assert connection.next_event() == LegacyPing()
    assert connection.next_event() == LegacyLogin(1795402474617, "probe")
    assert codec.encode(LegacyLogin(1795402474617, "probe")) == frame(LOGIN)


@pytest.mark.parametrize("size", [1, 2, 5, 1_000])
def test_captured_frames_in_pieces_and_with_trailing_bytes(size: int) -> None:
    connection = Connection(Role.SERVER, Limits())
    data = frame(LOGIN) + frame(PING) + frame(PING)[:3]
    found = []
    for start in range(0, len(data), size):
        connection.receive_data(data[start : start + size])
        while (event := connection.next_event()) is not NEED_DATA:
            found.append(event)
    assert found == [LegacyLogin(1795402474617, "probe"), LegacyPing()]
    assert connection.buffered == 3


def test_the_answer_to_a_heartbeat() -> None:
    assert bytes.fromhex("080a04706f6e671802") == legacy.PONG_FRAME
    assert frame(PING) == legacy.PING_FRAME
    assert codec.encode(LegacyPing()) == legacy.PONG_FRAME


def test_chat_has_what_the_client_needs() -> None:
    data = codec.encode(LegacyMessage(7, "ann", 9, ("hello",)))
    parsed = cim_pb2.Frame.FromString(data[1:])
    assert (parsed.command, parsed.id, parsed.text, list(parsed.batch)) == (1, 9, "hello", [])
    assert dict(parsed.properties) == {"sendUserId": "7", "sendUserName": "ann", "receiveUserId": "9"}


def test_batches_and_stored_messages() -> None:
    batch = cim_pb2.Frame.FromString(codec.encode(LegacyMessage(7, "ann", 9, ("a", "b")))[1:])
    assert (batch.command, batch.text, list(batch.batch)) == (1, "", ["a", "b"])
    stored = cim_pb2.Frame.FromString(codec.encode(LegacyOffline(7, "ann", 9, ("a",)))[1:])
    assert (stored.command, stored.text, list(stored.batch)) == (3, "", ["a"])
    assert stored.properties["receiveUserId"] == "9"


@given(
    st.integers(0, 2**53), samples.TEXTS, st.integers(1, 2**53), st.lists(samples.TEXTS, min_size=1, max_size=5),
    st.booleans(),
)  # fmt: skip
def test_a_body_and_its_receiver_are_one_message(
    sender: int, name: str, receiver: int, texts: list[str], stored: bool
) -> None:
    kind = LegacyOffline if stored else LegacyMessage
    data = codec.encode(kind(sender, name, receiver, tuple(texts)))
    client, _ = samples.ends(State.LEGACY)
    client.receive_data(data)
    assert client.next_event() == kind(sender, name, receiver, tuple(texts))
    begin = read_length(data, 0, len(data))
    assert begin is not None
    parsed = cim_pb2.Frame.FromString(data[begin[1] :])
    assert (parsed.command, parsed.id) == (3 if stored else 1, receiver)
    assert ([parsed.text] if len(texts) == 1 and not stored else list(parsed.batch)) == texts
    assert dict(parsed.properties) == {
        "sendUserId": str(sender), "sendUserName": name, "receiveUserId": str(receiver),
    }  # fmt: skip


@pytest.mark.parametrize("properties", [{}, {"sendUserId": ""}, {"sendUserId": "ann"}])
def test_chat_of_nobody_is_refused(properties: dict[str, str]) -> None:
    client, _ = samples.ends(State.LEGACY)
    client.receive_data(frame(cim_pb2.Frame(command="LEGACY_MESSAGE", properties=properties).SerializeToString()))
    with pytest.raises(PeerProtocolError) as refused:
        client.next_event()
    assert refused.value.code == Code.MALFORMED_FRAME


def test_the_layout_is_that_of_the_java_client() -> None:
    """Field numbers and types of its Request and Response (map entries are key 1, value 2)."""
    parsed = cim_pb2.Frame.FromString(bytes.fromhex("0a02686910091801" + "22060a016b120176" + "2a0161" + "2a0162"))
    assert (parsed.text, parsed.id, parsed.command) == ("hi", 9, 1)
    assert dict(parsed.properties) == {"k": "v"}
    assert list(parsed.batch) == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"", Code.EMPTY_FRAME), (b"\x0a\x03ann", Code.MALFORMED_FRAME), (b"\x10\x00", Code.MALFORMED_FRAME)],
)
def test_a_login_of_nobody_is_refused(body: bytes, code: Code) -> None:
    connection = server_with(body)
    with pytest.raises(PeerProtocolError) as refused:
        connection.next_event()
    assert refused.value.code == code
    # Whoever sends a legacy login would show a CLOSE as chat; an empty frame says nothing of its sender.
    assert connection.legacy == (body != b"")


def test_chat_from_a_legacy_socket_is_refused() -> None:
    connection = server_with(LOGIN, b"\x0a\x01x\x10\x05\x18\x01")
    connection.next_event()
    with pytest.raises(PeerProtocolError) as refused:
        connection.next_event()
    assert refused.value.code == Code.UNEXPECTED_COMMAND
