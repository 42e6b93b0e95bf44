"""What was written: reading back in the current conversation, and searching."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from cim_client import CimError, Local, Message, direct_users
from cim_client.terminal.commands.context import Context
from cim_client.terminal.commands.syntax import Wrong
from cim_client.terminal.display import colours
from cim_client.terminal.display.cells import cells, cut
from cim_client.terminal.display.lines import COLON, Head, Line, date_and_clock, heading, note
from cim_client.terminal.display.sanitize import one_line

PAGE = 10
"""Hits printed at a time."""

DEPTH = 1_000
"""The newest messages of each conversation that are looked through where the cluster's history is searched."""

MAX_FOUND = 200

MAX_KEPT = 1_000
"""Messages kept here that are looked through for those before a time."""

Span = tuple[int, int]


class Hit(NamedTuple):
    """A message, and where in its text it is what was sought."""

    message: Message
    spans: tuple[Span, ...]


class Search(Protocol):
    """A search, and how far its hits are shown, the newest first."""

    sought: str
    where: str

    def page(self) -> tuple[Sequence[Hit], bool]:
        """The next hits, and whether there are more."""


class Kept:
    """A search through what this device keeps, which is asked for a page at a time."""

    where = "on this device; :q --server looks through the cluster"

    def __init__(self, local: Local, sought: str, conversation: str | None) -> None:
        self.sought = sought
        self._local = local
        self._conversation = conversation
        self._before: int | None = None

    def page(self) -> tuple[Sequence[Hit], bool]:
        found = self._local.search(self.sought, self._conversation, PAGE + 1, self._before)
        if found:
            self._before = found[:PAGE][-1].id
        return [Hit(one.message, one.spans) for one in found[:PAGE]], len(found) > PAGE


class Fetched:
    """Hits that came from the cluster."""

    where = "in the cluster"

    def __init__(self, sought: str, hits: Sequence[Hit]) -> None:
        self.sought = sought
        self._hits = hits

    def page(self) -> tuple[Sequence[Hit], bool]:
        page, self._hits = self._hits[:PAGE], self._hits[PAGE:]
        return page, bool(self._hits)


async def history(context: Context, count: int, before: str, at: datetime | None) -> None:
    """The newest messages of the current conversation, or those before one or before a time, the oldest first.

    As the cluster has them; without a connection as they are kept here.
    """
    conversation = context.conversation
    seq = await context.message(before) if before else None
    if context.me.state != "connected":
        await _kept_history(context, conversation, count, seq, at)
        return
    if at is not None:
        seq = await _first_from(context, conversation, at)
    found = context.me.history(conversation, count, seq)
    messages = [message async for message in found]
    lines = context.window.history(messages[::-1])
    gaps = [f"#{gap.first} to #{gap.last}: {CimError(gap.code)}" for gap in reversed(found.gaps)]
    await context.show([*map(note, gaps), *lines] or [note("there is nothing before that")])


async def _kept_history(context: Context, conversation: str, count: int, seq: int | None, at: datetime | None) -> None:
    messages = context.me.local.messages(conversation, MAX_KEPT if at is not None else count, seq)
    if at is not None:
        messages = [message for message in messages if message.time < at][:count]
    lines = context.window.history(messages[::-1])
    await context.show([note("without a connection: what is kept on this device"), *lines])


async def _first_from(context: Context, conversation: str, at: datetime) -> int | None:
    async for message in context.me.history(conversation, 1, at=at):
        return message.seq
    return None


async def search(context: Context, sought: str, flags: frozenset[str]) -> None:
    """What was written with these words in it; without words the next page.

    Where this device keeps nothing of the kind, and with `--server`, the cluster's history is looked through.
    """
    searching = context.searching
    if not sought:
        if searching.last is None:
            raise Wrong("usage: :q WORDS (then :q alone for the next page)")
        await _show(context, searching.last, *searching.last.page(), nothing="nothing more was found")
        return
    where = context.conversation if "--here" in flags else None
    searching.last = Kept(context.me.local, sought, where)
    hits, more = searching.last.page()
    if "--server" in flags or (not hits and context.me.state == "connected"):
        searching.last = await _in_the_cluster(context, sought, where)
        hits, more = searching.last.page()
    await _show(context, searching.last, hits, more, nothing=f"nothing was found with {sought}")


async def _show(context: Context, search: Search, hits: Sequence[Hit], more: bool, nothing: str) -> None:
    width = context.window.width
    lines = [hit_line(hit, _head(context, hit.message), width) for hit in hits]
    if more:
        lines.append(note(f":q shows more of what was found {search.where}"))
    elif hits:
        lines.append(note(f"that is all {search.where}"))
    else:
        lines.append(note(nothing))
    await context.show(lines)


async def _in_the_cluster(context: Context, sought: str, here: str | None) -> Fetched:
    where = [here] if here is not None else [listed.id for listed in await context.me.conversations()]
    pattern = re.compile(re.escape(sought), re.IGNORECASE)
    hits: list[Hit] = []
    for conversation in where:
        async for message in context.me.history(conversation, DEPTH):
            if spans := tuple(match.span() for match in pattern.finditer(message.text)):
                hits.append(Hit(message, spans))
        hits = sorted(hits, key=lambda hit: -hit.message.time_ms)[:MAX_FOUND]
    return Fetched(sought, hits)


def _head(context: Context, message: Message) -> Head:
    """As it was printed; that it went to the current conversation is said as well."""
    own = message.sender_id == context.me.user_id
    private = direct_users(message.conversation) is not None
    return Head(
        date_and_clock(message.time_ms / 1000, datetime.now().timestamp()),
        None if own else message.sender,
        "me" if private and not own else context.window.label(message.conversation),
        message.seq,
        colours.sender(message.sender),
        message.unverified,
    )


def hit_line(hit: Hit, head: Head, width: int | None) -> Line:
    """One row: the head of the message, and its text around what was found."""
    start = [*heading(head, width), COLON]
    room = None if width is None else max(width - sum(cells(part) for _, part in start) - 1, 20)
    return [*start, *_around(hit.message.text, hit.spans, room)]


def _around(text: str, spans: Sequence[Span], room: int | None) -> Line:
    """The text as one row, cut to the room so that the first hit is to be seen; hits stand out."""
    parts: Line = []
    at = 0
    if room is not None and spans and cells(one_line(text[: spans[0][1]])) > room:
        at = _some_before(text, spans[0][0], room // 3)
        parts.append(("", "…"))
    for start, end in spans:
        parts += [("", one_line(text[at:start])), ("match", one_line(text[start:end]))]
        at = end
    parts.append(("", one_line(text[at:])))
    return parts if room is None else _cut([part for part in parts if part[1]], room)


def _some_before(text: str, end: int, room: int) -> int:
    """Where to begin so that what stands before `end` takes the room at most."""
    start = end
    while start > 0 and cells(one_line(text[start - 1 : end])) <= room:
        start -= 1
    return start


def _cut(parts: Line, room: int) -> Line:
    shown: Line = []
    for style, text in parts:
        if cells(text) > room:
            return [*shown, (style, cut(text, room))]
        room -= cells(text)
        shown.append((style, text))
    return shown
