"""Events for programs without the SDK: a long poll on everything that is appended where a user may read."""

import base64
import binascii
import json
import random
import time
import zlib
from collections.abc import Collection, Iterable
from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from cim_common import ids
from cim_common.store import event_positions
from cim_common.store.event_positions import Position, Positions, Read, Standing
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.limits import MAX_PAGE_ENTRIES
from cim_route.auth import SECURITY, signed_in
from cim_route.entries import ChangeEntry, Gap, Message, Shape, gap, shape
from cim_route.parts import Parts
from cim_route.problems import Problem
from cim_route.watcher import TooManyWaiting, Waiting

MAX_WAIT_S = 60
TRY_AGAIN_S = 2.0
MAX_CONVERSATIONS = 50
"""Conversations in one answer: the token that acknowledges it stays below 4 KiB, short enough for any proxy."""

MAX_TOKEN_BYTES = 8_192
MAX_ANSWER_BYTES = 262_144
"""No further conversation is read for an answer that holds so much."""


class EventsQuery(BaseModel):
    ack: str | None = Field(None, max_length=MAX_TOKEN_BYTES, description="of the answer before: its events are taken")
    wait_s: float = Field(0, ge=0, le=MAX_WAIT_S, description="how long to wait when there is nothing yet")
    limit: int = Field(100, ge=1, le=MAX_PAGE_ENTRIES)
    lobby: bool = Field(False, description="with what is written in the lobby, from the first such call on")


class MessageEvent(Message):
    conversation: str


class ChangeEvent(ChangeEntry):
    conversation: str


class GapEvent(Gap):
    """Entries that cannot be given out: retention has removed them, or one was no member."""

    conversation: str
    kind: str = "gap"


class RewoundEvent(Shape):
    """The store was set back to an older copy; events go on above `seq`."""

    conversation: str
    kind: str = "rewound"
    seq: int


Event = MessageEvent | ChangeEvent | GapEvent | RewoundEvent


class Events(BaseModel):
    events: list[Event] = Field(description="in order within each conversation")
    ack: str = Field(description="to be given with the next call, once the events are taken")
    reset: bool = Field(description="true: the positions were gone (24 h unused); this begins at the heads")


def blueprint(parts: Parts) -> APIBlueprint:
    """`/v1/events`."""
    bp = APIBlueprint("events", __name__, url_prefix="/v1", abp_tags=[Tag(name="events")])

    @bp.get("/events", summary="What has happened in one's conversations", security=SECURITY, responses={200: Events})
    def events(query: EventsQuery) -> dict[str, Any]:
        login, device = signed_in(parts)
        deadline = time.monotonic() + query.wait_s
        reader = _Reader(parts, login.account.id, device, query)
        if query.wait_s == 0:
            found = reader.now()
        else:
            try:
                with reader.waiting() as waiting:
                    found = reader.until(waiting, deadline)
            except TooManyWaiting:
                found = reader.now()
                if not found:
                    raise Problem(Code.TOO_MANY_WAITING, after_s=TRY_AGAIN_S) from None
        answer = Events(events=found, ack=token_of(reader.taken), reset=reader.reset)
        return answer.model_dump(exclude_none=True)

    return bp


