"""After Redis was started anew: what is held here is taken up again before anything is delivered in it (I22).

What runs now may be an older copy. Each log has another incarnation then (`store/incarnations.py`), so each connection
that is live in it is told: on from where it is, when nothing was lost; back to where both histories are the same, when
something was; or that there is no such conversation any more. Until then new entries wait behind the gap.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from cim_common.store import incarnations
from cim_server.conversation import Conversation
from cim_server.conversations import Conversations
from cim_server.redis_link import RedisLink

AT_ONCE = 500
"""Conversations asked about at the same time: each answer lets the next one follow."""

AGAIN_S = 1.0


class Resuming:
    """Takes up what one server (`id:epoch`) holds, whenever the store was started anew."""

    def __init__(
        self,
        link: RedisLink,
        conversations: Conversations,
        server: str,
        after: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self._link = link
        self._conversations = conversations
        self._server = server
        self._after = after
        self._due: deque[Conversation] = deque()
        self._asked = 0
        self._start = 0

    def connected(self, start: int) -> bool:
        """A link to the store is there again; whether that is another run of Redis than the one known."""
        other = self._start not in (0, start)
        self._start = start
        if other:
            self._due = deque(self._conversations.suspend())
        self._ask()
        return other

    def renew_all(self) -> None:
        """Others may have taken this server for dead and dropped its interest."""
        due = set(self._due)
        self._due.extend(conversation for conversation in self._conversations.held() if conversation not in due)
        self._ask()

    def _ask(self) -> None:
        while self._due and self._asked < AT_ONCE and self._link.up:
            conversation = self._due.popleft()
            if self._conversations.get(conversation.id) is not conversation:
                continue  # given up meanwhile
            self._asked += 1
            flow = incarnations.take_again(
                conversation.id, self._server, conversation.generation, self._link.start, conversation.incarnation
            )
            self._link.run(flow, partial(self._answered, conversation, self._link.start))

    def _answered(self, conversation: Conversation, start: int, outcome: Any) -> None:
        self._asked -= 1
        if start != self._start:
            pass  # Started anew meanwhile: it is due again already.
        elif outcome is None:
            self._conversations.gone(conversation)
        elif isinstance(outcome, tuple):
            self._conversations.resume(conversation, *outcome)
        else:
            self._due.append(conversation)
            self._after(AGAIN_S, self._ask)
            return
        self._ask()
