"""Conversations as a user has them: the list, what stands in one, and up to where it was read."""

from datetime import UTC, datetime
from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field, field_validator

from cim_common import ids
from cim_common.store import conversations, marks, pages, whispers
from cim_common.store.pages import LogPage, NotReadable
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.limits import MAX_PAGE_ENTRIES
from cim_common.wire.messages import Conversation, Pull
from cim_route.auth import SECURITY, signed_in
from cim_route.entries import ChangeEntry, Gap, Message, gap, shape
from cim_route.parts import Parts
from cim_route.problems import Problem
from cim_route.writing import conversation_of

LATEST_S = 2.0**40
"""No message is newer: times above would not fit into the protocol's milliseconds."""


class ConversationPath(BaseModel):
    conversation: str = Field(description="lobby, an id, or @NAME for the direct conversation with a user")


class HistoryQuery(BaseModel):
    before: int | None = Field(None, ge=1, lt=ids.MAX_SEQ, description="the newest ones below this seq, newest first")
    after: int | None = Field(None, ge=0, lt=ids.MAX_SEQ, description="those above this seq, oldest first")
    at: float | None = Field(None, description="from this time on, oldest first: Unix seconds or RFC 3339")
    limit: int = Field(50, ge=1, le=MAX_PAGE_ENTRIES)

    @field_validator("at", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        try:
            seconds = float(value)
        except ValueError:
            moment = datetime.fromisoformat(str(value).replace(" ", "+"))  # a + that was not escaped
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        if not 0 <= seconds < LATEST_S:
            raise ValueError("that is no time of a message")
        return seconds


class Next(BaseModel):
    """What to ask with for the next page."""

    before: int | None = None
    after: int | None = None


class History(BaseModel):
    messages: list[Message] = Field(description="as they are now: edited, recalled, with reactions")
    changes: list[ChangeEntry] = Field(description="what else stands in the log there, in the same order")
    gaps: list[Gap] = Field(description="what is not there any more, or not for this user to read")
    head: int = Field(description="seq of the newest entry")
    next: Next | None = Field(None, description="absent when there is no more")


class ListQuery(BaseModel):
    since: int = Field(0, ge=0, lt=ids.MAX_SEQ, description="version of the answer before")


class Listed(BaseModel):
    id: str
    version: int
    title: str = Field(description="name of the other user or of the group")
    topic: str
    role: str = Field(description="owner, admin, member, blocked, left or banned")
    peer_id: str | None = Field(None, description="the other user of a direct conversation")
    head: int
    read: int = Field(description="seq up to which it was read")
    unread: int = Field(description="messages of others above that")
    members: int
    active: float = Field(description="Unix time of the last entry, in seconds")
    dissolved: bool
    pinned: bool
    muted: bool


class Conversations(BaseModel):
    conversations: list[Listed] = Field(description="by version; the lobby leads the first page")
    version: int = Field(description="to ask with next")
    more: bool


class ReadBody(BaseModel):
    seq: int = Field(ge=1, lt=ids.MAX_SEQ)


class ReadMark(BaseModel):
    seq: int = Field(description="the mark now: it only moves forward, and not past the newest entry")


def blueprint(parts: Parts) -> APIBlueprint:
    """`/v1/conversations`."""
    bp = APIBlueprint("history", __name__, url_prefix="/v1", abp_tags=[Tag(name="conversations")])

    @bp.get(
        "/conversations", summary="One's conversations by version", security=SECURITY, responses={200: Conversations}
    )
    def listed(query: ListQuery) -> dict[str, Any]:
        login, device = signed_in(parts)
        found, version, more = parts.store.run(conversations.list_since(login.account.id, device, query.since))
        rows = [_listed(conversation) for conversation in found]
        answer = Conversations(conversations=rows, version=version, more=more)
        return answer.model_dump(exclude_none=True)

    @bp.get(
        "/conversations/<path:conversation>/messages",
        summary="What stands in a conversation", security=SECURITY, responses={200: History},
    )  # fmt: skip
    def history(path: ConversationPath, query: HistoryQuery) -> dict[str, Any]:
        login, _ = signed_in(parts)
        user = login.account.id
        conversation = conversation_of(parts, user, path.conversation)
        pull = _pull(conversation, query)
        return _history(pull, _page(parts, pull, user)).model_dump(exclude_none=True)

    @bp.put(
        "/conversations/<path:conversation>/read",
        summary="Say how far one has read", security=SECURITY, responses={200: ReadMark},
    )  # fmt: skip
    def read(path: ConversationPath, body: ReadBody) -> dict[str, Any]:
        login, _ = signed_in(parts)
        user = login.account.id
        conversation = conversation_of(parts, user, path.conversation)
        mark = parts.store.run(marks.move(user, conversation, body.seq))
        if mark is None:
            raise Problem(Code.NOT_A_MEMBER)
        if mark:
            parts.store.run(whispers.tell_read(user, login.account.name, conversation, mark))
        return ReadMark(seq=mark).model_dump()

    return bp


def _listed(found: Conversation) -> Listed:
    return Listed(
        id=found.id, version=found.version, title=found.title or found.id, topic=found.topic, role=found.role,
        peer_id=str(found.peer) if found.peer else None, head=found.head, read=found.read, unread=found.unread,
        members=found.members, active=found.active_ms / 1000, dissolved=found.dissolved, pinned=found.pinned,
        muted=found.muted,
    )  # fmt: skip


def _pull(conversation: str, query: HistoryQuery) -> Pull:
    forward = query.after is not None or query.at is not None
    if forward and query.before is not None:
        raise Problem(Code.BAD_REQUEST, "A page goes backwards (before) or forwards (after, at), not both.", status=422)
    time_ms = 0 if query.at is None else round(query.at * 1000)
    return Pull(0, conversation, query.before or 0, query.limit, query.after or 0, time_ms, forward, True)


def _page(parts: Parts, pull: Pull, user: int) -> LogPage:
    page = parts.store.run(pages.asked_for(pull, user))
    if isinstance(page, NotReadable):
        raise Problem(page.code)
    if page is not None:
        return page
    if ids.is_group(pull.conversation):
        raise Problem(Code.NO_SUCH_CONVERSATION)
    return LogPage(0, 0, 1, 0, False, "member", [], ())  # two users who have not written to each other yet


def _history(pull: Pull, page: LogPage) -> History:
    shapes = [shape(codec.decode_entry(data)) for _, data in page.entries]
    following = Next(after=page.end) if pull.forward else Next(before=page.end)
    return History(
        messages=[item for item in shapes if isinstance(item, Message)],
        changes=[item for item in shapes if isinstance(item, ChangeEntry)],
        gaps=[gap(found) for found in page.gaps],
        head=page.head,
        next=following if page.more else None,
    )
