"""The SDK's double with everything a command may ask of it: it notes what was asked, and says what the test has set."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import trio

from cim_client.errors import Refused
from cim_client.types import Conversation, Device, Found, Gap, Member, Message, Presence, Scheduled
from cim_common import ids
from cim_common.wire.codes import Code
from tests.cim_client.terminal import double

OPS = "g-0123456789abcdef0123"
BOB = "d-4294967296-4294967299"


def noted(name: str) -> Callable[..., Awaitable[None]]:
    """A method that does nothing but be noted."""

    async def method(self: Any, *arguments: Any, **options: Any) -> None:
        await trio.lowlevel.checkpoint()
        self.calls.append((name, *arguments, *options.items()))

    return method


class Group:
    def __init__(self, name: str, group: str, calls: list[tuple[Any, ...]]) -> None:
        self.id = group
        self.name = name
        self.calls = calls

    invite = noted("invite")
    kick = noted("kick")
    ban = noted("ban")
    unban = noted("unban")
    set_role = noted("set_role")
    leave = noted("leave")
    dissolve = noted("dissolve")

    async def rename(self, name: str, topic: str = "") -> None:
        self.calls.append(("rename", name, topic))
        self.name = name


class History(AsyncIterator[Message]):
    def __init__(self, messages: list[Message], gaps: list[Gap]) -> None:
        self._messages = iter(messages)
        self.gaps = gaps

    async def __anext__(self) -> Message:
        await trio.lowlevel.checkpoint()
        try:
            return next(self._messages)
        except StopIteration:
            raise StopAsyncIteration from None


class Local:
    """What is kept on the device: `kept`, oldest first."""

    def __init__(self) -> None:
        self.kept: list[Message] = []

    def messages(self, conversation: str, limit: int, before_seq: int | None = None) -> list[Message]:
        found = [one for one in self.kept if one.conversation == conversation]
        return [one for one in reversed(found) if before_seq is None or one.seq < before_seq][:limit]

    def search(self, text: str, conversation: str | None, limit: int, before_id: int | None) -> list[Found]:
        hits = [
            Found(one, ((one.text.index(text), one.text.index(text) + len(text)),), index)
            for index, one in enumerate(self.kept)
            if text in one.text and conversation in (None, one.conversation)
        ]
        return [hit for hit in reversed(hits) if before_id is None or hit.id < before_id][:limit]

    def export(self) -> Iterator[Message]:
        return iter(self.kept)


class Client(double.Client):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.local = Local()
        self.calls: list[tuple[Any, ...]] = []
        self.known = ["alice", "bob", "bo-张伟"]
        self.listed: list[Conversation] = []
        self.everyone = [Member("alice", "owner", self.user_id), Member("bob", "member", 7)]
        self.presences = Presence(False, None)
        self.waiting_later: list[Scheduled] = []
        self.written: list[Message] = []
        self.gaps: list[Gap] = []

    edit = noted("edit")
    recall = noted("recall")
    react = noted("react")
    pin_message = noted("pin_message")
    mute = noted("mute")
    block = noted("block")
    unblock = noted("unblock")
    set_receipts = noted("set_receipts")
    set_last_seen = noted("set_last_seen")
    logout_device = noted("logout_device")

    def group(self, which: str) -> Any:
        for name, group in self.groups.items():
            if which in (name, group):
                return Group(name, group, self.calls)
        raise Refused(Code.NO_SUCH_CONVERSATION)

    async def create_group(self, name: str, members: list[str]) -> Any:
        await trio.lowlevel.checkpoint()
        self.calls.append(("create_group", name, members))
        self.groups[name] = OPS
        return Group(name, OPS, self.calls)

    async def users(self, prefix: str, limit: int = 20) -> list[str]:
        await trio.lowlevel.checkpoint()
        return [name for name in self.known if name.startswith(prefix)][:limit]

    async def members(self, conversation: str) -> list[Member]:
        await trio.lowlevel.checkpoint()
        return self.everyone

    async def presence(self, name: str) -> Presence:
        await trio.lowlevel.checkpoint()
        self.calls.append(("presence", name))
        return self.presences

    async def conversations(self) -> list[Conversation]:
        await trio.lowlevel.checkpoint()
        return self.listed

    async def devices(self) -> list[Device]:
        await trio.lowlevel.checkpoint()
        seen = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
        return [
            Device("d0", seen, True, current=True),
            Device("d1", seen, False),
            Device("e1", seen, True, False, True),
        ]

    async def schedule(self, to: str, text: str, *, in_s: float | None, at: datetime | None) -> Scheduled:
        await trio.lowlevel.checkpoint()
        self.calls.append(("schedule", to, text, in_s if at is None else at))
        when = datetime.now(UTC) + timedelta(seconds=in_s or 0) if at is None else at
        waiting = Scheduled(f"ab{len(self.waiting_later)}d77", ids.LOBBY, text, when)
        self.waiting_later.append(waiting)
        return waiting

    async def scheduled(self) -> list[Scheduled]:
        await trio.lowlevel.checkpoint()
        return self.waiting_later

    cancel = noted("cancel")

    def history(self, to: str, limit: int = 100, before_seq: int | None = None, at: datetime | None = None) -> Any:
        found = [message for message in self.written if message.conversation == to]
        if at is not None:
            return History([message for message in found if message.time >= at][:limit], [])
        below = [message for message in found if before_seq is None or message.seq < before_seq]
        return History(below[::-1][:limit], self.gaps)


def listed(conversation: str, title: str, role: str = "member", topic: str = "", unread: int = 0) -> Conversation:
    return Conversation(conversation, title, role, unread, 0, 9, False, False, 2, topic, False, 0, 0)


def message(text: str, seq: int, conversation: str = ids.LOBBY, sender: str = "bob", minute: int = 0) -> Message:
    time = datetime(2026, 1, 2, 10, minute, tzinfo=UTC)
    return Message(conversation, seq, sender, 7, text, f"7:d:{seq}", round(time.timestamp() * 1000), False)
