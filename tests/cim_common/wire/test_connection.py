"""The sans-IO connection: any split gives the same events, garbage gives one error, the tables hold."""

import tracemalloc
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
    legacy,
)
from cim_common.wire import messages as m
from cim_common.wire.commands import COMMAND_OF, FROM_CLIENT, FROM_SERVER, LEADS_TO, MAY_LACK_BODY, State
from cim_common.wire.framing import frame
from tests.cim_common.wire import samples

LIMITS = Limits()


def logged_in() -> tuple[Connection, Connection]:
    """A client and a server past the login."""
    return samples.ends(State.LOGGED_IN)


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


@given(st.lists(samples.FROM_CLIENT, max_size=3), st.binary(min_size=1, max_size=300), st.integers(1, 100))
def test_garbage_after_good_frames_takes_nothing_from_them(messages: list[Any], garbage: bytes, size: int) -> None:
    client, server = logged_in()
    data = b"".join(client.send(message) for message in messages) + garbage
    found: list[Any] = []
    for start in range(0, len(data), size):
        server.receive_data(data[start : start + size])
        found += events_of(server)
    assert found[: len(messages)] == messages
    assert sum(isinstance(event, Code) for event in found) <= 1
    assert server.buffered <= LIMITS.max_frame_bytes + 5


def memory_of(connection: Connection) -> int:
    """Bytes allocated by a connection and what only it refers to, after a long read with a short tail."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    connection.receive_data(frame(b"\x18\x80\x01" + b"\x82\x10\x7d" + b"x" * 125) * 400 + b"\x20\x18")
    assert events_of(connection) == []
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return kept


@pytest.mark.parametrize("state", [State.FRESH, State.LOGGED_IN])
def test_a_short_tail_does_not_keep_the_long_read_it_came_with(state: State) -> None:
    _, server = samples.ends(state)
    assert memory_of(server) < LIMITS.max_login_frame_bytes
    assert server.buffered == 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x00", Code.EMPTY_FRAME),
        (b"\x81\x80\x80\x80\x80\x00", Code.MALFORMED_FRAME),
        (b"\x85\x00abcde", Code.MALFORMED_FRAME),
        (b"\xff\xff\xff\xff\xff", Code.MALFORMED_FRAME),
        (b"\x81\x08", Code.FRAME_TOO_LARGE),
        (b"\xff\xff\xff\xff\x0f", Code.FRAME_TOO_LARGE),
        (b"\xff\xff\xff\xff\x1f", Code.MALFORMED_FRAME),
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


@pytest.mark.parametrize("role", Role)
def test_the_peers_end_does_not_forbid_our_last_words(role: Role) -> None:
    end = logged_in()[role]
    end.receive_data(b"")
    assert events_of(end) == [m.ConnectionClosed()]
    assert end.state is State.LOGGED_IN
    assert end.send(m.Ping(1)) == codec.encode(m.Ping(1))


def test_a_newer_peer_is_survived() -> None:
    _, server = logged_in()
    optional = frame(b"\x18\x80\x01\xfa\x0f\x03abc")
    newer_field = cim_pb2.Frame(command="PING").SerializeToString() + b"\x98\x06\x05"
    server.receive_data(optional + frame(newer_field))
    assert events_of(server) == [m.Ping(0)]


COMMANDS = sorted(set(COMMAND_OF.values()))
TABLES = {Role.SERVER: (FROM_CLIENT, FROM_SERVER), Role.CLIENT: (FROM_SERVER, FROM_CLIENT)}
"""What a role may receive and what it may send."""


def whole(command: int) -> cim_pb2.Frame:
    """A frame of that command with a body, and what a legacy frame needs: somebody's id, a sender."""
    made = cim_pb2.Frame(command=command, id=5, properties={"sendUserId": "7"})  # type: ignore[arg-type]
    if command >= cim_pb2.LOGIN:
        getattr(made, cim_pb2.Command.Name(command).lower()).SetInParent()
    return made


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_cell_of_what_may_be_received(role: Role, state: State, command: int) -> None:
    end = samples.ends(state)[role]
    end.receive_data(frame(whole(command).SerializeToString()))
    found = events_of(end)
    if state is State.CLOSED:
        # After one mistake nothing is heard any more, so there is no second error.
        assert found == []
        return
    (event,) = found
    if command not in TABLES[role][0][state]:
        assert event is Code.UNEXPECTED_COMMAND
        assert end.state is (State.LEGACY if state is State.LEGACY else State.CLOSED)
    else:
        assert COMMAND_OF[type(event)] == command
        assert end.state is LEADS_TO.get(command, state)


