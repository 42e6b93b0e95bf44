"""The frames of CIM's Java clients: what they send, and all they may be sent.

Facts from CIM's protocol: a login has command 0 (absent on the wire), the user in `id` and the name in `text`;
a heartbeat has command 2; whatever is not a heartbeat's answer is shown as chat, and chat without the property
`receiveUserId` is lost.
"""

from functools import lru_cache

from cim_common.wire import cim_pb2 as pb
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.framing import PeerProtocolError, frame, varint
from cim_common.wire.messages import LegacyLogin, LegacyMessage, LegacyOffline, LegacyPing

PING_FRAME = frame(bytes.fromhex("0a0470696e671802"))
PONG_FRAME = frame(bytes.fromhex("0a04706f6e671802"))
MAX_BATCH = 100


def decode(parsed: pb.Frame) -> LegacyLogin | LegacyPing | LegacyMessage | LegacyOffline:
    """The message of a legacy command; whether it may come is decided by the tables.

    Raises:
        PeerProtocolError: MALFORMED_FRAME for a login of nobody, or chat that names no sender.
    """
    command = parsed.command
    if command == pb.LEGACY_PING:
        return LegacyPing()
    if command == pb.LEGACY_LOGIN:
        if parsed.id <= 0:
            raise PeerProtocolError(Code.MALFORMED_FRAME, "A login of nobody.")
        return LegacyLogin(parsed.id, parsed.text)
    properties = dict(parsed.properties)
    try:
        sender = int(properties["sendUserId"])
    except (KeyError, ValueError) as error:
        raise PeerProtocolError(Code.MALFORMED_FRAME, "Chat of nobody.") from error
    kind = LegacyOffline if command == pb.LEGACY_OFFLINE else LegacyMessage
    return kind(sender, properties.get("sendUserName", ""), parsed.id, tuple(parsed.batch) or (parsed.text,))


@lru_cache(maxsize=16)
def chat_body(command: int, sender: int, sender_name: str, texts: tuple[str, ...]) -> bytes:
    """Chat without its receiver: the same for everyone, so a message to many is encoded once.

    The cache holds what one pass of a server brings to its legacy clients, at most 48 KiB of text each.
    """
    chat = pb.Frame(command=command, properties={"sendUserId": str(sender), "sendUserName": sender_name})  # type: ignore[arg-type]
    if len(texts) == 1 and command == pb.LEGACY_MESSAGE:
        chat.text = texts[0]
    else:
        chat.batch.extend(texts[:MAX_BATCH])
    return chat.SerializeToString()


def receiver_suffix(receiver: int) -> bytes:
    """Whom a chat body is for: the field `id` and the property `receiveUserId`, to stand behind `chat_body`."""
    digits = b"%d" % receiver
    item = b"\x0a\x0dreceiveUserId\x12%b%b" % (varint(len(digits)), digits)
    return b"\x10%b\x22%b%b" % (varint(receiver), varint(len(item)), item)


def _chat(message: LegacyMessage | LegacyOffline) -> bytes:
    command = pb.LEGACY_OFFLINE if type(message) is LegacyOffline else pb.LEGACY_MESSAGE
    sender, sender_name, receiver, texts = message
    return chat_body(command, sender, sender_name, texts) + receiver_suffix(receiver)


def _login(message: LegacyLogin) -> bytes:
    return pb.Frame(text=message.name, id=message.user).SerializeToString()


codec.register(LegacyMessage, _chat)
codec.register(LegacyOffline, _chat)
codec.register(LegacyPing, lambda message: PONG_FRAME[1:])
codec.register(LegacyLogin, _login)
