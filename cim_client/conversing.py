"""Everything a program does in a conversation, by its id or the name of a user. `Client` and `Group` rest on it."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import trio

from cim_client.core import Core
from cim_client.streams import History, Wanted
from cim_client.types import Conversation, Member, Receipt, conversation_of
from cim_common.wire.kinds import Kind
from cim_common.wire.kinds import Signal as SignalKind
from cim_common.wire.limits import MAX_MEMBER_PAGE
from cim_common.wire.messages import (
    Change,
    Conversations,
    List,
    MemberList,
    Members,
    Page,
    Pull,
    Read,
    Send,
    Setting,
    Signal,
)

TYPING_EVERY_S = 3.0
MAX_TYPING = 1_000
"""Conversations of which is remembered when one typed there last."""


class Conversing:
    """Calls about one conversation each; `to` is an id, "lobby" or the name of a user."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._typed: dict[str, float] = {}

    async def users(self, names: Sequence[str]) -> list[int]:
        return await self._core.names.users(names)

    async def conversation(self, to: str) -> str:
        return await self._core.names.conversation(to)

    # -- writing -----------------------------------------------------------------------------------------

    async def send(self, to: str, text: str, reply_to: int | None, timeout_s: float = 30.0) -> Receipt:
        return await self._core.sending.send(to, Send("", 0, 0, text, reply_to or 0), timeout_s)

    async def change(self, to: str, kind: Kind, **fields: Any) -> Receipt:
        """Append an entry that is no text; `fields` are those of `wire.messages.Change`."""
        return await self._core.sending.send(to, Change("", 0, 0, int(kind), **fields))

    async def rename(self, group: str, name: str, topic: str) -> None:
        receipt = await self.change(group, Kind.RENAMED, text=name, topic=topic)
        self._core.receiving.renamed(group, receipt.seq, name)

    # -- reading -----------------------------------------------------------------------------------------

    def history(
        self, to: str, limit: int, before_seq: int | None, after_seq: int | None, at: datetime | float | None
    ) -> History:
        time_ms = 0 if at is None else max(1, _milliseconds(at))
        forward = after_seq is not None or at is not None
        wanted = Wanted(before_seq or 0, after_seq or 0, time_ms, forward)
        return History(lambda part, count: self._pull(to, part, count), wanted, limit)

    async def _pull(self, to: str, part: Wanted, count: int) -> Page:
        conversation = await self._core.names.conversation(to)
        page: Page = await self._core.requests.ask(
            lambda request: Pull(
                request, conversation, part.before, count, part.after, part.time_ms, part.forward, current=True
            )
        )
        self._core.receiving.read_back(page)
        return page

    async def conversations(self) -> list[Conversation]:
        found: dict[str, Conversation] = {}
        since, more = 0, True
        while more:
            answer: Conversations = await self._core.requests.ask(partial(List, since=since))
            found |= {listed.id: conversation_of(listed) for listed in answer.conversations}
            since, more = answer.version, answer.more
        return sorted(found.values(), key=lambda conversation: -conversation.active_ms)

    async def mark_read(self, to: str, seq: int) -> None:
        conversation = await self._core.names.conversation(to)
        await self._core.requests.ask(lambda request: Read(request, conversation, seq))

    async def members(self, to: str, reads: bool = False) -> list[Member]:
        conversation = await self._core.names.conversation(to)
        found: list[Member] = []
        more = True
        while more:
            after = found[-1].user_id if found else 0
            answer: MemberList = await self._core.requests.ask(
                partial(Members, conversation=conversation, after=after, limit=MAX_MEMBER_PAGE, reads=reads)
            )
            found += [Member(member.name, member.role, member.user, member.read) for member in answer.members]
            more = answer.more and bool(answer.members)
        return sorted(found)

    # -- one's own view ----------------------------------------------------------------------------------

    async def set(self, to: str, name: str, on: bool) -> None:
        """Switch a setting; `to` "" is the account."""
        conversation = await self._core.names.conversation(to) if to else ""
        await self._core.requests.ask(lambda request: Setting(request, conversation, name, on))

    async def typing(self, to: str) -> None:
        conversation = await self._core.names.conversation(to)
        now = trio.current_time()
        if now - self._typed.get(conversation, -TYPING_EVERY_S) < TYPING_EVERY_S or self._core.state != "connected":
            return
        while len(self._typed) >= MAX_TYPING:
            del self._typed[next(iter(self._typed))]
        self._typed.pop(conversation, None)
        self._typed[conversation] = now
        self._core.signals.append(Signal(conversation, SignalKind.TYPING))
        self._core.link.wake()


def _milliseconds(at: datetime | float) -> int:
    """A time, or seconds since 1970, as Unix milliseconds."""
    return round((at.timestamp() if isinstance(at, datetime) else at) * 1000)
