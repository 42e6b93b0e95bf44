"""What goes between the input line and the rest while one types: what can be completed, names the cluster is asked for,
telling the others that one is typing, and keeping what is half typed.
"""

import trio

from cim_client import LOBBY, CimError, Client
from cim_client.terminal.commands.registry import COMMANDS
from cim_client.terminal.console import Console
from cim_client.terminal.display.screen import Screen
from cim_client.terminal.editor.completion import Offers
from cim_client.terminal.editor.offering import Offering

OFFER_EVERY_S = 1.0
SOON_S = 0.1
"""After somebody wrote: the quick switch is to have who is new."""

TYPING_EVERY_S = 1.0
"""How often is looked whether one types; the SDK tells it less often."""

ASK_TIMEOUT_S = 3.0
"""A completion that comes later is of no use."""

MAX_ASKED = 20


class Assist:
    """`run` serves until it is cancelled."""

    def __init__(self, me: Client, console: Console, screen: Screen) -> None:
        self._me = me
        self._console = console
        self._screen = screen
        self._offering = Offering(COMMANDS)
        self._offered = Offers()
        self._typed = ""
        self._wrote = trio.Event()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._complete)
            nursery.start_soon(self._follow)
            while True:
                self._offer()
                await trio.sleep(SOON_S)
                with trio.move_on_after(OFFER_EVERY_S):
                    await self._wrote.wait()
                self._wrote = trio.Event()

    def met(self, name: str) -> None:
        """Somebody wrote: the name may be typed next."""
        self._offering.met([name])
        self._wrote.set()

    def _offer(self) -> None:
        offers = self._offering.offers(self._screen.conversations, self._screen.recent)
        if offers != self._offered:
            self._offered = offers
            self._console.offer(offers)

    async def _complete(self) -> None:
        async for prefix in self._console.wanted():
            with trio.move_on_after(ASK_TIMEOUT_S):
                try:
                    self._offering.met(await self._me.users(prefix, MAX_ASKED))
                except CimError:
                    continue  # no completion, which is what one sees
            self._offer()

    async def _follow(self) -> None:
        """What is half typed is kept, over a crash too, and the others are told."""
        try:
            while True:
                await trio.sleep(TYPING_EVERY_S)
                if self.keep_draft():
                    await self._tell_typing()
        finally:
            self.keep_draft()

    def keep_draft(self) -> bool:
        """Keep what is half typed now; whether there is something, and it is another text than before."""
        typed, before = self._console.text, self._typed
        self._typed = typed
        if typed != before:
            self._me.local.set_draft(self._screen.conversations.current, typed)
        return typed not in ("", before)

    async def _tell_typing(self) -> None:
        """Not to the lobby, where it would be everyone's business; nor of commands, nor where nothing is sent."""
        where = self._screen.conversations.current
        if self._typed[0] in ":/" or where == LOBBY or self._screen.answering:
            return
        try:
            with trio.move_on_after(ASK_TIMEOUT_S):
                await self._me.typing(where)
        except CimError:
            return  # nobody is told
