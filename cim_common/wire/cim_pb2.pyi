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
    CHANGE: _ClassVar[Command]
    SIGNAL: _ClassVar[Command]
    READ: _ClassVar[Command]
    DONE: _ClassVar[Command]
    MEMBERS: _ClassVar[Command]
    MEMBER_LIST: _ClassVar[Command]
    DEVICES: _ClassVar[Command]
    DEVICE_LIST: _ClassVar[Command]
    LOGOUT_DEVICE: _ClassVar[Command]
    SCHEDULE: _ClassVar[Command]
    CANCEL: _ClassVar[Command]
    SCHEDULES: _ClassVar[Command]
    SCHEDULE_LIST: _ClassVar[Command]
    SETTING: _ClassVar[Command]
    PRESENCE: _ClassVar[Command]
    PRESENCE_INFO: _ClassVar[Command]
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
CHANGE: Command
SIGNAL: Command
READ: Command
DONE: Command
MEMBERS: Command
MEMBER_LIST: Command
DEVICES: Command
DEVICE_LIST: Command
LOGOUT_DEVICE: Command
SCHEDULE: Command
CANCEL: Command
SCHEDULES: Command
SCHEDULE_LIST: Command
SETTING: Command
PRESENCE: Command
PRESENCE_INFO: Command

