"""Messages to bytes and back. Protobuf classes do not leave this module.

The frames of the hot path (SEND's answers, PUSH, PAGE) are put together from bytes: an entry is encoded once,
in three parts that concatenate because protobuf does not care for the order of fields (meta, content, seq),
and passes through log, push stream and connections as it is.
"""

from collections.abc import Callable, Sequence
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


def entry_meta_of(sender_meta: bytes, n: int, time_ms: int) -> bytes:
    """The same from `entry_meta` with n and time 0, encoded once per connection."""
    return b"%b\x28%b\x30%b" % (sender_meta, varint(n), varint(time_ms))


def entry_content(text: str, kind: int = 0) -> bytes:
    """What an entry says: fields 16 and 17 of Entry."""
    return pb.Entry(text=text, kind=kind).SerializeToString()


def entry_bytes(meta: bytes, content: bytes, seq: int) -> bytes:
    """A whole Entry."""
    return b"%b%b\x08%b" % (meta, content, varint(seq))


def decode_entry(data: bytes) -> m.Entry:
    return _entry(pb.Entry.FromString(data))


def _entry(e: pb.Entry) -> m.Entry:
    return m.Entry(e.seq, e.sender, e.sender_name, e.device, e.n, e.time_ms, e.text, e.kind, e.unverified, e.message_id)


def _entry_message(e: m.Entry) -> pb.Entry:
    return pb.Entry(
        seq=e.seq, sender=e.sender, sender_name=e.sender_name, device=e.device, n=e.n, time_ms=e.time_ms,
        text=e.text, kind=e.kind, unverified=e.unverified, message_id=e.message_id,
    )  # fmt: skip


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
    body = b"\x08%b\x10%b" % (varint(n), varint(seq))
    return _ACK_HEADS[len(body)] + body


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
    body = prefix + b"".join([b"\x12%b%b" % (varint(len(entry)), entry) for entry in entries])
    length = varint(len(body))
    return b"%b%b%b%b" % (varint(len(_PUSH) + len(length) + len(body)), _PUSH, length, body)


def page_frame(
    conversation: str,
    incarnation: int,
    end: int,
    head: int,
    live: bool,
    entries: Sequence[bytes],
    request: int = 0,
    gaps: Sequence[m.Range] = (),
) -> bytes:
    """A PAGE frame from encoded entries."""
    fields = pb.Page(
        conversation=conversation, incarnation=incarnation, end=end, head=head, live=live, request=request,
        gaps=[pb.Range(first=gap.first, last=gap.last, reason=gap.reason) for gap in gaps],
    ).SerializeToString()  # fmt: skip
    body = fields + b"".join([b"\x32%b%b" % (varint(len(entry)), entry) for entry in entries])
    length = varint(len(body))
    return b"%b%b%b%b" % (varint(len(_PAGE) + len(length) + len(body)), _PAGE, length, body)


# -- every message ----------------------------------------------------------------------------------------

_FIELD_OF = {command: pb.Frame.DESCRIPTOR.fields_by_number[command].name for command in KNOWN if command >= pb.LOGIN}
"""The field of Frame that holds the body of a v2 command: the one with the command's number."""


def _plain(kind: type, body: type) -> tuple[Callable[[Any], bytes], Callable[[Any], Any]]:
    """Encoder and decoder of a message whose fields are scalars of the same names."""
    names: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    command = COMMAND_OF[kind]
    field = _FIELD_OF[command]

    def to_body(message: Any) -> bytes:
        return pb.Frame(command=command, **{field: body(**message._asdict())}).SerializeToString()  # type: ignore[arg-type]

    def from_frame(parsed: pb.Frame) -> Any:
        part = getattr(parsed, field)
        return kind(*[getattr(part, name) for name in names])

    return to_body, from_frame


def _push_to_body(message: m.Push) -> bytes:
    entries = [_entry_message(entry) for entry in message.entries]
    push = pb.Push(conversation=message.conversation, entries=entries)
    return pb.Frame(command=pb.PUSH, push=push).SerializeToString()


def _push_from_frame(parsed: pb.Frame) -> m.Push:
    return m.Push(parsed.push.conversation, tuple(map(_entry, parsed.push.entries)))


