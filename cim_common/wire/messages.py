"""The messages of the protocol as immutable tuples: what `Connection` takes and gives.

They mirror proto/cim.proto, where each field is explained. Protobuf classes stop at the codec.
"""

from typing import NamedTuple


class Target(NamedTuple):
    """A user an entry concerns."""

    user: int
    name: str


class Reaction(NamedTuple):
    emoji: str
    users: int
    mine: bool = False


class Entry(NamedTuple):
    """One entry of a conversation's log. `edited` and `reactions` stand only where the present state was asked for."""

    seq: int
    sender: int
    sender_name: str
    device: str
    n: int
    time_ms: int
    text: str
    kind: int = 0
    unverified: bool = False
    message_id: str = ""
    ref: int = 0
    targets: tuple[Target, ...] = ()
    role: str = ""
    topic: str = ""
    removed: bool = False
    history: str = ""
    invite: str = ""
    recalled: bool = False
    edited: int = 0
    reactions: tuple[Reaction, ...] = ()

    @property
    def client_msg_id(self) -> str:
        """The public id of the message, unique for ever."""
        return self.message_id or f"{self.sender}:{self.device}:{self.n}"


class Login(NamedTuple):
    token: str
    device: str
    protocol: int = 2
    client: str = ""
    ephemeral: bool = False
    returning: bool = False


class LoginOk(NamedTuple):
    user: int
    name: str
    protocol: int
    server_time_ms: int
    server: str
    ping_interval_ms: int
    idle_timeout_ms: int
    max_unanswered: int


class Ping(NamedTuple):
    token: int = 0


class Pong(NamedTuple):
    token: int
    server_time_ms: int


class Resolve(NamedTuple):
    request: int
    name: str
    names: tuple[str, ...] = ()


class Resolved(NamedTuple):
    request: int
    conversation: str
    user: int
    name: str
    users: tuple[Target, ...] = ()


class Send(NamedTuple):
    conversation: str
    n: int
    after: int
    text: str
    reply_to: int = 0


class Change(NamedTuple):
    """A state entry a client asks for; `kind` is a `kinds.Kind`."""

    conversation: str
    n: int
    after: int
    kind: int
    text: str = ""
    ref: int = 0
    targets: tuple[int, ...] = ()
    role: str = ""
    topic: str = ""
    removed: bool = False
    history: str = ""
    invite: str = ""


class Ack(NamedTuple):
    n: int
    seq: int


class Nack(NamedTuple):
    n: int
    code: int
    message: str = ""
    seq: int = 0


class Retry(NamedTuple):
    n: int
    code: int
    after_ms: int


class Unresolved(NamedTuple):
    n: int


class Push(NamedTuple):
    conversation: str
    entries: tuple[Entry, ...]


class Sync(NamedTuple):
    conversation: str
    cursor: int
    incarnation: int


class Range(NamedTuple):
    first: int
    last: int
    reason: int


class Page(NamedTuple):
    conversation: str
    incarnation: int
    end: int
    head: int
    live: bool
    entries: tuple[Entry, ...]
    request: int = 0
    gaps: tuple[Range, ...] = ()
    rewound: bool = False
    left: bool = False


class Pull(NamedTuple):
    request: int
    conversation: str
    before: int
    limit: int
    after: int = 0
    time_ms: int = 0
    forward: bool = False
    current: bool = False


class Cursor(NamedTuple):
    conversation: str
    seq: int


class List(NamedTuple):
    request: int
    since: int


class Conversation(NamedTuple):
    id: str
    version: int
    head: int
    incarnation: int
    start: int
    peer: int = 0
    title: str = ""
    topic: str = ""
    role: str = ""
    unread: int = 0
    read: int = 0
    active_ms: int = 0
    members: int = 0
    dissolved: bool = False
    pinned: bool = False
    muted: bool = False
    pins: tuple[int, ...] = ()


class Conversations(NamedTuple):
    request: int
    conversations: tuple[Conversation, ...]
    version: int
    more: bool


class Head(NamedTuple):
    conversation: str
    head: int


class Hold(NamedTuple):
    conversation: str


class ConversationsChanged(NamedTuple):
    version: int


class GoAway(NamedTuple):
    code: int
    message: str
    reconnect_to: str
    after_ms: int


class Close(NamedTuple):
    code: int
    message: str = ""


class Failed(NamedTuple):
    request: int
    code: int
    message: str
    conversation: str = ""
    after_ms: int = 0
    seq: int = 0


class Done(NamedTuple):
    request: int


class Signal(NamedTuple):
    """Best effort, never stored; `kind` is a `kinds.Signal`."""

    conversation: str
    kind: int
    user: int = 0
    name: str = ""
    seq: int = 0


class Read(NamedTuple):
    request: int
    conversation: str
    seq: int


class Members(NamedTuple):
    request: int
    conversation: str
    after: int = 0
    limit: int = 0
    reads: bool = False


class Member(NamedTuple):
    user: int
    name: str
    role: str
    read: int = 0


class MemberList(NamedTuple):
    request: int
    members: tuple[Member, ...]
    more: bool


class Devices(NamedTuple):
    request: int


class Device(NamedTuple):
    id: str
    seen_ms: int
    online: bool
    ephemeral: bool = False
    current: bool = False


class DeviceList(NamedTuple):
    request: int
    devices: tuple[Device, ...]


class LogoutDevice(NamedTuple):
    request: int
    device: str


class Schedule(NamedTuple):
    request: int
    id: str
    conversation: str
    at_ms: int
    text: str


class Cancel(NamedTuple):
    request: int
    id: str


class Schedules(NamedTuple):
    request: int
    after: str = ""


class ScheduleList(NamedTuple):
    request: int
    schedules: tuple[Schedule, ...]
    more: bool = False


class Setting(NamedTuple):
    request: int
    conversation: str
    name: str
    on: bool


class Presence(NamedTuple):
    request: int
    name: str


class PresenceInfo(NamedTuple):
    request: int
    user: int
    name: str
    online: bool
    seen_ms: int


class LegacyLogin(NamedTuple):
    """A legacy client's first frame: the user it claims to be."""

    user: int
    name: str


class LegacyMessage(NamedTuple):
    """Chat towards a legacy client; more than one text makes it a batch."""

    sender: int
    sender_name: str
    receiver: int
    texts: tuple[str, ...]


class LegacyPing(NamedTuple):
    """A legacy heartbeat, or its answer."""


class LegacyOffline(NamedTuple):
    """Stored messages of one sender towards a legacy client, at most 100."""

    sender: int
    sender_name: str
    receiver: int
    texts: tuple[str, ...]


class ConnectionClosed(NamedTuple):
    """The peer ended its side between two frames."""
