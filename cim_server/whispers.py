"""Whispers: signals to those who take part in a conversation. Best effort, never stored.

Who is connected here hears one at once. For the others the signals of a moment are gathered, the servers interested
in their conversations are looked up in one pipeline, and each gets one doorbell for all of them: the cost grows with
signals and servers, not with members. In large conversations nothing is whispered: there, who wants to know asks.
"""

from typing import Any

from cim_common import ids
from cim_common.store import whispers
from cim_common.wire import codec
from cim_common.wire.messages import Signal
from cim_server.conversations import Conversations
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink

GATHER_S = 0.1
MAX_WAITING = 1_000
"""Signals gathered at a time; beyond that they are dropped."""


class Whispers:
    """The signals of one server run (`id:epoch`)."""

    def __init__(self, pump: Pump, link: RedisLink, conversations: Conversations, server: str) -> None:
        self._pump = pump
        self._link = link
        self._conversations = conversations
        self._server = server
        self._waiting: dict[tuple[str, int, int], Signal] = {}
        self.dropped = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def tell(self, signal: Signal) -> None:
        """Pass a signal on; of several of one kind, user and conversation the newest counts."""
        if not self._is_small(signal.conversation):
            return
        self._conversations.signal(signal.conversation, whispers.excepted(signal), codec.encode(signal))
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
            return held is not None and held.members <= whispers.MAX_MEMBERS
        return conversation != ids.LOBBY

    def _flush(self) -> None:
        waiting, self._waiting = list(self._waiting.values()), {}
        if self._link.up:
            self._link.run(whispers.ring(waiting, self._server), _nothing)


def _nothing(outcome: Any) -> None:
    """A signal that did not arrive is none."""
