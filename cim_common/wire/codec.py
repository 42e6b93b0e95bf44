"""Messages to bytes and back. Protobuf classes do not leave this module.

The frames of the hot path (SEND's answers, PUSH, PAGE) are put together from bytes: an entry is encoded once,
in three parts that concatenate because protobuf does not care for the order of fields (meta, content, seq),
and passes through log, push stream and connections as it is.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from google.protobuf.message import DecodeError

from cim_common.wire import cim_pb2 as pb
from cim_common.wire import messages as m
from cim_common.wire.codes import Code
from cim_common.wire.commands import COMMAND_OF, KNOWN, MAY_LACK_BODY
from cim_common.wire.framing import PeerProtocolError, frame, varint

# -- entries ----------------------------------------------------------------------------------------------


def entry_meta(
    sender: int, sender_name: str, device: str, n: int, time_ms: int, unverified: bool = False, message_id: str = ""
) -> bytes:
    """Who sent an entry, and when: fields 2 to 8 of Entry."""
    return pb.Entry(
        sender=sender,
        sender_name=sender_name,
        device=device,
        n=n,
        time_ms=time_ms,
        unverified=unverified,
        message_id=message_id,
    ).SerializeToString()


def entry_meta_of(sender_meta: bytes, n: int, time: bytes) -> bytes:
    """The same from `entry_meta` with n and time 0, encoded once per connection, and `entry_time`, once per pass."""
    return b"%b\x28%b%b" % (sender_meta, varint(n), time)


def entry_time(time_ms: int) -> bytes:
    """When: field 6 of Entry."""
    return b"\x30" + varint(time_ms)


def entry_content(text: str, kind: int = 0, ref: int = 0) -> bytes:
    """What a text says: fields 16 to 18 of Entry. The content of a text begins with the tag of field 17."""
    if text and not kind and not ref:
        encoded = text.encode()
        return b"\x8a\x01%b%b" % (varint(len(encoded)), encoded)
    return pb.Entry(text=text, kind=kind, ref=ref).SerializeToString()


def change_content(change: m.Change, targets: Sequence[m.Target]) -> bytes:
    """What a change says: fields 16 to 24 of Entry; names come with the ids, for people read them."""
    return pb.Entry(
        kind=change.kind, text=change.text, ref=change.ref, role=change.role, topic=change.topic,
        removed=change.removed, history=change.history, invite=change.invite,
        targets=[pb.Target(user=target.user, name=target.name) for target in targets],
    ).SerializeToString()  # fmt: skip


def entry_bytes(meta: bytes, content: bytes, seq: int) -> bytes:
    """A whole Entry."""
    return b"%b%b\x08%b" % (meta, content, varint(seq))


def decode_entry(data: bytes) -> m.Entry:
    return _entry(pb.Entry.FromString(data))


def encode_entry(entry: m.Entry) -> bytes:
    """An entry as it is written by hand: for states that no log holds (edited, with reactions) and for tests."""
    return bytes(_to_pb(entry, pb.Entry).SerializeToString())


def _entry(e: pb.Entry) -> m.Entry:
    if e.kind == 0 and not (e.recalled or e.edited or e.reactions):  # the hot path of clients
        return m.Entry(
            e.seq, e.sender, e.sender_name, e.device, e.n, e.time_ms, e.text, 0, e.unverified, e.message_id, e.ref
        )
    entry: m.Entry = _from_pb(e, m.Entry)
    return entry


# -- frames put together from bytes -----------------------------------------------------------------------


def _body_tag(command: int) -> bytes:
    """Command number in field 3, then the tag of the length-delimited body in field `command`."""
    return b"\x18%b%b" % (varint(command), varint(command << 3 | 2))


def _ack_head(length: int) -> bytes:
    tag = _body_tag(pb.ACK)
    return b"%b%b%b" % (varint(len(tag) + 1 + length), tag, varint(length))


_ACK_HEADS = [_ack_head(length) for length in range(23)]
"""What stands before the body of an ACK, by the body's length: two tags and two varints of at most ten bytes."""

_PUSH = _body_tag(pb.PUSH)
_PAGE = _body_tag(pb.PAGE)


def ack_frame(n: int, seq: int) -> bytes:
    n_bytes, seq_bytes = varint(n), varint(seq)
    return b"%b\x08%b\x10%b" % (_ACK_HEADS[len(n_bytes) + len(seq_bytes) + 2], n_bytes, seq_bytes)


def nack_frame(n: int, code: int, message: str, seq: int = 0) -> bytes:
    return encode(m.Nack(n, code, message, seq))


def retry_frame(n: int, code: int, after_ms: int) -> bytes:
    return encode(m.Retry(n, code, after_ms))


def unresolved_frame(n: int) -> bytes:
    return encode(m.Unresolved(n))


def conversation_prefix(conversation: str) -> bytes:
    """Field 1, the conversation, as Push, Page and Ring begin with it."""
    encoded = conversation.encode()
    return b"\x0a%b%b" % (varint(len(encoded)), encoded)


def push_frame(prefix: bytes, entries: Sequence[bytes]) -> bytes:
    """A PUSH frame from encoded entries; the same for every recipient."""
    if len(entries) == 1:
        entry = entries[0]
        size = varint(len(entry))
        length = len(prefix) + 1 + len(size) + len(entry)
        head = varint(length)
        return b"%b%b%b%b\x12%b%b" % (varint(len(_PUSH) + len(head) + length), _PUSH, head, prefix, size, entry)
    body = prefix + b"".join([b"\x12%b%b" % (varint(len(entry)), entry) for entry in entries])
    head = varint(len(body))
    return b"%b%b%b%b" % (varint(len(_PUSH) + len(head) + len(body)), _PUSH, head, body)


