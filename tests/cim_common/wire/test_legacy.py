"""The frames of CIM's Java clients, byte for byte as they were captured."""

import pytest

from cim_common.wire import Code, Connection, Limits, PeerProtocolError, Role, cim_pb2, codec, legacy
from cim_common.wire.framing import frame
from cim_common.wire.messages import LegacyLogin, LegacyMessage, LegacyOffline, LegacyPing

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


def test_the_answer_to_a_heartbeat() -> None:
    assert bytes.fromhex("080a04706f6e671802") == legacy.PONG_FRAME
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


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"", Code.EMPTY_FRAME), (b"\x0a\x03ann", Code.MALFORMED_FRAME), (b"\x10\x00", Code.MALFORMED_FRAME)],
)
def test_a_login_of_nobody_is_refused(body: bytes, code: Code) -> None:
    with pytest.raises(PeerProtocolError) as refused:
        server_with(body).next_event()
    assert refused.value.code == code


def test_chat_from_a_legacy_socket_is_refused() -> None:
    connection = server_with(LOGIN, b"\x0a\x01x\x10\x05\x18\x01")
    connection.next_event()
    with pytest.raises(PeerProtocolError) as refused:
        connection.next_event()
    assert refused.value.code == Code.UNEXPECTED_COMMAND
