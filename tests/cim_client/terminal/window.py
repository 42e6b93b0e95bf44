"""A window that only remembers what is done with it, for tests of commands."""

from collections.abc import Sequence
from typing import NamedTuple, cast

import trio

from cim_client.client import Client
from cim_client.terminal.commands.context import THE_LOBBY, Address, Context
from cim_client.terminal.commands.registry import parse
from cim_client.terminal.commands.settings import Settings
from cim_client.terminal.display.lines import Line, plain
from cim_client.types import Message
from tests.cim_client.terminal import recorder


class Said(NamedTuple):
    to: str
    text: str
    reply_to: int = 0


class Window:
    def __init__(self) -> None:
        self.width: int | None = None
        self.current = THE_LOBBY
        self.said: list[Said] = []
        self.printed: list[str] = []
        self.done: list[str] = []
        self.waited = 0
        self.own = self.shown = 0

    async def switch(self, to: Address) -> None:
        self.current = to

    async def say(self, to: Address, text: str, reply_to: int = 0) -> None:
        self.said.append(Said(to.to, text, reply_to))

    async def show(self, lines: list[Line]) -> None:
        self.printed += [plain(line) for line in lines]

    def history(self, messages: Sequence[Message]) -> list[Line]:
        return [[("", f"{message.seq} {message.sender}: {message.text}")] for message in messages]

    def label(self, conversation: str) -> str:
        return {recorder.OPS: "#ops", recorder.BOB: "bob"}.get(conversation, conversation)

    def renamed(self, conversation: str, name: str) -> None:
        self.done.append(f"{conversation} is {name}")

    async def settled(self) -> None:
        await trio.lowlevel.checkpoint()
        self.waited += 1

    def newest(self, conversation: str, own: bool) -> int:
        return self.own if own else self.shown

    def state(self) -> list[tuple[str, str]]:
        return [("state", "connected to s1")]

    async def retry(self) -> None:
        self.done.append("retry")

    async def next_unread(self) -> None:
        self.done.append("next")

    def quit(self) -> None:
        self.done.append("quit")


class Commands:
    """A context on the SDK's double, and what came of the commands run with it."""

    def __init__(self) -> None:
        self.me = recorder.Client("alice")
        self.window = Window()
        self.settings = Settings()
        self.context = Context(cast(Client, self.me), "http://127.0.0.1:1", self.window, self.settings)

    async def run(self, line: str) -> list[str]:
        """Do what a typed line means; what it printed."""
        call = parse(line)
        assert call is not None
        await call.command.run(self.context, *call.values)
        return self.printed()

    def printed(self) -> list[str]:
        """What was printed since the last call."""
        printed, self.window.printed = self.window.printed, []
        return printed
