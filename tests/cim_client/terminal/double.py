"""`cim chat` on a double of the SDK, as a program: what is sent in the chat tells the double what to do.

==================== ===============================================================================
`@say NAME TEXT`     someone writes (both with Python's escapes; a `~` before the name: unverified)
`@whisper NAME TEXT` the same in private
`@replay A B`        the lobby's messages A to B are delivered
`@marks`             someone says which read marks there are
`@typing NAME`       someone is typing
`@typed`             someone says where one was typing
`@away`              the connection is lost; SIGUSR1 brings it back and stores what waits
`@refuse`            this message is refused
`@close`             the connection ends for good
`@crash`             a bug in the SDK
==================== ===============================================================================

Everything else is stored.
"""

import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import trio

from cim_client.errors import CimError, Closed, Refused, Unavailable
from cim_client.groups import Group
from cim_client.local import Local
from cim_client.store.opening import open_store
from cim_client.terminal.program import Connect, run
from cim_client.types import Conversation, Event, Message, Waiting
from cim_common import ids
from cim_common.wire.codes import Code

PASSWORD = "correct horse"


def message(sender: str, text: str, seq: int, conversation: str = "lobby") -> Message:
    return Message(
        conversation, seq, sender.lstrip("~"), 7, text, f"7:d:{seq}", time.time_ns() // 1_000_000, sender[0] == "~"
    )


class Client:
    user_id = 4294967296
    device = "d0"
    server = "s1"
    token = "token-of-the-double"
    syncing = 0
    error: CimError | None = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = "connected"
        self.groups: dict[str, str] = {}
        self.strangers = {"nobody"}
        self._seq = 40
        self._posts = 0
        self._waiting: list[Event] = []
        self._marks: dict[str, int] = {}
        self._typed: list[str] = []
        self.local: Any = Local(open_store(None, "", name, True))
        self._log = [message("bob", f"earlier {seq}", seq) for seq in (38, 39, 40)]
        self._messages_in, self._messages_out = trio.open_memory_channel[Message](1_000)
        self._events_in, self._events_out = trio.open_memory_channel[Event](1_000)
        self._events_in.send_nowait(Event("connection", "connected", "s1"))

    async def post(self, to: str, text: str, *, reply_to: int | None = None) -> str:
        await trio.lowlevel.checkpoint()
        self._posts += 1
        client_msg_id = f"{self.user_id}:{self.device}:{self._posts}"
        command, _, rest = text.partition(" ")
        match command:
            case "@away":
                self.state = "reconnecting"
                self._events_in.send_nowait(Event("connection", "reconnecting", retry_in_s=2.0))
            case "@say" | "@whisper":
                name, said = rest.encode("latin-1", "backslashreplace").decode("unicode_escape").split(" ", 1)
                self._say(name, said, self._direct(name) if command == "@whisper" else "lobby")
            case "@replay":
                first, last = rest.split()
                for seq in range(int(first), int(last) + 1):
                    self._messages_in.send_nowait(message("bob", f"earlier {seq}", seq))
            case "@marks":
                self._say("marks", repr(self._marks), "lobby")
            case "@typing":
                self._events_in.send_nowait(Event("typing", conversation="lobby", user=rest))
            case "@typed":
                self._say("typed", repr(self._typed), "lobby")
            case "@refuse":
                self._events_in.send_nowait(Event("failed", client_msg_id=client_msg_id, code=Code.NO_SUCH_USER))
                return client_msg_id
            case "@close":
                self.error = Closed(Code.TAKEN_OVER)
                self._events_in.send_nowait(Event("connection", "closed", code=Code.TAKEN_OVER))
                self._events_in.close()
                return client_msg_id
            case "@crash":
                raise ZeroDivisionError("a bug")
        self._seq += 1
        conversation = await self.conversation_id(to)
        self._waiting.append(Event("stored", client_msg_id=client_msg_id, conversation=conversation, seq=self._seq))
        self._log.append(message(self.name, text, self._seq, conversation)._replace(sender_id=self.user_id))
        if self.state == "connected":
            self._store()
        return client_msg_id

    async def ready(self) -> None:
        await trio.lowlevel.checkpoint()

    def taken_up_to(self, conversation: str) -> int | None:
        return None if self.queues["unread"] else self._seq

    def waiting(self) -> list[Waiting]:
        return []

    async def back(self) -> None:
        with trio.open_signal_receiver(signal.SIGUSR1) as signals:
            async for _ in signals:
                self.state = "connected"
                self._events_in.send_nowait(Event("connection", "connected", "s2"))
                self._store()

    async def history(self, to: str, limit: int) -> AsyncIterator[Message]:
        await trio.lowlevel.checkpoint()
        conversation = await self.conversation_id(to)
        for said in [said for said in reversed(self._log) if said.conversation == conversation][:limit]:
            yield said

    @property
    def queues(self) -> dict[str, int]:
        return {
            "unread": self._messages_in.statistics().current_buffer_used,
            "events": self._events_in.statistics().current_buffer_used,
        }

    async def conversations(self) -> list[Conversation]:
        await trio.lowlevel.checkpoint()
        return []

    async def mark_read(self, conversation: str, seq: int) -> None:
        await trio.lowlevel.checkpoint()
        if self.state != "connected":
            raise Unavailable(Code.NO_SERVER)
        self._marks[conversation] = seq

    def group(self, which: str) -> Group:
        for name, group in self.groups.items():
            if which in (name, group):
                return Group(cast(Any, None), group, name)
        raise Refused(Code.NO_SUCH_CONVERSATION)

    async def conversation_id(self, to: str) -> str:
        await trio.lowlevel.checkpoint()
        if to in self.strangers:
            raise Refused(Code.NO_SUCH_USER)
        return to if ids.is_group(to) or to == ids.LOBBY or to.startswith("d-") else self._direct(to)

    async def typing(self, conversation: str) -> None:
        await trio.lowlevel.checkpoint()
        self._typed.append(conversation)

    async def users(self, prefix: str, limit: int = 20) -> list[str]:
        await trio.lowlevel.checkpoint()
        return [name for name in ("bob", "zoë", "zora") if name.startswith(prefix)]

    async def online(self) -> list[str]:
        await trio.lowlevel.checkpoint()
        return [self.name, "bob", "car\x1b[2Jol"]

    def messages(self) -> AsyncIterator[Message]:
        return self._messages_out.__aiter__()

    def events(self) -> AsyncIterator[Event]:
        return self._events_out.__aiter__()

    def _direct(self, name: str) -> str:
        return ids.direct(self.user_id, 2**32 + len(name))

    def _say(self, name: str, text: str, conversation: str) -> None:
        self._seq += 1
        self._log.append(message(name, text, self._seq, conversation))
        self._messages_in.send_nowait(self._log[-1])

    def _store(self) -> None:
        for stored in self._waiting:
            self._events_in.send_nowait(stored)
        self._waiting.clear()


@asynccontextmanager
async def connect(route: str, *, name: str, password: str | None, token: str | None, **_: Any) -> AsyncIterator[Client]:
    if token is not None and token != Client.token:
        raise Refused(Code.BAD_TOKEN)
    if token is None and password != PASSWORD:
        raise Refused(Code.WRONG_PASSWORD)
    client = Client(name)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.back)
        yield client
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2], sys.argv[3], connect=cast(Connect, connect)))