def page_frame(
    conversation: str,
    incarnation: int,
    end: int,
    head: int,
    live: bool,
    entries: Sequence[bytes],
    request: int = 0,
    gaps: Sequence[m.Range] = (),
    rewound: bool = False,
    left: bool = False,
) -> bytes:
    """A PAGE frame from encoded entries."""
    fields = pb.Page(
        conversation=conversation, incarnation=incarnation, end=end, head=head, live=live, request=request,
        gaps=[pb.Range(first=gap.first, last=gap.last, reason=gap.reason) for gap in gaps], rewound=rewound, left=left,
    ).SerializeToString()  # fmt: skip
    body = fields + b"".join([b"\x32%b%b" % (varint(len(entry)), entry) for entry in entries])
    length = varint(len(body))
    return b"%b%b%b%b" % (varint(len(_PAGE) + len(length) + len(body)), _PAGE, length, body)


# -- every message ----------------------------------------------------------------------------------------

_FIELD_OF = {command: pb.Frame.DESCRIPTOR.fields_by_number[command].name for command in KNOWN if command >= pb.LOGIN}
"""The field of Frame that holds the body of a v2 command: the one with the command's number."""

_NESTED: dict[type, dict[str, type]] = {
    m.Entry: {"targets": m.Target, "reactions": m.Reaction},
    m.Push: {"entries": m.Entry},
    m.Page: {"entries": m.Entry, "gaps": m.Range},
    m.Conversations: {"conversations": m.Conversation},
    m.MemberList: {"members": m.Member},
    m.DeviceList: {"devices": m.Device},
    m.Resolved: {"users": m.Target},
    m.ScheduleList: {"schedules": m.Schedule},
}
"""Fields that are lists of messages. All others are scalars, or lists of scalars in `_LISTS`, of the same names."""

_LISTS = {(m.Change, "targets"), (m.Conversation, "pins"), (m.Resolve, "names")}


def _to_pb(message: Any, body: Any) -> Any:
    fields = message._asdict()
    for name, kind in _NESTED.get(type(message), {}).items():
        part = getattr(pb, kind.__name__)
        fields[name] = [_to_pb(item, part) for item in fields[name]]
    return body(**fields)


def _from_pb(body: Any, kind: Any) -> Any:
    nested = _NESTED.get(kind, {})
    values = []
    for name in kind._fields:
        value = getattr(body, name)
        if name in nested:
            part = nested[name]
            value = tuple([_entry(item) if part is m.Entry else _from_pb(item, part) for item in value])
        elif (kind, name) in _LISTS:
            value = tuple(value)
        values.append(value)
    return kind(*values)


def _coder(kind: type) -> tuple[Callable[[Any], bytes], Callable[[Any], Any]]:
    """Encoder and decoder of a message: the protobuf class has its name, and fields of the same names."""
    command = COMMAND_OF[kind]
    field = _FIELD_OF[command]
    body = getattr(pb, kind.__name__)
    tag = _body_tag(command)
    names: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    flat = kind not in _NESTED and not any((kind, name) in _LISTS for name in names)
    values = attrgetter(*names) if flat and len(names) > 1 else None

    def to_body(message: Any) -> bytes:
        encoded = (body(**message._asdict()) if flat else _to_pb(message, body)).SerializeToString()
        return b"%b%b%b" % (tag, varint(len(encoded)), encoded)

    def from_frame(parsed: pb.Frame) -> Any:
        part = getattr(parsed, field)
        return _from_pb(part, kind) if values is None else _new(kind, values(part))

    return to_body, from_frame


_TO_BODY: dict[type, Callable[[Any], bytes]] = {}
_FROM_FRAME: dict[int, Callable[[pb.Frame], Any]] = {}
for _kind, _command in COMMAND_OF.items():
    if _command >= pb.LOGIN:
        _TO_BODY[_kind], _FROM_FRAME[_command] = _coder(_kind)


def register(kind: type, to_body: Callable[[Any], bytes]) -> None:
    """Let another module (legacy) add what it encodes."""
    _TO_BODY[kind] = to_body


def encode(message: Any) -> bytes:
    """A whole frame."""
    return frame(_TO_BODY[type(message)](message))


_parse = pb.Frame.FromString


def parse(body: bytes) -> pb.Frame:
    """The outer message of a frame.

    Raises:
        PeerProtocolError: MALFORMED_FRAME; text that is not UTF-8 is that as well.
    """
    try:
        return _parse(body)
    except DecodeError as error:
        raise PeerProtocolError(Code.MALFORMED_FRAME) from error


_new = tuple.__new__
"""Makes a NamedTuple in three fifths of the time its class takes."""


def decode_send(parsed: pb.Frame) -> m.Send:
    """The same as `decode` for a SEND, the hot path of servers, without a loop over names."""
    send = parsed.send
    conversation = send.conversation
    if not conversation:
        _require_body(parsed)
    return _new(m.Send, (conversation, send.n, send.after, send.text, send.reply_to))


def decode(parsed: pb.Frame) -> Any:
    """The message of a v2 command.

    Raises:
        PeerProtocolError: MALFORMED_FRAME when the body of the command is missing and means something.
    """
    command = parsed.command
    if command not in MAY_LACK_BODY:
        _require_body(parsed)
    return _FROM_FRAME[command](parsed)


def _require_body(parsed: pb.Frame) -> None:
    if not parsed.HasField(_FIELD_OF[parsed.command]):
        raise PeerProtocolError(Code.MALFORMED_FRAME, f"The body of {pb.Command.Name(parsed.command)} is missing.")