class _Reader:
    """One call: the device's positions, and what stands above them."""

    def __init__(self, parts: Parts, user: int, device: str, query: EventsQuery) -> None:
        self._parts, self._user, self._device, self._limit = parts, user, device, query.limit
        acked = positions_of(query.ack) if query.ack else {}
        found = parts.store.run(event_positions.load(user, device))
        self.reset = found is None and bool(query.ack)
        if found is None:
            found = parts.store.run(event_positions.begin(user, device))
        elif acked:
            found = parts.store.run(event_positions.acknowledge(user, device, found, acked))
        self._positions = self._with_lobby(found) if query.lobby else self._without_lobby(found)
        self.taken: dict[str, Position] = {}

    def _with_lobby(self, positions: Positions) -> Positions:
        if ids.LOBBY in positions.of:
            return positions
        at = self._parts.store.run(event_positions.include(self._user, self._device, ids.LOBBY))
        return positions if at is None else positions._replace(of={**positions.of, ids.LOBBY: at})

    def _without_lobby(self, positions: Positions) -> Positions:
        return positions._replace(of={name: at for name, at in positions.of.items() if name != ids.LOBBY})

    def waiting(self) -> Any:
        at = self._positions
        return self._parts.watcher.waiting(self._user, self._device, at.of.keys(), at.version)

    def now(self) -> list[Event]:
        """What there is."""
        self._take_in()
        return self._events(self._standing(self._positions.of))

    def until(self, waiting: Waiting, deadline: float) -> list[Event]:
        """The same, waiting for the first until then."""
        concerned: Collection[str] = self._positions.of.keys()
        listed = True
        while True:
            if listed:
                changed = self._take_in()
                concerned = {*concerned, *changed}
                waiting.follow(waiting.conversations | changed, self._positions.version)
            standing = self._standing(concerned)
            found = self._events(standing)
            if found:
                return found
            ended = {name for name, how in standing.items() if not how.open}
            if ended:
                waiting.follow(waiting.conversations - ended, self._positions.version)
            news = waiting.next(deadline - time.monotonic())
            if news is None:
                return []
            concerned, listed = news

    def _take_in(self) -> set[str]:
        """Take in what is new in the user's list; the conversations that have changed there."""
        flow = event_positions.take_in(self._user, self._device, self._positions)
        self._positions, changed = self._parts.store.run(flow)
        return changed

    def _standing(self, conversations: Iterable[str]) -> dict[str, Standing]:
        at = {name: self._positions.of[name] for name in conversations if name in self._positions.of}
        return self._parts.store.run(event_positions.standing(self._user, at)) if at else {}

    def _events(self, standing: dict[str, Standing]) -> list[Event]:
        """Events of those that are behind, a fair part of each; which ones, when there are many, is left to chance."""
        behind = [name for name, how in standing.items() if how.behind]
        chosen = random.sample(behind, min(len(behind), MAX_CONVERSATIONS, self._limit))
        found: list[Event] = []
        size = 0
        for name in chosen:
            flow = event_positions.read(self._user, name, self._positions.of[name], max(1, self._limit // len(chosen)))
            read = self._parts.store.run(flow)
            if read is None:
                continue
            found += events_of(name, read)
            self.taken[name] = Position(read.page.end, read.page.incarnation)
            size += sum(len(data) for _, data in read.page.entries)
            if size >= MAX_ANSWER_BYTES:
                break
        return found


def events_of(conversation: str, read: Read) -> list[Event]:
    """The entries and gaps of a page in the order of their seqs."""
    found: list[tuple[int, Event]] = []
    for seq, data in read.page.entries:
        item = shape(codec.decode_entry(data))
        kind = MessageEvent if isinstance(item, Message) else ChangeEvent
        found.append((seq, kind(conversation=conversation, **dict(item))))
    found += [(each.first, GapEvent(conversation=conversation, **dict(gap(each)))) for each in read.page.gaps]
    events = [event for _, event in sorted(found, key=lambda pair: pair[0])]
    if read.rewound:
        events.insert(0, RewoundEvent(conversation=conversation, seq=read.start))
    return events


def token_of(taken: dict[str, Position]) -> str:
    """Positions as an opaque text. It needs no signature: it can move nothing but the positions of who gives it."""
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(taken).encode())).decode().rstrip("=")


def positions_of(token: str) -> dict[str, Position]:
    """The positions in a token.

    Raises:
        Problem: BAD_REQUEST.
    """
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        data = zlib.decompressobj().decompress(packed, MAX_TOKEN_BYTES)
        return {
            name: Position(_number(seq), _number(incarnation)) for name, (seq, incarnation) in json.loads(data).items()
        }
    except (binascii.Error, zlib.error, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Problem(Code.BAD_REQUEST, "ack: that is no token of an answer.", status=422) from error


def _number(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < ids.MAX_SEQ:
        raise ValueError(value)
    return value