ONE_OF_EACH: list[Any] = [
    samples.LOGIN, samples.WELCOME, m.Ping(), m.Pong(0, 0), m.Resolve(0, ""), m.Resolved(0, "", 0, ""),
    m.Send("", 0, 0, ""), m.Ack(0, 0), m.Nack(0, 0), m.Retry(0, 0, 0), m.Unresolved(0), m.Push("", ()),
    m.Sync("", 0, 0), m.Page("", 0, 0, 0, False, ()), m.Pull(0, "", 0, 0), m.Cursor("", 0), m.List(0, 0),
    m.Conversations(0, (), 0, False), m.Head("", 0), m.Hold(""), m.ConversationsChanged(0), m.GoAway(0, "", "", 0),
    m.Close(0), m.Failed(0, 0, ""), m.LegacyLogin(1, ""), m.LegacyMessage(1, "", 2, ("x",)), m.LegacyPing(),
    m.LegacyOffline(1, "", 2, ("x",)), m.Change("", 0, 0, 1), m.Signal("", 1), m.Read(0, "", 0), m.Done(0),
    m.Members(0, ""), m.MemberList(0, (), False), m.Devices(0), m.DeviceList(0, ()), m.LogoutDevice(0, ""),
    m.Schedule(0, "", "", 0, ""), m.Cancel(0, ""), m.Schedules(0), m.ScheduleList(0, ()),
    m.Setting(0, "", "", True), m.Presence(0, ""), m.PresenceInfo(0, 0, "", False, 0),
]  # fmt: skip


def test_there_is_one_of_each() -> None:
    assert {type(message) for message in ONE_OF_EACH} == set(COMMAND_OF)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("message", ONE_OF_EACH, ids=lambda message: type(message).__name__)
def test_every_cell_of_what_may_be_sent(role: Role, state: State, message: Any) -> None:
    end = samples.ends(state)[role]
    command = COMMAND_OF[type(message)]
    if command in TABLES[role][1][state]:
        ping = legacy.PING_FRAME if role is Role.CLIENT and type(message) is m.LegacyPing else None
        assert end.send(message) == (ping or codec.encode(message))
        assert end.state is LEADS_TO.get(command, state)
    else:
        with pytest.raises(LocalProtocolError):
            end.send(message)
        assert end.state is state


@pytest.mark.parametrize("state", [State.LOGGED_IN, State.FRESH])
@pytest.mark.parametrize("command", [4, 15, 56, 127])
def test_unknown_commands_below_128_are_refused(state: State, command: int) -> None:
    _, server = samples.ends(state)
    server.receive_data(frame(cim_pb2.Frame(command=command).SerializeToString()))  # type: ignore[arg-type]
    assert events_of(server) == [Code.UNKNOWN_COMMAND]


@pytest.mark.parametrize("command", [128, 4_000, 2**31 - 1])
def test_commands_from_128_up_are_passed_over(command: int) -> None:
    optional = frame(cim_pb2.Frame(command=command, text="newer").SerializeToString())  # type: ignore[arg-type]
    for state in (State.FRESH, State.LOGGING_IN, State.LOGGED_IN, State.LEGACY):
        for end in samples.ends(state):
            end.receive_data(optional)
            assert events_of(end) == []
            assert end.state is state


