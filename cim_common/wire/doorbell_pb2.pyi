from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Doorbell(_message.Message):
    __slots__ = ("takeovers", "lists", "whispers", "conversations", "numbers", "entries", "kinds")
    TAKEOVERS_FIELD_NUMBER: _ClassVar[int]
    LISTS_FIELD_NUMBER: _ClassVar[int]
    WHISPERS_FIELD_NUMBER: _ClassVar[int]
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    takeovers: _containers.RepeatedCompositeFieldContainer[Takeover]
    lists: _containers.RepeatedCompositeFieldContainer[ListChanged]
    whispers: _containers.RepeatedCompositeFieldContainer[Whisper]
    conversations: _containers.RepeatedScalarFieldContainer[str]
    numbers: _containers.RepeatedScalarFieldContainer[int]
    entries: _containers.RepeatedScalarFieldContainer[bytes]
    kinds: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, takeovers: _Optional[_Iterable[_Union[Takeover, _Mapping]]] = ..., lists: _Optional[_Iterable[_Union[ListChanged, _Mapping]]] = ..., whispers: _Optional[_Iterable[_Union[Whisper, _Mapping]]] = ..., conversations: _Optional[_Iterable[str]] = ..., numbers: _Optional[_Iterable[int]] = ..., entries: _Optional[_Iterable[bytes]] = ..., kinds: _Optional[_Iterable[int]] = ...) -> None: ...

class Takeover(_message.Message):
    __slots__ = ("user", "device", "connection", "logged_out")
    USER_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    LOGGED_OUT_FIELD_NUMBER: _ClassVar[int]
    user: int
    device: str
    connection: str
    logged_out: bool
    def __init__(self, user: _Optional[int] = ..., device: _Optional[str] = ..., connection: _Optional[str] = ..., logged_out: _Optional[bool] = ...) -> None: ...

class ListChanged(_message.Message):
    __slots__ = ("user", "version")
    USER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    user: int
    version: int
    def __init__(self, user: _Optional[int] = ..., version: _Optional[int] = ...) -> None: ...

class Whisper(_message.Message):
    __slots__ = ("conversation", "user", "frame")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    user: int
    frame: bytes
    def __init__(self, conversation: _Optional[str] = ..., user: _Optional[int] = ..., frame: _Optional[bytes] = ...) -> None: ...
