from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Command(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEGACY_LOGIN: _ClassVar[Command]
    LEGACY_MESSAGE: _ClassVar[Command]
    LEGACY_PING: _ClassVar[Command]
    LEGACY_OFFLINE: _ClassVar[Command]
    LOGIN: _ClassVar[Command]
    LOGIN_OK: _ClassVar[Command]
    PING: _ClassVar[Command]
    PONG: _ClassVar[Command]
    RESOLVE: _ClassVar[Command]
    RESOLVED: _ClassVar[Command]
    SEND: _ClassVar[Command]
    ACK: _ClassVar[Command]
    NACK: _ClassVar[Command]
    RETRY: _ClassVar[Command]
    UNRESOLVED: _ClassVar[Command]
    PUSH: _ClassVar[Command]
    SYNC: _ClassVar[Command]
    PAGE: _ClassVar[Command]
    PULL: _ClassVar[Command]
    CURSOR: _ClassVar[Command]
    LIST: _ClassVar[Command]
    CONVERSATIONS: _ClassVar[Command]
    HEAD: _ClassVar[Command]
    HOLD: _ClassVar[Command]
    CONVERSATIONS_CHANGED: _ClassVar[Command]
    GO_AWAY: _ClassVar[Command]
    CLOSE: _ClassVar[Command]
    FAILED: _ClassVar[Command]
LEGACY_LOGIN: Command
LEGACY_MESSAGE: Command
LEGACY_PING: Command
LEGACY_OFFLINE: Command
LOGIN: Command
LOGIN_OK: Command
PING: Command
PONG: Command
RESOLVE: Command
RESOLVED: Command
SEND: Command
ACK: Command
NACK: Command
RETRY: Command
UNRESOLVED: Command
PUSH: Command
SYNC: Command
PAGE: Command
PULL: Command
CURSOR: Command
LIST: Command
CONVERSATIONS: Command
HEAD: Command
HOLD: Command
CONVERSATIONS_CHANGED: Command
GO_AWAY: Command
CLOSE: Command
FAILED: Command

class Frame(_message.Message):
    __slots__ = ("text", "id", "command", "properties", "batch", "login", "login_ok", "ping", "pong", "resolve", "resolved", "send", "ack", "nack", "retry", "unresolved", "push", "sync", "page", "pull", "cursor", "list", "conversations", "head", "hold", "conversations_changed", "go_away", "close", "failed")
    class PropertiesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    LOGIN_FIELD_NUMBER: _ClassVar[int]
    LOGIN_OK_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    RESOLVE_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_FIELD_NUMBER: _ClassVar[int]
    SEND_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    NACK_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    UNRESOLVED_FIELD_NUMBER: _ClassVar[int]
    PUSH_FIELD_NUMBER: _ClassVar[int]
    SYNC_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    PULL_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    HOLD_FIELD_NUMBER: _ClassVar[int]
    CONVERSATIONS_CHANGED_FIELD_NUMBER: _ClassVar[int]
    GO_AWAY_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    text: str
    id: int
    command: Command
    properties: _containers.ScalarMap[str, str]
    batch: _containers.RepeatedScalarFieldContainer[str]
    login: Login
    login_ok: LoginOk
    ping: Ping
    pong: Pong
    resolve: Resolve
    resolved: Resolved
    send: Send
    ack: Ack
    nack: Nack
    retry: Retry
    unresolved: Unresolved
    push: Push
    sync: Sync
    page: Page
    pull: Pull
    cursor: Cursor
    list: List
    conversations: Conversations
    head: Head
    hold: Hold
    conversations_changed: ConversationsChanged
    go_away: GoAway
    close: Close
    failed: Failed
    def __init__(self, text: _Optional[str] = ..., id: _Optional[int] = ..., command: _Optional[_Union[Command, str]] = ..., properties: _Optional[_Mapping[str, str]] = ..., batch: _Optional[_Iterable[str]] = ..., login: _Optional[_Union[Login, _Mapping]] = ..., login_ok: _Optional[_Union[LoginOk, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ..., resolve: _Optional[_Union[Resolve, _Mapping]] = ..., resolved: _Optional[_Union[Resolved, _Mapping]] = ..., send: _Optional[_Union[Send, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., nack: _Optional[_Union[Nack, _Mapping]] = ..., retry: _Optional[_Union[Retry, _Mapping]] = ..., unresolved: _Optional[_Union[Unresolved, _Mapping]] = ..., push: _Optional[_Union[Push, _Mapping]] = ..., sync: _Optional[_Union[Sync, _Mapping]] = ..., page: _Optional[_Union[Page, _Mapping]] = ..., pull: _Optional[_Union[Pull, _Mapping]] = ..., cursor: _Optional[_Union[Cursor, _Mapping]] = ..., list: _Optional[_Union[List, _Mapping]] = ..., conversations: _Optional[_Union[Conversations, _Mapping]] = ..., head: _Optional[_Union[Head, _Mapping]] = ..., hold: _Optional[_Union[Hold, _Mapping]] = ..., conversations_changed: _Optional[_Union[ConversationsChanged, _Mapping]] = ..., go_away: _Optional[_Union[GoAway, _Mapping]] = ..., close: _Optional[_Union[Close, _Mapping]] = ..., failed: _Optional[_Union[Failed, _Mapping]] = ...) -> None: ...

class Login(_message.Message):
    __slots__ = ("token", "device", "protocol", "client", "ephemeral")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    token: str
    device: str
    protocol: int
    client: str
    ephemeral: bool
    def __init__(self, token: _Optional[str] = ..., device: _Optional[str] = ..., protocol: _Optional[int] = ..., client: _Optional[str] = ..., ephemeral: _Optional[bool] = ...) -> None: ...

class LoginOk(_message.Message):
    __slots__ = ("user", "name", "protocol", "server_time_ms", "server", "ping_interval_ms", "idle_timeout_ms", "max_unanswered")
    USER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_MS_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    PING_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    IDLE_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_UNANSWERED_FIELD_NUMBER: _ClassVar[int]
    user: int
    name: str
    protocol: int
    server_time_ms: int
    server: str
    ping_interval_ms: int
    idle_timeout_ms: int
    max_unanswered: int
    def __init__(self, user: _Optional[int] = ..., name: _Optional[str] = ..., protocol: _Optional[int] = ..., server_time_ms: _Optional[int] = ..., server: _Optional[str] = ..., ping_interval_ms: _Optional[int] = ..., idle_timeout_ms: _Optional[int] = ..., max_unanswered: _Optional[int] = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: int
    def __init__(self, token: _Optional[int] = ...) -> None: ...

class Pong(_message.Message):
    __slots__ = ("token", "server_time_ms")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_MS_FIELD_NUMBER: _ClassVar[int]
    token: int
    server_time_ms: int
    def __init__(self, token: _Optional[int] = ..., server_time_ms: _Optional[int] = ...) -> None: ...

class Resolve(_message.Message):
    __slots__ = ("request", "name")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    request: int
    name: str
    def __init__(self, request: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class Resolved(_message.Message):
    __slots__ = ("request", "conversation", "user", "name")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    request: int
    conversation: str
    user: int
    name: str
    def __init__(self, request: _Optional[int] = ..., conversation: _Optional[str] = ..., user: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class Send(_message.Message):
    __slots__ = ("conversation", "n", "after", "text")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    n: int
    after: int
    text: str
    def __init__(self, conversation: _Optional[str] = ..., n: _Optional[int] = ..., after: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("n", "seq")
    N_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    n: int
    seq: int
    def __init__(self, n: _Optional[int] = ..., seq: _Optional[int] = ...) -> None: ...

class Nack(_message.Message):
    __slots__ = ("n", "code", "message", "seq")
    N_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    n: int
    code: int
    message: str
    seq: int
    def __init__(self, n: _Optional[int] = ..., code: _Optional[int] = ..., message: _Optional[str] = ..., seq: _Optional[int] = ...) -> None: ...

class Retry(_message.Message):
    __slots__ = ("n", "code", "after_ms")
    N_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    n: int
    code: int
    after_ms: int
    def __init__(self, n: _Optional[int] = ..., code: _Optional[int] = ..., after_ms: _Optional[int] = ...) -> None: ...

class Unresolved(_message.Message):
    __slots__ = ("n",)
    N_FIELD_NUMBER: _ClassVar[int]
    n: int
    def __init__(self, n: _Optional[int] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("seq", "sender", "sender_name", "device", "n", "time_ms", "unverified", "message_id", "kind", "text")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    SENDER_NAME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    UNVERIFIED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    seq: int
    sender: int
    sender_name: str
    device: str
    n: int
    time_ms: int
    unverified: bool
    message_id: str
    kind: int
    text: str
    def __init__(self, seq: _Optional[int] = ..., sender: _Optional[int] = ..., sender_name: _Optional[str] = ..., device: _Optional[str] = ..., n: _Optional[int] = ..., time_ms: _Optional[int] = ..., unverified: _Optional[bool] = ..., message_id: _Optional[str] = ..., kind: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class Push(_message.Message):
    __slots__ = ("conversation", "entries")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    entries: _containers.RepeatedCompositeFieldContainer[Entry]
    def __init__(self, conversation: _Optional[str] = ..., entries: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ...) -> None: ...

class Sync(_message.Message):
    __slots__ = ("conversation", "cursor", "incarnation")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    cursor: int
    incarnation: int
    def __init__(self, conversation: _Optional[str] = ..., cursor: _Optional[int] = ..., incarnation: _Optional[int] = ...) -> None: ...

class Page(_message.Message):
    __slots__ = ("conversation", "incarnation", "end", "head", "live", "entries", "request", "gaps")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    GAPS_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    incarnation: int
    end: int
    head: int
    live: bool
    entries: _containers.RepeatedCompositeFieldContainer[Entry]
    request: int
    gaps: _containers.RepeatedCompositeFieldContainer[Range]
    def __init__(self, conversation: _Optional[str] = ..., incarnation: _Optional[int] = ..., end: _Optional[int] = ..., head: _Optional[int] = ..., live: _Optional[bool] = ..., entries: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ..., request: _Optional[int] = ..., gaps: _Optional[_Iterable[_Union[Range, _Mapping]]] = ...) -> None: ...

class Range(_message.Message):
    __slots__ = ("first", "last", "reason")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    first: int
    last: int
    reason: int
    def __init__(self, first: _Optional[int] = ..., last: _Optional[int] = ..., reason: _Optional[int] = ...) -> None: ...

class Pull(_message.Message):
    __slots__ = ("request", "conversation", "before", "limit")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    request: int
    conversation: str
    before: int
    limit: int
    def __init__(self, request: _Optional[int] = ..., conversation: _Optional[str] = ..., before: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class Cursor(_message.Message):
    __slots__ = ("conversation", "seq")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    seq: int
    def __init__(self, conversation: _Optional[str] = ..., seq: _Optional[int] = ...) -> None: ...

class List(_message.Message):
    __slots__ = ("request", "since")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    request: int
    since: int
    def __init__(self, request: _Optional[int] = ..., since: _Optional[int] = ...) -> None: ...

class Conversations(_message.Message):
    __slots__ = ("request", "conversations", "version", "more")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    request: int
    conversations: _containers.RepeatedCompositeFieldContainer[Conversation]
    version: int
    more: bool
    def __init__(self, request: _Optional[int] = ..., conversations: _Optional[_Iterable[_Union[Conversation, _Mapping]]] = ..., version: _Optional[int] = ..., more: _Optional[bool] = ...) -> None: ...

class Conversation(_message.Message):
    __slots__ = ("id", "version", "head", "incarnation", "start", "peer", "title")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    head: int
    incarnation: int
    start: int
    peer: int
    title: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., head: _Optional[int] = ..., incarnation: _Optional[int] = ..., start: _Optional[int] = ..., peer: _Optional[int] = ..., title: _Optional[str] = ...) -> None: ...

class Head(_message.Message):
    __slots__ = ("conversation", "head")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    head: int
    def __init__(self, conversation: _Optional[str] = ..., head: _Optional[int] = ...) -> None: ...

class Hold(_message.Message):
    __slots__ = ("conversation",)
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    def __init__(self, conversation: _Optional[str] = ...) -> None: ...

class ConversationsChanged(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class GoAway(_message.Message):
    __slots__ = ("code", "message", "reconnect_to", "after_ms")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RECONNECT_TO_FIELD_NUMBER: _ClassVar[int]
    AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    reconnect_to: str
    after_ms: int
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., reconnect_to: _Optional[str] = ..., after_ms: _Optional[int] = ...) -> None: ...

class Close(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class Failed(_message.Message):
    __slots__ = ("request", "code", "message", "conversation", "after_ms")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    request: int
    code: int
    message: str
    conversation: str
    after_ms: int
    def __init__(self, request: _Optional[int] = ..., code: _Optional[int] = ..., message: _Optional[str] = ..., conversation: _Optional[str] = ..., after_ms: _Optional[int] = ...) -> None: ...
