"""One's own messages from Enter on: handed to the SDK one after the other, so that they keep their order, and settled.

What became of one is told by an event, "stored" or "failed", perhaps before the SDK has said under which id it goes.
"""

from collections.abc import Callable
from typing import NamedTuple

import trio

from cim_client import CimError, Client, Event
from cim_client.terminal.commands.context import Address
from cim_client.terminal.display.lines import Line
from cim_client.terminal.display.outgoing import MAX_PENDING, Settlement, failed
from cim_client.terminal.display.screen import Screen


class _Typed(NamedTuple):
    """A message not yet given to the SDK; `key` is its name on the screen."""

    key: int
    to: Address
    text: str
    reply_to: int


class Posting:
    """`show` prints; `changed` is called when a message is under way, and when one is no more."""

    def __init__(
        self, me: Client, screen: Screen, show: Callable[[list[Line]], None], changed: Callable[[], None]
    ) -> None:
        self._me = me
        self._screen = screen
        self._show = show
        self._changed = changed
        self._typed, self._to_post = trio.open_memory_channel[_Typed](MAX_PENDING)
        self._fewer = trio.Event()
        screen.outgoing.taken = self._taken

    @property
    def full(self) -> bool:
        """Whether no more are taken until some are settled."""
        return self._screen.pending >= MAX_PENDING

    def say(self, to: Address, text: str, reply_to: int) -> None:
        """Only while it is not `full`."""
        key = self._screen.sending(text, to.to, to.name, reply_to)
        self._typed.send_nowait(_Typed(key, to, text, reply_to))
        self._changed()

    async def run(self) -> None:
        async for key, to, text, reply_to in self._to_post:
            try:
                client_msg_id = await self._me.post(to.to, text, reply_to=reply_to or None)
            except CimError as error:
                self._show(self._screen.settled_key(key, failed(error)))
            else:
                self._show(self._screen.posted(key, client_msg_id))

    def happened(self, event: Event) -> None:
        """A "stored" or "failed" event."""
        if event.kind == "stored":
            settlement = Settlement(conversation=event.conversation, seq=event.seq)
        elif event.state != "kept":
            settlement = failed(CimError(event.code, event.text))
        else:
            return  # it waits in the data folder for the next start
        self._show(self._screen.settled(event.client_msg_id, settlement))

    async def room(self) -> None:
        """Wait until it is not `full`."""
        await self._until(lambda: not self.full)

    async def settled(self) -> None:
        """Wait until it is known what became of those under way now."""
        under_way = set(self._screen.outgoing.pending)
        await self._until(lambda: under_way.isdisjoint(self._screen.outgoing.pending))

    async def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            await self._fewer.wait()

    def _taken(self) -> None:
        self._fewer.set()
        self._fewer = trio.Event()
        self._changed()
