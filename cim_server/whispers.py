"""Whispers: signals to those who take part in a conversation. Best effort, never stored.

Who is connected here hears one at once. For the others the signals of a moment are gathered, the servers interested
in their conversations are looked up in one pipeline, and each gets one doorbell for all of them: the cost grows with
signals and servers, not with members. In large conversations nothing is whispered: there, who wants to know asks.
"""

from typing import Any

from cim_common import ids
from cim_common.store import keys, push
from cim_common.store.flow import Flow
from cim_common.wire import codec
from cim_common.wire.kinds import Signal as Kind
from cim_common.wire.messages import Signal
from cim_server.conversations import Conversations
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink

GATHER_S = 0.1
MAX_WAITING = 1_000
"""Signals gathered at a time; beyond that they are dropped."""

MAX_MEMBERS = 50
"""Above this a conversation is large."""

ALSO_TO_ONESELF = frozenset({Kind.READ})
"""What one's own other devices want to know too: their unread counts have changed."""


class Whispers:
    """The signals of one server run (`id:epoch`)."""

    def __init__(self, pump: Pump, link: RedisLink, conversations: Conversations, server: str) -> None:
        self._pump = pump
        self._link = link
        self._conversations = conversations
        self._server = server
        self._waiting: dict[tuple[str, int, int], Signal] = {}
        self.dropped = 0

    def tell(self, signal: Signal) -> None:
        """Pass a signal on; of several of one kind, user and conversation the newest counts."""
        if not self._is_small(signal.conversation):
            return
        excepted = 0 if signal.kind in ALSO_TO_ONESELF else signal.user
        self._conversations.signal(signal.conversation, excepted, codec.encode(signal))
        key = (signal.conversation, signal.user, signal.kind)
        if len(self._waiting) >= MAX_WAITING and key not in self._waiting:
            self.dropped += 1
            return
        if not self._waiting:
            self._pump.timers.after(GATHER_S, self._flush)
        self._waiting[key] = signal

    def _is_small(self, conversation: str) -> bool:
        if ids.is_group(conversation):
            held = self._conversations.get(conversation)
            return held is not None and held.members <= MAX_MEMBERS
        return conversation != ids.LOBBY

    def _flush(self) -> None:
        waiting, self._waiting = list(self._waiting.values()), {}
        if self._link.up:
            self._link.run(self._ring(waiting), _nothing)

    def _ring(self, signals: list[Signal]) -> Flow[None]:
        """Doorbells for the other servers interested in the conversations of these signals."""
        conversations = sorted({signal.conversation for signal in signals})
        replies = yield [("HKEYS", keys.interest(conversation)) for conversation in conversations]
        interested = dict(zip(conversations, replies, strict=True))
        news: dict[str, list[bytes]] = {}
        for signal in signals:
            excepted = 0 if signal.kind in ALSO_TO_ONESELF else signal.user
            bell = push.whisper(signal.conversation, excepted, codec.encode(signal))
            for server in interested[signal.conversation]:
                if server.decode() != self._server:
                    news.setdefault(server.decode(), []).append(bell)
        commands = [push.command(server, bell) for server, bells in news.items() for bell in push.doorbells(bells)]
        if commands:
            yield commands


def _nothing(outcome: Any) -> None:
    """A signal that did not arrive is none."""
