"""What was written: reading back in the current conversation, and searching."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import trio

from cim_client import CimError, Message
from cim_client.terminal.cells import cells, cut
from cim_client.terminal.context import Context
from cim_client.terminal.lines import Line, date_and_clock, note
from cim_client.terminal.sanitize import one_line, shown_name
from cim_client.terminal.syntax import Wrong

PAGE = 10
"""Hits printed at a time."""

DEPTH = 1_000
"""The newest messages of each conversation that are looked through where the cluster's history is searched."""

MAX_FOUND = 200

Span = tuple[int, int]


class Hit(NamedTuple):
    """A message, and where in its text it is what was sought."""

    message: Message
    spans: tuple[Span, ...]


class Search:
    """Hits not shown yet, the newest first."""

    def __init__(self, hits: Sequence[Hit], sought: str) -> None:
        self._hits = hits
        self.sought = sought
        self.shown = 0

    def page(self) -> Sequence[Hit]:
        page = self._hits[self.shown : self.shown + PAGE]
        self.shown += len(page)
        return page

    @property
    def left(self) -> int:
        return len(self._hits) - self.shown


async def history(context: Context, count: int, before: str, at: datetime | None) -> None:
    """The newest messages of the current conversation, or those before one or before a time, the oldest first."""
    conversation = context.conversation
    seq = await context.message(before) if before else None
    if at is not None:
        seq = await _first_from(context, conversation, at)
    found = context.me.history(conversation, count, seq)
    messages = [message async for message in found]
    lines = context.window.history(messages[::-1])
    gaps = [f"#{gap.first} to #{gap.last}: {CimError(gap.code)}" for gap in reversed(found.gaps)]
    await context.show([*map(note, gaps), *lines] or [note("there is nothing before that")])


async def _first_from(context: Context, conversation: str, at: datetime) -> int | None:
    async for message in context.me.history(conversation, 1, at=at):
        return message.seq
    return None


async def search(context: Context, sought: str, flags: frozenset[str]) -> None:
    """What was written with these words in it; without words the next page."""
    if sought:
        context.searching.last = await _in_the_cluster(context, sought, "--here" in flags)
    found = context.searching.last
    if found is None:
        raise Wrong("usage: :q WORDS (then :q alone for the next page)")
    page = found.page()
    width = context.window.width
    lines = [hit_line(hit, context.window.name(hit.message.conversation), width) for hit in page]
    if not page:
        lines.append(note("nothing more was found" if found.shown else f"nothing was found with {found.sought}"))
    elif found.left:
        lines.append(note(f"{found.left} more; :q shows the next {min(PAGE, found.left)}"))
    await context.show(lines)


async def _in_the_cluster(context: Context, sought: str, here: bool) -> Search:
    where = [context.conversation] if here else [listed.id for listed in await context.me.conversations()]
    pattern = re.compile(re.escape(sought), re.IGNORECASE)
    hits: list[Hit] = []
    for conversation in where:
        async for message in context.me.history(conversation, DEPTH):
            if spans := tuple(match.span() for match in pattern.finditer(message.text)):
                hits.append(Hit(message, spans))
        await trio.lowlevel.checkpoint()
        hits = sorted(hits, key=lambda hit: -hit.message.time_ms)[:MAX_FOUND]
    return Search(hits, sought)


def hit_line(hit: Hit, where: str, width: int | None) -> Line:
    """One row: number, time, where and who, and the text around what was found."""
    message = hit.message
    time = date_and_clock(message.time_ms / 1000, datetime.now().timestamp())
    head: Line = [
        ("mark", f"#{message.seq} "),
        ("time", f"{time} "),
        ("private", f"{shown_name(where)} "),
        ("name", ("~" if message.unverified else "") + shown_name(message.sender)),
        ("", ": "),
    ]
    room = None if width is None else max(width - sum(cells(part) for _, part in head) - 1, 20)
    return [*head, *_around(message.text, hit.spans, room)]


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
