"""The sans-IO connection: any split gives the same events, garbage gives one error, the tables hold."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim_common.wire import (
    NEED_DATA,
    Code,
    Connection,
    Limits,
    LocalProtocolError,
    PeerProtocolError,
    Role,
    cim_pb2,
    codec,
)
from cim_common.wire import messages as m
from cim_common.wire.commands import COMMAND_OF, FROM_CLIENT, FROM_SERVER, State
from cim_common.wire.framing import frame
from tests.cim_common.wire import samples

LIMITS = Limits()
LOGIN = m.Login("token", "d1", 2, "test", True)
WELCOME = m.LoginOk(5, "alice", 2, 1, "s1", 10_000, 30_000, 64)


def logged_in() -> tuple[Connection, Connection]:
    """A client and a server past the login."""
    client, server = Connection(Role.CLIENT, LIMITS), Connection(Role.SERVER, LIMITS)
    server.receive_data(client.send(LOGIN))
    assert server.next_event() == LOGIN
    client.receive_data(server.send(WELCOME))
    assert client.next_event() == WELCOME
    return client, server


def events_of(connection: Connection) -> list[Any]:
    """Everything there is, an error as its code."""
    found: list[Any] = []
    try:
        while (event := connection.next_event()) is not NEED_DATA:
            found.append(event)
            if isinstance(event, m.ConnectionClosed):
                break
    except PeerProtocolError as error:
        found.append(error.code)
    return found


@given(st.lists(samples.FROM_CLIENT, max_size=6), st.lists(st.integers(1, 50), max_size=20))
def test_any_split_gives_the_same_events_at_the_server(messages: list[Any], cuts: list[int]) -> None:
    client, server = logged_in()
    check_split(client, server, messages, cuts)


@given(st.lists(samples.FROM_SERVER, max_size=6), st.lists(st.integers(1, 50), max_size=20))
def test_any_split_gives_the_same_events_at_the_client(messages: list[Any], cuts: list[int]) -> None:
    client, server = logged_in()
    check_split(server, client, messages, cuts)


def check_split(sender: Connection, receiver: Connection, messages: list[Any], cuts: list[int]) -> None:
    data = b"".join(sender.send(message) for message in messages)
    found: list[Any] = []
    for cut in cuts:
        piece, data = data[:cut], data[cut:]
        if piece:
            receiver.receive_data(piece)
            found += events_of(receiver)
    if data:
        receiver.receive_data(data)
    found += events_of(receiver)
    assert found == messages
    assert receiver.buffered == 0


def test_byte_by_byte_and_with_trailing_bytes() -> None:
    client, server = logged_in()
    data = client.send(m.Send("lobby", 1, 0, "x" * 300)) + client.send(m.Ping(7))
    found = []
    for byte in data + data[:5]:
        server.receive_data(bytes([byte]))
        found += events_of(server)
    assert found == [m.Send("lobby", 1, 0, "x" * 300), m.Ping(7)]
    assert server.buffered == 5


@given(st.binary(max_size=400), st.integers(1, 40))
def test_garbage_gives_one_error_and_is_never_kept(garbage: bytes, size: int) -> None:
    server = Connection(Role.SERVER, LIMITS)
    errors = 0
    for start in range(0, len(garbage), size):
        server.receive_data(garbage[start : start + size])
        errors += sum(isinstance(event, Code) for event in events_of(server))
        assert server.buffered <= LIMITS.max_login_frame_bytes + 5
    assert errors <= 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x00", Code.EMPTY_FRAME),
        (b"\x81\x80\x80\x80\x80\x00", Code.MALFORMED_FRAME),
        (b"\x85\x00abcde", Code.MALFORMED_FRAME),
        (b"\xff\xff\xff\xff\xff", Code.MALFORMED_FRAME),
        (b"\x81\x08", Code.FRAME_TOO_LARGE),
        (b"\xff\xff\xff\xff\x0f", Code.FRAME_TOO_LARGE),
        (b"\x01\xff", Code.MALFORMED_FRAME),
        (frame(b"\x0a\x02\xff\xfe\x10\x05"), Code.MALFORMED_FRAME),
        (frame(b"\x18\x64"), Code.UNKNOWN_COMMAND),
        (frame(b"\x18\x16"), Code.UNEXPECTED_COMMAND),
        (frame(b"\x0a\x01x"), Code.MALFORMED_FRAME),
        (frame(b"\x18\x01"), Code.UNEXPECTED_COMMAND),
    ],
)
def test_each_mistake_has_its_code(data: bytes, code: Code) -> None:
    server = Connection(Role.SERVER, LIMITS)
    server.receive_data(data)
    assert events_of(server) == [code]
    assert events_of(server) == []
    server.receive_data(b"more")
    assert server.buffered == 0


def test_a_longer_frame_is_allowed_after_login() -> None:
    _, server = logged_in()
    text = "x" * (LIMITS.max_frame_bytes - 40)
    server.receive_data(codec.encode(m.Send("lobby", 1, 0, text)))
    assert events_of(server) == [m.Send("lobby", 1, 0, text)]
    server.receive_data(codec.encode(m.Send("lobby", 1, 0, "x" * LIMITS.max_frame_bytes)))
    assert events_of(server) == [Code.FRAME_TOO_LARGE]


def test_the_end_between_frames_and_within_one() -> None:
    client, server = logged_in()
    server.receive_data(client.send(m.Ping(1)))
    server.receive_data(b"")
    assert events_of(server) == [m.Ping(1), m.ConnectionClosed()]
    client, server = logged_in()
    server.receive_data(client.send(m.Ping(1))[:-1])
    server.receive_data(b"")
    assert events_of(server) == [Code.MALFORMED_FRAME]


def test_a_newer_peer_is_survived() -> None:
    _, server = logged_in()
    optional = frame(b"\x18\x80\x01\xfa\x0f\x03abc")
    newer_field = cim_pb2.Frame(command="PING").SerializeToString() + b"\x98\x06\x05"
    server.receive_data(optional + frame(newer_field))
    assert events_of(server) == [m.Ping(0)]


@pytest.mark.parametrize("state", [State.FRESH, State.LOGGED_IN, State.LEGACY])
@pytest.mark.parametrize("command", sorted(set(COMMAND_OF.values())))
def test_every_cell_of_the_tables(state: State, command: int) -> None:
    server = Connection(Role.SERVER, LIMITS)
    server.state = state
    # A login of somebody: any other command does not look at the field.
    server.receive_data(frame(cim_pb2.Frame(command=command, id=5).SerializeToString()))  # type: ignore[arg-type]
    (event,) = events_of(server)
    assert (event is not Code.UNEXPECTED_COMMAND) == (command in FROM_CLIENT[state])
    client = Connection(Role.CLIENT, LIMITS)
    client.state = state
    client.receive_data(frame(cim_pb2.Frame(command=command, id=5).SerializeToString()))  # type: ignore[arg-type]
    (event,) = events_of(client)
    allowed = command in FROM_SERVER[state] and state is not State.LEGACY
    assert (event is not Code.UNEXPECTED_COMMAND) == allowed


def test_our_own_mistakes_are_told_apart() -> None:
    with pytest.raises(LocalProtocolError):
        Connection(Role.CLIENT, LIMITS).send(m.Send("lobby", 1, 0, "x"))
    server = Connection(Role.SERVER, LIMITS)
    server.receive_data(codec.encode(m.LegacyLogin(5_000_000_000, "Ann")))
    assert events_of(server) == [m.LegacyLogin(5_000_000_000, "Ann")]
    assert server.legacy
    for message in (WELCOME, m.Pong(0, 0), m.Close(3000, ""), m.Ack(1, 1)):
        with pytest.raises(LocalProtocolError):
            server.send(message)


def test_an_idle_connection_is_small() -> None:
    import sys

    _, server = logged_in()
    assert sys.getsizeof(server) <= 120
    assert server.buffered == 0
