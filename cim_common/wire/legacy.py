"""The frames of CIM's Java clients: what they send, and all they may be sent.

Facts from CIM's protocol: a login has command 0 (absent on the wire), the user in `id` and the name in `text`;
a heartbeat has command 2; whatever is not a heartbeat's answer is shown as chat, and chat without the property
`receiveUserId` is lost.
"""

from cim_common.wire import cim_pb2 as pb
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.framing import PeerProtocolError, frame
from cim_common.wire.messages import LegacyLogin, LegacyMessage, LegacyOffline, LegacyPing

PONG_FRAME = frame(bytes.fromhex("0a04706f6e671802"))
MAX_BATCH = 100


def decode(parsed: pb.Frame) -> LegacyLogin | LegacyPing:
    """What a legacy client sent.

    Raises:
        PeerProtocolError: MALFORMED_FRAME for a login of nobody, UNEXPECTED_COMMAND for chat: that comes over HTTP.
    """
    if parsed.command == pb.LEGACY_PING:
        return LegacyPing()
    if parsed.command != pb.LEGACY_LOGIN:
        raise PeerProtocolError(Code.UNEXPECTED_COMMAND)
    if parsed.id <= 0:
        raise PeerProtocolError(Code.MALFORMED_FRAME, "A login of nobody.")
    return LegacyLogin(parsed.id, parsed.text)


def _chat(message: LegacyMessage | LegacyOffline) -> pb.Frame:
    chat = pb.Frame(
        id=message.receiver,
        command=pb.LEGACY_OFFLINE if type(message) is LegacyOffline else pb.LEGACY_MESSAGE,
        properties={
            "sendUserId": str(message.sender),
            "sendUserName": message.sender_name,
            "receiveUserId": str(message.receiver),
        },
    )
    if len(message.texts) == 1 and type(message) is LegacyMessage:
        chat.text = message.texts[0]
    else:
        chat.batch.extend(message.texts[:MAX_BATCH])
    return chat


codec.register(LegacyMessage, _chat)
codec.register(LegacyOffline, _chat)
codec.register(LegacyPing, lambda message: pb.Frame(text="pong", command=pb.LEGACY_PING))
codec.register(LegacyLogin, lambda message: pb.Frame(text=message.name, id=message.user))
