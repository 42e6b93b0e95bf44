"""Whispers to other servers: signals to those who take part in a conversation. Best effort, never stored."""

from collections.abc import Sequence

from cim_common import ids
from cim_common.store import keys, push
from cim_common.store.flow import Flow
from cim_common.wire import codec
from cim_common.wire.kinds import Signal as Kind
from cim_common.wire.messages import Signal

MAX_MEMBERS = 50
"""Above this a conversation is large, and nothing is whispered there."""

ALSO_TO_ONESELF = frozenset({Kind.READ})
"""What one's own other devices want to know too: their unread counts have changed."""


def excepted(signal: Signal) -> int:
    """The user who is not told; 0: nobody."""
    return 0 if signal.kind in ALSO_TO_ONESELF else signal.user


def ring(signals: Sequence[Signal], own_server: str = "") -> Flow[None]:
    """Doorbells for the servers interested in the conversations of these signals, except one's own.

    All of a conversation's signals cost one look-up, all of a server's one doorbell.
    """
    conversations = sorted({signal.conversation for signal in signals})
    replies = yield [("HKEYS", keys.interest(conversation)) for conversation in conversations]
    interested = dict(zip(conversations, replies, strict=True))
    news: dict[str, list[bytes]] = {}
    for signal in signals:
        bell = push.whisper(signal.conversation, excepted(signal), codec.encode(signal))
        for server in interested[signal.conversation]:
            if server.decode() != own_server:
                news.setdefault(server.decode(), []).append(bell)
    commands = [push.command(server, bell) for server, bells in news.items() for bell in push.doorbells(bells)]
    if commands:
        yield commands


def tell_read(user: int, name: str, conversation: str, seq: int) -> Flow[None]:
    """Tell of a read mark that was moved outside an IM server, unless its user keeps that to itself."""
    (silent,), (members,) = yield [
        ("HMGET", keys.user(user), "no_receipts"),
        ("HMGET", keys.conv(conversation), "mc"),
    ]
    if silent or conversation == ids.LOBBY or int(members or 0) > MAX_MEMBERS:
        return
    yield from ring([Signal(conversation, Kind.READ, user, name, seq)])
