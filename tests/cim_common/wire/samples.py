"""Each message with any values, for round trips; connections in each state."""

from typing import Any

import pytest
from hypothesis import strategies as st

from cim_common.wire import Connection, Limits, PeerProtocolError, Role
from cim_common.wire import messages as m
from cim_common.wire.commands import State

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NUMBERS = st.integers(0, 2**53)
SMALL = st.integers(0, 2**32 - 1)

_META: dict[str, st.SearchStrategy[Any]] = {
    "seq": NUMBERS, "sender": NUMBERS, "sender_name": TEXTS, "device": TEXTS, "n": NUMBERS, "time_ms": NUMBERS,
    "text": TEXTS, "unverified": st.booleans(), "message_id": TEXTS, "ref": NUMBERS,
}  # fmt: skip
ENTRIES = st.one_of(
    st.builds(lambda **fields: m.Entry(**fields), **_META),  # only these: builds() would make up the rest
    st.builds(
        m.Entry, **_META, kind=st.integers(1, 40),
        targets=st.lists(st.builds(m.Target, NUMBERS, TEXTS), max_size=3).map(tuple), role=TEXTS, topic=TEXTS,
        removed=st.booleans(), history=TEXTS, invite=TEXTS, recalled=st.booleans(), edited=NUMBERS,
        reactions=st.lists(st.builds(m.Reaction, TEXTS, SMALL, st.booleans()), max_size=3).map(tuple),
    ),
)  # fmt: skip
TARGETS = st.builds(m.Target, NUMBERS, TEXTS)
RANGES = st.builds(m.Range, NUMBERS, NUMBERS, SMALL)
LISTED = st.builds(
    m.Conversation,
    id=TEXTS, version=NUMBERS, head=NUMBERS, incarnation=NUMBERS, start=NUMBERS, peer=NUMBERS, title=TEXTS,
    topic=TEXTS, role=TEXTS, unread=NUMBERS, read=NUMBERS, active_ms=NUMBERS, members=NUMBERS,
    dissolved=st.booleans(), pinned=st.booleans(), muted=st.booleans(), pins=st.lists(NUMBERS, max_size=3).map(tuple),
)  # fmt: skip
SCHEDULES = st.builds(m.Schedule, SMALL, TEXTS, TEXTS, NUMBERS, TEXTS)

FROM_CLIENT: st.SearchStrategy[Any] = st.one_of(
    st.builds(m.Ping, NUMBERS),
    st.builds(m.Pong, NUMBERS, NUMBERS),
    st.builds(m.Resolve, SMALL, TEXTS, st.lists(TEXTS, max_size=3).map(tuple)),
    st.builds(m.Send, TEXTS, NUMBERS, NUMBERS, TEXTS, NUMBERS),
    st.builds(
        m.Change, TEXTS, NUMBERS, NUMBERS, SMALL, TEXTS, NUMBERS, st.lists(NUMBERS, max_size=3).map(tuple),
        TEXTS, TEXTS, st.booleans(), TEXTS, TEXTS,
    ),
    st.builds(m.Sync, TEXTS, NUMBERS, NUMBERS),
    st.builds(m.Pull, SMALL, TEXTS, NUMBERS, SMALL, NUMBERS, NUMBERS, st.booleans(), st.booleans()),
    st.builds(m.Cursor, TEXTS, NUMBERS),
    st.builds(m.List, SMALL, NUMBERS),
    st.builds(m.Hold, TEXTS),
    st.builds(m.Signal, TEXTS, SMALL, NUMBERS, TEXTS, NUMBERS),
    st.builds(m.Read, SMALL, TEXTS, NUMBERS),
    st.builds(m.Members, SMALL, TEXTS, NUMBERS, SMALL, st.booleans()),
    st.builds(m.Devices, SMALL),
    st.builds(m.LogoutDevice, SMALL, TEXTS),
    SCHEDULES,
    st.builds(m.Cancel, SMALL, TEXTS),
    st.builds(m.Schedules, SMALL, TEXTS),
    st.builds(m.Setting, SMALL, TEXTS, TEXTS, st.booleans()),
    st.builds(m.Presence, SMALL, TEXTS),
)  # fmt: skip
"""What a client sends once it is logged in. CLOSE ends all hearing, so it comes last."""