@pytest.mark.parametrize("second", [samples.LOGIN, m.LegacyLogin(5, "Ann"), m.Send("lobby", 1, 0, "x"), m.Ping()])
def test_nothing_but_a_close_comes_before_the_login_is_answered(second: Any) -> None:
    server = Connection(Role.SERVER, LIMITS)
    server.receive_data(codec.encode(samples.LOGIN) + codec.encode(second))
    assert events_of(server) == [samples.LOGIN, Code.UNEXPECTED_COMMAND]
    assert not server.legacy


def test_frames_stay_short_until_the_login_is_answered() -> None:
    long = codec.encode(m.Send("lobby", 1, 0, "x" * LIMITS.max_login_frame_bytes))
    for state in (State.FRESH, State.LOGGING_IN, State.LEGACY):
        _, server = samples.ends(state)
        if state is State.LEGACY:
            server.mark_logged_in()
        server.receive_data(long)
        assert events_of(server) == [Code.FRAME_TOO_LARGE]
    _, server = samples.ends(State.LOGGING_IN)
    server.mark_logged_in()
    server.receive_data(long)
    assert len(events_of(server)[0].text) == LIMITS.max_login_frame_bytes


@pytest.mark.parametrize("command", [command for command in COMMANDS if command >= cim_pb2.LOGIN])
def test_a_missing_body_means_something_or_is_refused(command: int) -> None:
    body = frame(cim_pb2.Frame(command=command).SerializeToString())  # type: ignore[arg-type]
    for state in (State.FRESH, State.LOGGING_IN, State.LOGGED_IN):
        for role in Role:
            if command in TABLES[role][0][state]:
                end = samples.ends(state)[role]
                end.receive_data(body)
                event = events_of(end)[0]
                if command in MAY_LACK_BODY:
                    assert not any(event)
                else:
                    assert event is Code.MALFORMED_FRAME


def test_nothing_counts_after_a_close_but_the_end() -> None:
    client, server = logged_in()
    close = m.Close(Code.NORMAL, "bye")
    server.receive_data(client.send(close) + codec.encode(m.Ping(1)) + b"\x00")
    assert events_of(server) == [close]
    server.receive_data(b"\x00")
    assert events_of(server) == []
    assert server.buffered == 0
    server.receive_data(b"")
    assert events_of(server) == [m.ConnectionClosed()]


def test_our_own_mistakes_are_told_apart() -> None:
    with pytest.raises(LocalProtocolError, match="Send may not be sent in state FRESH"):
        Connection(Role.CLIENT, LIMITS).send(m.Send("lobby", 1, 0, "x"))


def test_an_idle_connection_is_small() -> None:
    connections = []
    login = codec.encode(samples.LOGIN)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(500):
        server = Connection(Role.SERVER, LIMITS)
        server.receive_data(login)
        assert server.next_event() == samples.LOGIN
        server.send(samples.WELCOME)
        assert server.next_event() is NEED_DATA
        connections.append(server)
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert used / len(connections) < 250


def test_whoever_stops_between_two_messages_finds_the_rest_later() -> None:
    client, server = samples.ends(State.LOGGED_IN)
    sent = [m.Ping(number) for number in range(1, 6)]
    server.receive_data(b"".join([client.send(message) for message in sent]))
    for event in server.events():
        assert event == sent[0]
        break
    assert server.next_event() == sent[1]
    server.receive_data(client.send(m.Ping(6)))
    assert list(server.events()) == [*sent[2:], m.Ping(6)]
    assert list(server.events()) == []
    assert server.buffered == 0


def test_a_plain_ping_makes_no_object() -> None:
    server = Connection(Role.SERVER, Limits())
    server.mark_logged_in()
    server.receive_data(codec.encode(m.Ping()) * 2 + codec.encode(m.Ping(1)) + codec.encode(m.Ping())[:3])
    first, second, third = server.events()
    assert first is second
    assert (first, third) == (m.Ping(), m.Ping(1))
    server.receive_data(codec.encode(m.Ping())[3:])
    assert list(server.events()) == [m.Ping()]
