from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Doorbell(_message.Message):
    __slots__ = ("rings", "takeovers", "lists", "whispers")
    RINGS_FIELD_NUMBER: _ClassVar[int]
    TAKEOVERS_FIELD_NUMBER: _ClassVar[int]
    LISTS_FIELD_NUMBER: _ClassVar[int]
    WHISPERS_FIELD_NUMBER: _ClassVar[int]
    rings: _containers.RepeatedCompositeFieldContainer[Ring]
    takeovers: _containers.RepeatedCompositeFieldContainer[Takeover]
    lists: _containers.RepeatedCompositeFieldContainer[ListChanged]
    whispers: _containers.RepeatedCompositeFieldContainer[Whisper]
    def __init__(self, rings: _Optional[_Iterable[_Union[Ring, _Mapping]]] = ..., takeovers: _Optional[_Iterable[_Union[Takeover, _Mapping]]] = ..., lists: _Optional[_Iterable[_Union[ListChanged, _Mapping]]] = ..., whispers: _Optional[_Iterable[_Union[Whisper, _Mapping]]] = ...) -> None: ...

class Ring(_message.Message):
    __slots__ = ("conversation", "seq", "entry", "kind", "place")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    seq: int
    entry: bytes
    kind: int
    place: int
    def __init__(self, conversation: _Optional[str] = ..., seq: _Optional[int] = ..., entry: _Optional[bytes] = ..., kind: _Optional[int] = ..., place: _Optional[int] = ...) -> None: ...

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