FROM_SERVER: st.SearchStrategy[Any] = st.one_of(
    st.builds(m.Ping, NUMBERS),
    st.builds(m.Pong, NUMBERS, NUMBERS),
    st.builds(m.Resolved, SMALL, TEXTS, NUMBERS, TEXTS, st.lists(TARGETS, max_size=3).map(tuple)),
    st.builds(m.Ack, NUMBERS, NUMBERS),
    st.builds(m.Nack, NUMBERS, SMALL, TEXTS, NUMBERS),
    st.builds(m.Retry, NUMBERS, SMALL, SMALL),
    st.builds(m.Unresolved, NUMBERS),
    st.builds(m.Push, TEXTS, st.lists(ENTRIES, max_size=4).map(tuple)),
    st.builds(
        m.Page, TEXTS, NUMBERS, NUMBERS, NUMBERS, st.booleans(), st.lists(ENTRIES, max_size=4).map(tuple), SMALL,
        st.lists(RANGES, max_size=3).map(tuple), st.booleans(), st.booleans(),
    ),
    st.builds(m.Conversations, SMALL, st.lists(LISTED, max_size=4).map(tuple), NUMBERS, st.booleans()),
    st.builds(m.Head, TEXTS, NUMBERS),
    st.builds(m.ConversationsChanged, NUMBERS),
    st.builds(m.GoAway, SMALL, TEXTS, TEXTS, SMALL),
    st.builds(m.Failed, SMALL, SMALL, TEXTS, TEXTS, SMALL, NUMBERS),
    st.builds(m.Done, SMALL),
    st.builds(m.Signal, TEXTS, SMALL, NUMBERS, TEXTS, NUMBERS),
    st.builds(
        m.MemberList, SMALL, st.lists(st.builds(m.Member, NUMBERS, TEXTS, TEXTS, NUMBERS), max_size=3).map(tuple),
        st.booleans(),
    ),
    st.builds(
        m.DeviceList, SMALL,
        st.lists(
            st.builds(m.Device, TEXTS, NUMBERS, st.booleans(), st.booleans(), st.booleans()), max_size=3
        ).map(tuple),
    ),
    st.builds(m.ScheduleList, SMALL, st.lists(SCHEDULES, max_size=3).map(tuple), st.booleans()),
    st.builds(m.PresenceInfo, SMALL, NUMBERS, TEXTS, st.booleans(), NUMBERS),
)  # fmt: skip

CLOSES = st.builds(m.Close, SMALL, TEXTS)
LOGINS = st.builds(m.Login, TEXTS, TEXTS, SMALL, TEXTS, st.booleans(), st.booleans())
WELCOMES = st.builds(m.LoginOk, NUMBERS, TEXTS, SMALL, NUMBERS, TEXTS, SMALL, SMALL, SMALL)

LOGIN = m.Login("token", "d1", 2, "test", True)
WELCOME = m.LoginOk(5, "alice", 2, 1, "s1", 10_000, 30_000, 64)


def ends(state: State) -> tuple[Connection, Connection]:
    """Client and server in a state, brought there by the frames that lead to it."""
    client, server = Connection(Role.CLIENT, Limits()), Connection(Role.SERVER, Limits())
    routes: dict[State, list[tuple[Connection, Connection, Any]]] = {
        State.FRESH: [],
        State.LOGGING_IN: [(client, server, LOGIN)],
        State.LOGGED_IN: [(client, server, LOGIN), (server, client, WELCOME)],
        State.LEGACY: [(client, server, m.LegacyLogin(5_000_000_000, "Ann"))],
        State.CLOSED: [],
    }
    for sender, receiver, message in routes[state]:
        receiver.receive_data(sender.send(message))
        assert receiver.next_event() == message
    if state is State.CLOSED:
        for end in (client, server):
            end.receive_data(b"\x00")
            with pytest.raises(PeerProtocolError):
                end.next_event()
    assert client.state is server.state is state
    return client, server
