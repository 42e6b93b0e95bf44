"""The state machine of a connection, as tables: who may send what, when.

A missing cell is the error UNEXPECTED_COMMAND. docs/protocol.md is made from these tables.
"""

from enum import IntEnum

from cim_common.wire import cim_pb2 as pb
from cim_common.wire import messages as m


class Role(IntEnum):
    """Which end of the connection this is."""

    CLIENT = 0
    SERVER = 1


class State(IntEnum):
    """How far the connection is."""

    FRESH = 0
    """No login has come."""

    LOGGING_IN = 1
    """A v2 login waits for its answer. A state of its own, for the answer takes the store a while: a second login
    in that time would be claimed and answered as well."""

    LOGGED_IN = 2
    """A v2 login was accepted."""

    LEGACY = 3
    """The peer is a legacy client."""

    CLOSED = 4
    """The peer has broken the protocol."""


_CLIENT_REQUESTS = frozenset({
    pb.PING, pb.PONG, pb.RESOLVE, pb.SEND, pb.SYNC, pb.PULL, pb.CURSOR, pb.LIST, pb.HOLD, pb.CLOSE,
    pb.CHANGE, pb.SIGNAL, pb.READ, pb.MEMBERS, pb.DEVICES, pb.LOGOUT_DEVICE, pb.SCHEDULE, pb.CANCEL, pb.SCHEDULES,
    pb.SETTING, pb.PRESENCE,
})  # fmt: skip
_SERVER_ANSWERS = frozenset({
    pb.PING, pb.PONG, pb.RESOLVED, pb.ACK, pb.NACK, pb.RETRY, pb.UNRESOLVED, pb.PUSH, pb.PAGE, pb.CONVERSATIONS,
    pb.HEAD, pb.CONVERSATIONS_CHANGED, pb.GO_AWAY, pb.CLOSE, pb.FAILED, pb.SIGNAL, pb.DONE, pb.MEMBER_LIST,
    pb.DEVICE_LIST, pb.SCHEDULE_LIST, pb.PRESENCE_INFO,
})  # fmt: skip
_LEGACY_SENT = frozenset({pb.LEGACY_LOGIN, pb.LEGACY_PING})
_LEGACY_RECEIVED = frozenset({pb.LEGACY_MESSAGE, pb.LEGACY_PING, pb.LEGACY_OFFLINE})

FROM_CLIENT: dict[State, frozenset[int]] = {
    State.FRESH: frozenset({pb.LOGIN, pb.CLOSE, pb.LEGACY_LOGIN}),
    State.LOGGING_IN: frozenset({pb.CLOSE}),
    State.LOGGED_IN: _CLIENT_REQUESTS,
    State.LEGACY: _LEGACY_SENT,
    State.CLOSED: frozenset(),
}
"""Commands a client may send in each state."""

FROM_SERVER: dict[State, frozenset[int]] = {
    State.FRESH: frozenset({pb.CLOSE}),
    State.LOGGING_IN: frozenset({pb.LOGIN_OK, pb.CLOSE}),
    State.LOGGED_IN: _SERVER_ANSWERS,
    State.LEGACY: _LEGACY_RECEIVED,
    State.CLOSED: frozenset({pb.CLOSE}),
}
"""Commands a server may send in each state. After a peer's mistake: the reason."""

LEADS_TO: dict[int, State] = {
    pb.LOGIN: State.LOGGING_IN,
    pb.LOGIN_OK: State.LOGGED_IN,
    pb.LEGACY_LOGIN: State.LEGACY,
}
"""The state after a command, for the side that sends it and the side that receives it."""

MAY_LACK_BODY = frozenset({pb.PING, pb.PONG, pb.LIST, pb.CLOSE})
"""Commands that mean something without their field: all its values are the defaults. Elsewhere that is
MALFORMED_FRAME, for a SEND to no conversation says nothing."""

OPTIONAL_FROM = 128
"""Commands from here up are ignored by a peer that does not know them."""

COMMAND_OF: dict[type, int] = {
    m.Login: pb.LOGIN, m.LoginOk: pb.LOGIN_OK, m.Ping: pb.PING, m.Pong: pb.PONG, m.Resolve: pb.RESOLVE,
    m.Resolved: pb.RESOLVED, m.Send: pb.SEND, m.Ack: pb.ACK, m.Nack: pb.NACK, m.Retry: pb.RETRY,
    m.Unresolved: pb.UNRESOLVED, m.Push: pb.PUSH, m.Sync: pb.SYNC, m.Page: pb.PAGE, m.Pull: pb.PULL,
    m.Cursor: pb.CURSOR, m.List: pb.LIST, m.Conversations: pb.CONVERSATIONS, m.Head: pb.HEAD, m.Hold: pb.HOLD,
    m.ConversationsChanged: pb.CONVERSATIONS_CHANGED, m.GoAway: pb.GO_AWAY, m.Close: pb.CLOSE, m.Failed: pb.FAILED,
    m.Change: pb.CHANGE, m.Signal: pb.SIGNAL, m.Read: pb.READ, m.Done: pb.DONE, m.Members: pb.MEMBERS,
    m.MemberList: pb.MEMBER_LIST, m.Devices: pb.DEVICES, m.DeviceList: pb.DEVICE_LIST,
    m.LogoutDevice: pb.LOGOUT_DEVICE, m.Schedule: pb.SCHEDULE, m.Cancel: pb.CANCEL, m.Schedules: pb.SCHEDULES,
    m.ScheduleList: pb.SCHEDULE_LIST, m.Setting: pb.SETTING, m.Presence: pb.PRESENCE,
    m.PresenceInfo: pb.PRESENCE_INFO,
    m.LegacyLogin: pb.LEGACY_LOGIN, m.LegacyMessage: pb.LEGACY_MESSAGE, m.LegacyPing: pb.LEGACY_PING,
    m.LegacyOffline: pb.LEGACY_OFFLINE,
}  # fmt: skip

KNOWN = frozenset(COMMAND_OF.values())
