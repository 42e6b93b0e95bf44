"""The conversation list of the cluster, read when it may have changed: titles, one's part, what is muted and unread."""

import trio

from cim_client import LOBBY, CimError, Client, direct_users, is_group
from cim_client.terminal.display.conversations import Conversations

READ_EVERY_S = 1.0


class Directory:
    def __init__(self, me: Client, conversations: Conversations) -> None:
        self._me = me
        self._conversations = conversations
        self._due = trio.Event()

    def changed(self) -> None:
        """Something may be different, or there is a connection again."""
        self._due.set()

    async def run(self) -> None:
        """Read it again after each `changed`, not more often than is of use."""
        while True:
            await self._due.wait()
            self._due = trio.Event()
            await self.read()
            await trio.sleep(READ_EVERY_S)

    async def read(self) -> None:
        try:
            for listed in await self._me.conversations():
                self._conversations.listed(listed)
            await self._place()
        except CimError:
            return  # the next connection asks again

    async def _place(self) -> None:
        """One may have gone to a user without a connection: now it can be learnt which conversation that is."""
        name = self._conversations.current
        if name != LOBBY and not is_group(name) and direct_users(name) is None:
            self._conversations.placed(name, await self._me.conversation_id(name))
