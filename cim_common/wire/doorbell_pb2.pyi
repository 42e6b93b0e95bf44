from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Doorbell(_message.Message):
    __slots__ = ("rings", "takeovers", "lists")
    RINGS_FIELD_NUMBER: _ClassVar[int]
    TAKEOVERS_FIELD_NUMBER: _ClassVar[int]
    LISTS_FIELD_NUMBER: _ClassVar[int]
    rings: _containers.RepeatedCompositeFieldContainer[Ring]
    takeovers: _containers.RepeatedCompositeFieldContainer[Takeover]
    lists: _containers.RepeatedCompositeFieldContainer[ListChanged]
    def __init__(self, rings: _Optional[_Iterable[_Union[Ring, _Mapping]]] = ..., takeovers: _Optional[_Iterable[_Union[Takeover, _Mapping]]] = ..., lists: _Optional[_Iterable[_Union[ListChanged, _Mapping]]] = ...) -> None: ...

class Ring(_message.Message):
    __slots__ = ("conversation", "seq", "entry")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    seq: int
    entry: bytes
    def __init__(self, conversation: _Optional[str] = ..., seq: _Optional[int] = ..., entry: _Optional[bytes] = ...) -> None: ...

class Takeover(_message.Message):
    __slots__ = ("user", "device", "connection")
    USER_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    user: int
    device: str
    connection: str
    def __init__(self, user: _Optional[int] = ..., device: _Optional[str] = ..., connection: _Optional[str] = ...) -> None: ...

class ListChanged(_message.Message):
    __slots__ = ("user", "version")
    USER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    user: int
    version: int
    def __init__(self, user: _Optional[int] = ..., version: _Optional[int] = ...) -> None: ...
