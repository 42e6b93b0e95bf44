"""The messages of the protocol as immutable tuples: what `Connection` takes and gives.

They mirror proto/cim.proto, where each field is explained. Protobuf classes stop at the codec.
"""

from typing import NamedTuple


class Entry(NamedTuple):
    """One entry of a conversation's log."""

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


class Resolved(NamedTuple):
    request: int
    conversation: str
    user: int
    name: str


class Send(NamedTuple):
    conversation: str
    n: int
    after: int
    text: str


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


class Pull(NamedTuple):
    request: int
    conversation: str
    before: int
    limit: int


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