def _page_to_body(message: m.Page) -> bytes:
    fields = message._asdict()
    fields["entries"] = [_entry_message(entry) for entry in message.entries]
    fields["gaps"] = [pb.Range(first=gap.first, last=gap.last, reason=gap.reason) for gap in message.gaps]
    return pb.Frame(command=pb.PAGE, page=pb.Page(**fields)).SerializeToString()


def _page_from_frame(parsed: pb.Frame) -> m.Page:
    page = parsed.page
    return m.Page(
        page.conversation, page.incarnation, page.end, page.head, page.live, tuple(map(_entry, page.entries)),
        page.request, tuple(m.Range(gap.first, gap.last, gap.reason) for gap in page.gaps),
    )  # fmt: skip


def _conversations_to_body(message: m.Conversations) -> bytes:
    listed = [pb.Conversation(**item._asdict()) for item in message.conversations]
    body = pb.Conversations(request=message.request, conversations=listed, version=message.version, more=message.more)
    return pb.Frame(command=pb.CONVERSATIONS, conversations=body).SerializeToString()


def _conversations_from_frame(parsed: pb.Frame) -> m.Conversations:
    body = parsed.conversations
    listed = tuple(
        m.Conversation(c.id, c.version, c.head, c.incarnation, c.start, c.peer, c.title) for c in body.conversations
    )
    return m.Conversations(body.request, listed, body.version, body.more)


_TO_BODY: dict[type, Callable[[Any], bytes]] = {}
_FROM_FRAME: dict[int, Callable[[pb.Frame], Any]] = {}
for _kind, _body in (
    (m.Login, pb.Login),
    (m.LoginOk, pb.LoginOk),
    (m.Ping, pb.Ping),
    (m.Pong, pb.Pong),
    (m.Resolve, pb.Resolve),
    (m.Resolved, pb.Resolved),
    (m.Send, pb.Send),
    (m.Ack, pb.Ack),
    (m.Nack, pb.Nack),
    (m.Retry, pb.Retry),
    (m.Unresolved, pb.Unresolved),
    (m.Sync, pb.Sync),
    (m.Pull, pb.Pull),
    (m.Cursor, pb.Cursor),
    (m.List, pb.List),
    (m.Head, pb.Head),
    (m.Hold, pb.Hold),
    (m.ConversationsChanged, pb.ConversationsChanged),
    (m.GoAway, pb.GoAway),
    (m.Close, pb.Close),
    (m.Failed, pb.Failed),
):
    _TO_BODY[_kind], _FROM_FRAME[COMMAND_OF[_kind]] = _plain(_kind, _body)
_TO_BODY |= {m.Push: _push_to_body, m.Page: _page_to_body, m.Conversations: _conversations_to_body}
_FROM_FRAME |= {
    pb.PUSH: _push_from_frame,
    pb.PAGE: _page_from_frame,
    pb.CONVERSATIONS: _conversations_from_frame,
}


def register(kind: type, to_body: Callable[[Any], bytes]) -> None:
    """Let another module (legacy) add what it encodes."""
    _TO_BODY[kind] = to_body


def encode(message: Any) -> bytes:
    """A whole frame."""
    return frame(_TO_BODY[type(message)](message))


def parse(body: bytes) -> pb.Frame:
    """The outer message of a frame.

    Raises:
        PeerProtocolError: MALFORMED_FRAME; text that is not UTF-8 is that as well.
    """
    try:
        return pb.Frame.FromString(body)
    except DecodeError as error:
        raise PeerProtocolError(Code.MALFORMED_FRAME) from error


def decode(parsed: pb.Frame) -> Any:
    """The message of a v2 command.

    Raises:
        PeerProtocolError: MALFORMED_FRAME when the body of the command is missing and means something.
    """
    command = parsed.command
    if command == pb.SEND and parsed.HasField("send"):  # the hot path, without a loop over names
        send = parsed.send
        return m.Send(send.conversation, send.n, send.after, send.text)
    if not parsed.HasField(_FIELD_OF[command]) and command not in MAY_LACK_BODY:
        raise PeerProtocolError(Code.MALFORMED_FRAME, f"The body of {pb.Command.Name(command)} is missing.")
    return _FROM_FRAME[command](parsed)