class Frame(_message.Message):
    __slots__ = ("text", "id", "command", "properties", "batch", "login", "login_ok", "ping", "pong", "resolve", "resolved", "send", "ack", "nack", "retry", "unresolved", "push", "sync", "page", "pull", "cursor", "list", "conversations", "head", "hold", "conversations_changed", "go_away", "close", "failed", "change", "signal", "read", "done", "members", "member_list", "devices", "device_list", "logout_device", "schedule", "cancel", "schedules", "schedule_list", "setting", "presence", "presence_info")
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
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    MEMBER_LIST_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    DEVICE_LIST_FIELD_NUMBER: _ClassVar[int]
    LOGOUT_DEVICE_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    SCHEDULES_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_LIST_FIELD_NUMBER: _ClassVar[int]
    SETTING_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_INFO_FIELD_NUMBER: _ClassVar[int]
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
    change: Change
    signal: Signal
    read: Read
    done: Done
    members: Members
    member_list: MemberList
    devices: Devices
    device_list: DeviceList
    logout_device: LogoutDevice
    schedule: Schedule
    cancel: Cancel
    schedules: Schedules
    schedule_list: ScheduleList
    setting: Setting
    presence: Presence
    presence_info: PresenceInfo
    def __init__(self, text: _Optional[str] = ..., id: _Optional[int] = ..., command: _Optional[_Union[Command, str]] = ..., properties: _Optional[_Mapping[str, str]] = ..., batch: _Optional[_Iterable[str]] = ..., login: _Optional[_Union[Login, _Mapping]] = ..., login_ok: _Optional[_Union[LoginOk, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ..., resolve: _Optional[_Union[Resolve, _Mapping]] = ..., resolved: _Optional[_Union[Resolved, _Mapping]] = ..., send: _Optional[_Union[Send, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., nack: _Optional[_Union[Nack, _Mapping]] = ..., retry: _Optional[_Union[Retry, _Mapping]] = ..., unresolved: _Optional[_Union[Unresolved, _Mapping]] = ..., push: _Optional[_Union[Push, _Mapping]] = ..., sync: _Optional[_Union[Sync, _Mapping]] = ..., page: _Optional[_Union[Page, _Mapping]] = ..., pull: _Optional[_Union[Pull, _Mapping]] = ..., cursor: _Optional[_Union[Cursor, _Mapping]] = ..., list: _Optional[_Union[List, _Mapping]] = ..., conversations: _Optional[_Union[Conversations, _Mapping]] = ..., head: _Optional[_Union[Head, _Mapping]] = ..., hold: _Optional[_Union[Hold, _Mapping]] = ..., conversations_changed: _Optional[_Union[ConversationsChanged, _Mapping]] = ..., go_away: _Optional[_Union[GoAway, _Mapping]] = ..., close: _Optional[_Union[Close, _Mapping]] = ..., failed: _Optional[_Union[Failed, _Mapping]] = ..., change: _Optional[_Union[Change, _Mapping]] = ..., signal: _Optional[_Union[Signal, _Mapping]] = ..., read: _Optional[_Union[Read, _Mapping]] = ..., done: _Optional[_Union[Done, _Mapping]] = ..., members: _Optional[_Union[Members, _Mapping]] = ..., member_list: _Optional[_Union[MemberList, _Mapping]] = ..., devices: _Optional[_Union[Devices, _Mapping]] = ..., device_list: _Optional[_Union[DeviceList, _Mapping]] = ..., logout_device: _Optional[_Union[LogoutDevice, _Mapping]] = ..., schedule: _Optional[_Union[Schedule, _Mapping]] = ..., cancel: _Optional[_Union[Cancel, _Mapping]] = ..., schedules: _Optional[_Union[Schedules, _Mapping]] = ..., schedule_list: _Optional[_Union[ScheduleList, _Mapping]] = ..., setting: _Optional[_Union[Setting, _Mapping]] = ..., presence: _Optional[_Union[Presence, _Mapping]] = ..., presence_info: _Optional[_Union[PresenceInfo, _Mapping]] = ...) -> None: ...

class Login(_message.Message):
    __slots__ = ("token", "device", "protocol", "client", "ephemeral", "returning")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    RETURNING_FIELD_NUMBER: _ClassVar[int]
    token: str
    device: str
    protocol: int
    client: str
    ephemeral: bool
    returning: bool
    def __init__(self, token: _Optional[str] = ..., device: _Optional[str] = ..., protocol: _Optional[int] = ..., client: _Optional[str] = ..., ephemeral: _Optional[bool] = ..., returning: _Optional[bool] = ...) -> None: ...

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
    __slots__ = ("request", "name", "names")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    request: int
    name: str
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, request: _Optional[int] = ..., name: _Optional[str] = ..., names: _Optional[_Iterable[str]] = ...) -> None: ...

class Resolved(_message.Message):
    __slots__ = ("request", "conversation", "user", "name", "users")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    request: int
    conversation: str
    user: int
    name: str
    users: _containers.RepeatedCompositeFieldContainer[Target]
    def __init__(self, request: _Optional[int] = ..., conversation: _Optional[str] = ..., user: _Optional[int] = ..., name: _Optional[str] = ..., users: _Optional[_Iterable[_Union[Target, _Mapping]]] = ...) -> None: ...

class Send(_message.Message):
    __slots__ = ("conversation", "n", "after", "text", "reply_to")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    n: int
    after: int
    text: str
    reply_to: int
    def __init__(self, conversation: _Optional[str] = ..., n: _Optional[int] = ..., after: _Optional[int] = ..., text: _Optional[str] = ..., reply_to: _Optional[int] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("conversation", "n", "after", "kind", "text", "ref", "targets", "role", "topic", "removed", "history", "invite")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    INVITE_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    n: int
    after: int
    kind: int
    text: str
    ref: int
    targets: _containers.RepeatedScalarFieldContainer[int]
    role: str
    topic: str
    removed: bool
    history: str
    invite: str
    def __init__(self, conversation: _Optional[str] = ..., n: _Optional[int] = ..., after: _Optional[int] = ..., kind: _Optional[int] = ..., text: _Optional[str] = ..., ref: _Optional[int] = ..., targets: _Optional[_Iterable[int]] = ..., role: _Optional[str] = ..., topic: _Optional[str] = ..., removed: _Optional[bool] = ..., history: _Optional[str] = ..., invite: _Optional[str] = ...) -> None: ...

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
    __slots__ = ("seq", "sender", "sender_name", "device", "n", "time_ms", "unverified", "message_id", "kind", "text", "ref", "targets", "role", "topic", "removed", "history", "invite", "recalled", "edited", "reactions")
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
    REF_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    INVITE_FIELD_NUMBER: _ClassVar[int]
    RECALLED_FIELD_NUMBER: _ClassVar[int]
    EDITED_FIELD_NUMBER: _ClassVar[int]
    REACTIONS_FIELD_NUMBER: _ClassVar[int]
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
    ref: int
    targets: _containers.RepeatedCompositeFieldContainer[Target]
    role: str
    topic: str
    removed: bool
    history: str
    invite: str
    recalled: bool
    edited: int
    reactions: _containers.RepeatedCompositeFieldContainer[Reaction]
    def __init__(self, seq: _Optional[int] = ..., sender: _Optional[int] = ..., sender_name: _Optional[str] = ..., device: _Optional[str] = ..., n: _Optional[int] = ..., time_ms: _Optional[int] = ..., unverified: _Optional[bool] = ..., message_id: _Optional[str] = ..., kind: _Optional[int] = ..., text: _Optional[str] = ..., ref: _Optional[int] = ..., targets: _Optional[_Iterable[_Union[Target, _Mapping]]] = ..., role: _Optional[str] = ..., topic: _Optional[str] = ..., removed: _Optional[bool] = ..., history: _Optional[str] = ..., invite: _Optional[str] = ..., recalled: _Optional[bool] = ..., edited: _Optional[int] = ..., reactions: _Optional[_Iterable[_Union[Reaction, _Mapping]]] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("user", "name")
    USER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    user: int
    name: str
    def __init__(self, user: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class Reaction(_message.Message):
    __slots__ = ("emoji", "users", "mine")
    EMOJI_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    MINE_FIELD_NUMBER: _ClassVar[int]
    emoji: str
    users: int
    mine: bool
    def __init__(self, emoji: _Optional[str] = ..., users: _Optional[int] = ..., mine: _Optional[bool] = ...) -> None: ...

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
    __slots__ = ("conversation", "incarnation", "end", "head", "live", "entries", "request", "gaps", "rewound", "left")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    GAPS_FIELD_NUMBER: _ClassVar[int]
    REWOUND_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    incarnation: int
    end: int
    head: int
    live: bool
    entries: _containers.RepeatedCompositeFieldContainer[Entry]
    request: int
    gaps: _containers.RepeatedCompositeFieldContainer[Range]
    rewound: bool
    left: bool
    def __init__(self, conversation: _Optional[str] = ..., incarnation: _Optional[int] = ..., end: _Optional[int] = ..., head: _Optional[int] = ..., live: _Optional[bool] = ..., entries: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ..., request: _Optional[int] = ..., gaps: _Optional[_Iterable[_Union[Range, _Mapping]]] = ..., rewound: _Optional[bool] = ..., left: _Optional[bool] = ...) -> None: ...

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
    __slots__ = ("request", "conversation", "before", "limit", "after", "time_ms", "forward", "current")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    FORWARD_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    request: int
    conversation: str
    before: int
    limit: int
    after: int
    time_ms: int
    forward: bool
    current: bool
    def __init__(self, request: _Optional[int] = ..., conversation: _Optional[str] = ..., before: _Optional[int] = ..., limit: _Optional[int] = ..., after: _Optional[int] = ..., time_ms: _Optional[int] = ..., forward: _Optional[bool] = ..., current: _Optional[bool] = ...) -> None: ...

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
    __slots__ = ("id", "version", "head", "incarnation", "start", "peer", "title", "topic", "role", "unread", "read", "active_ms", "members", "dissolved", "pinned", "muted", "pins")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    UNREAD_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_MS_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    DISSOLVED_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    MUTED_FIELD_NUMBER: _ClassVar[int]
    PINS_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    head: int
    incarnation: int
    start: int
    peer: int
    title: str
    topic: str
    role: str
    unread: int
    read: int
    active_ms: int
    members: int
    dissolved: bool
    pinned: bool
    muted: bool
    pins: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., head: _Optional[int] = ..., incarnation: _Optional[int] = ..., start: _Optional[int] = ..., peer: _Optional[int] = ..., title: _Optional[str] = ..., topic: _Optional[str] = ..., role: _Optional[str] = ..., unread: _Optional[int] = ..., read: _Optional[int] = ..., active_ms: _Optional[int] = ..., members: _Optional[int] = ..., dissolved: _Optional[bool] = ..., pinned: _Optional[bool] = ..., muted: _Optional[bool] = ..., pins: _Optional[_Iterable[int]] = ...) -> None: ...

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
    __slots__ = ("request", "code", "message", "conversation", "after_ms", "seq")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    request: int
    code: int
    message: str
    conversation: str
    after_ms: int
    seq: int
    def __init__(self, request: _Optional[int] = ..., code: _Optional[int] = ..., message: _Optional[str] = ..., conversation: _Optional[str] = ..., after_ms: _Optional[int] = ..., seq: _Optional[int] = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: int
    def __init__(self, request: _Optional[int] = ...) -> None: ...

class Signal(_message.Message):
    __slots__ = ("conversation", "kind", "user", "name", "seq")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    kind: int
    user: int
    name: str
    seq: int
    def __init__(self, conversation: _Optional[str] = ..., kind: _Optional[int] = ..., user: _Optional[int] = ..., name: _Optional[str] = ..., seq: _Optional[int] = ...) -> None: ...

class Read(_message.Message):
    __slots__ = ("request", "conversation", "seq")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    request: int
    conversation: str
    seq: int
    def __init__(self, request: _Optional[int] = ..., conversation: _Optional[str] = ..., seq: _Optional[int] = ...) -> None: ...

class Members(_message.Message):
    __slots__ = ("request", "conversation", "after", "limit", "reads")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    READS_FIELD_NUMBER: _ClassVar[int]
    request: int
    conversation: str
    after: int
    limit: int
    reads: bool
    def __init__(self, request: _Optional[int] = ..., conversation: _Optional[str] = ..., after: _Optional[int] = ..., limit: _Optional[int] = ..., reads: _Optional[bool] = ...) -> None: ...

class MemberList(_message.Message):
    __slots__ = ("request", "members", "more")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    request: int
    members: _containers.RepeatedCompositeFieldContainer[Member]
    more: bool
    def __init__(self, request: _Optional[int] = ..., members: _Optional[_Iterable[_Union[Member, _Mapping]]] = ..., more: _Optional[bool] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ("user", "name", "role", "read")
    USER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    user: int
    name: str
    role: str
    read: int
    def __init__(self, user: _Optional[int] = ..., name: _Optional[str] = ..., role: _Optional[str] = ..., read: _Optional[int] = ...) -> None: ...

class Devices(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: int
    def __init__(self, request: _Optional[int] = ...) -> None: ...

class DeviceList(_message.Message):
    __slots__ = ("request", "devices")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    request: int
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    def __init__(self, request: _Optional[int] = ..., devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("id", "seen_ms", "online", "ephemeral", "current")
    ID_FIELD_NUMBER: _ClassVar[int]
    SEEN_MS_FIELD_NUMBER: _ClassVar[int]
    ONLINE_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    id: str
    seen_ms: int
    online: bool
    ephemeral: bool
    current: bool
    def __init__(self, id: _Optional[str] = ..., seen_ms: _Optional[int] = ..., online: _Optional[bool] = ..., ephemeral: _Optional[bool] = ..., current: _Optional[bool] = ...) -> None: ...

class LogoutDevice(_message.Message):
    __slots__ = ("request", "device")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    request: int
    device: str
    def __init__(self, request: _Optional[int] = ..., device: _Optional[str] = ...) -> None: ...

class Schedule(_message.Message):
    __slots__ = ("request", "id", "conversation", "at_ms", "text")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    request: int
    id: str
    conversation: str
    at_ms: int
    text: str
    def __init__(self, request: _Optional[int] = ..., id: _Optional[str] = ..., conversation: _Optional[str] = ..., at_ms: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class Cancel(_message.Message):
    __slots__ = ("request", "id")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    request: int
    id: str
    def __init__(self, request: _Optional[int] = ..., id: _Optional[str] = ...) -> None: ...

class Schedules(_message.Message):
    __slots__ = ("request", "after")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    request: int
    after: str
    def __init__(self, request: _Optional[int] = ..., after: _Optional[str] = ...) -> None: ...

class ScheduleList(_message.Message):
    __slots__ = ("request", "schedules", "more")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    SCHEDULES_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    request: int
    schedules: _containers.RepeatedCompositeFieldContainer[Schedule]
    more: bool
    def __init__(self, request: _Optional[int] = ..., schedules: _Optional[_Iterable[_Union[Schedule, _Mapping]]] = ..., more: _Optional[bool] = ...) -> None: ...

class Setting(_message.Message):
    __slots__ = ("request", "conversation", "name", "on")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    request: int
    conversation: str
    name: str
    on: bool
    def __init__(self, request: _Optional[int] = ..., conversation: _Optional[str] = ..., name: _Optional[str] = ..., on: _Optional[bool] = ...) -> None: ...

class Presence(_message.Message):
    __slots__ = ("request", "name")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    request: int
    name: str
    def __init__(self, request: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class PresenceInfo(_message.Message):
    __slots__ = ("request", "user", "name", "online", "seen_ms")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ONLINE_FIELD_NUMBER: _ClassVar[int]
    SEEN_MS_FIELD_NUMBER: _ClassVar[int]
    request: int
    user: int
    name: str
    online: bool
    seen_ms: int
    def __init__(self, request: _Optional[int] = ..., user: _Optional[int] = ..., name: _Optional[str] = ..., online: _Optional[bool] = ..., seen_ms: _Optional[int] = ...) -> None: ...
