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


def _plain(command: int, field: str, kind: type, body: type) -> tuple[Callable[[Any], pb.Frame], Callable[[Any], Any]]:
    """Encoder and decoder of a message whose fields are scalars of the same names."""
    names: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]

    def to_frame(message: Any) -> pb.Frame:
        return pb.Frame(command=command, **{field: body(**message._asdict())})  # type: ignore[arg-type]

    def from_frame(parsed: pb.Frame) -> Any:
        part = getattr(parsed, field)
        return kind(*[getattr(part, name) for name in names])

    return to_frame, from_frame


def _push_to_frame(message: m.Push) -> pb.Frame:
    entries = [_entry_message(entry) for entry in message.entries]
    return pb.Frame(command=pb.PUSH, push=pb.Push(conversation=message.conversation, entries=entries))


def _push_from_frame(parsed: pb.Frame) -> m.Push:
    return m.Push(parsed.push.conversation, tuple(map(_entry, parsed.push.entries)))


def _page_to_frame(message: m.Page) -> pb.Frame:
    fields = message._asdict()
    fields["entries"] = [_entry_message(entry) for entry in message.entries]
    fields["gaps"] = [pb.Range(first=gap.first, last=gap.last, reason=gap.reason) for gap in message.gaps]
    return pb.Frame(command=pb.PAGE, page=pb.Page(**fields))


def _page_from_frame(parsed: pb.Frame) -> m.Page:
    page = parsed.page
    return m.Page(
        page.conversation, page.incarnation, page.end, page.head, page.live, tuple(map(_entry, page.entries)),
        page.request, tuple(m.Range(gap.first, gap.last, gap.reason) for gap in page.gaps),
    )  # fmt: skip


def _conversations_to_frame(message: m.Conversations) -> pb.Frame:
    listed = [pb.Conversation(**item._asdict()) for item in message.conversations]
    body = pb.Conversations(request=message.request, conversations=listed, version=message.version, more=message.more)
    return pb.Frame(command=pb.CONVERSATIONS, conversations=body)


def _conversations_from_frame(parsed: pb.Frame) -> m.Conversations:
    body = parsed.conversations
    listed = tuple(
        m.Conversation(c.id, c.version, c.head, c.incarnation, c.start, c.peer, c.title) for c in body.conversations
    )
    return m.Conversations(body.request, listed, body.version, body.more)


_PLAIN: tuple[tuple[int, str, type, type], ...] = (
    (pb.LOGIN, "login", m.Login, pb.Login),
    (pb.LOGIN_OK, "login_ok", m.LoginOk, pb.LoginOk),
    (pb.PING, "ping", m.Ping, pb.Ping),
    (pb.PONG, "pong", m.Pong, pb.Pong),
    (pb.RESOLVE, "resolve", m.Resolve, pb.Resolve),
    (pb.RESOLVED, "resolved", m.Resolved, pb.Resolved),
    (pb.SEND, "send", m.Send, pb.Send),
    (pb.ACK, "ack", m.Ack, pb.Ack),
    (pb.NACK, "nack", m.Nack, pb.Nack),
    (pb.RETRY, "retry", m.Retry, pb.Retry),
    (pb.UNRESOLVED, "unresolved", m.Unresolved, pb.Unresolved),
    (pb.SYNC, "sync", m.Sync, pb.Sync),
    (pb.PULL, "pull", m.Pull, pb.Pull),
    (pb.CURSOR, "cursor", m.Cursor, pb.Cursor),
    (pb.LIST, "list", m.List, pb.List),
    (pb.HEAD, "head", m.Head, pb.Head),
    (pb.HOLD, "hold", m.Hold, pb.Hold),
    (pb.CONVERSATIONS_CHANGED, "conversations_changed", m.ConversationsChanged, pb.ConversationsChanged),
    (pb.GO_AWAY, "go_away", m.GoAway, pb.GoAway),
    (pb.CLOSE, "close", m.Close, pb.Close),
    (pb.FAILED, "failed", m.Failed, pb.Failed),
)

_TO_FRAME: dict[type, Callable[[Any], pb.Frame]] = {
    m.Push: _push_to_frame,
    m.Page: _page_to_frame,
    m.Conversations: _conversations_to_frame,
}
_FROM_FRAME: dict[int, Callable[[pb.Frame], Any]] = {
    pb.PUSH: _push_from_frame,
    pb.PAGE: _page_from_frame,
    pb.CONVERSATIONS: _conversations_from_frame,
}
for _command, _field, _kind, _body in _PLAIN:
    _TO_FRAME[_kind], _FROM_FRAME[_command] = _plain(_command, _field, _kind, _body)


def register(kind: type, to_frame: Callable[[Any], pb.Frame]) -> None:
    """Let another module (legacy) add what it encodes."""
    _TO_FRAME[kind] = to_frame


def encode(message: Any) -> bytes:
    """A whole frame."""
    return frame(_TO_FRAME[type(message)](message).SerializeToString())


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
        PeerProtocolError: MALFORMED_FRAME when the body of the command is missing.
    """
    command = parsed.command
    if command == pb.SEND:  # the hot path, without a loop over names
        send = parsed.send
        return m.Send(send.conversation, send.n, send.after, send.text)
    return _FROM_FRAME[command](parsed)
