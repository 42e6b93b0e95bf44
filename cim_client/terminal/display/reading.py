"""What has been printed is read: on all devices of the user, and told to the others."""

import trio

from cim_client import CimError, Client, Message, Refused

MARK_EVERY_S = 1.0
"""How often at most what was shown is marked as read."""


class ReadMarks:
    def __init__(self, me: Client) -> None:
        self._me = me
        self._read: dict[str, int] = {}
        self._due = trio.Event()

    def shown(self, message: Message) -> None:
        self._read[message.conversation] = max(message.seq, self._read.get(message.conversation, 0))
        self._due.set()

    async def run(self) -> None:
        while True:
            await self._due.wait()
            await trio.sleep(MARK_EVERY_S)
            self._due = trio.Event()
            await self.write()

    async def write(self) -> None:
        """Move the marks; one that cannot be moved now is moved later, with newer ones."""
        read, self._read = self._read, {}
        for conversation, seq in read.items():
            try:
                await self._me.mark_read(conversation, seq)
            except Refused:
                continue  # one takes no part there any more
            except CimError:
                self._read = {conversation: seq, **self._read}
                self._due.set()
