"""Messages over HTTP: sent, edited, recalled and reacted to, the same way into the log as from an IM server."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from cim_common import ids
from cim_common.store.accounts import Account
from cim_common.store.budgets import SENDS
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Change
from cim_route.accounts import canonical
from cim_route.appending import Body, Refused, body_of
from cim_route.auth import SECURITY, admitted, admitted_to, bearer, bearer_of, signed_in
from cim_route.body import object_of
from cim_route.parts import Parts
from cim_route.problems import Problem
from cim_route.steps import Answer, Asked, InlineCall, Steps, answer
from cim_route.writing import (
    Key,
    KeyHeader,
    StoredChange,
    change,
    conversation_named,
    conversation_of,
    key_of,
    no_such_user,
    writing,
)


class NewMessage(BaseModel):
    to: str | None = Field(None, description="name of a user, lobby, or id of a conversation", examples=["bob"])
    conversation: str | None = Field(None, description="id of a conversation, instead of to")
    text: str = Field(description="at most 16 KiB of UTF-8")
    reply_to: int | None = Field(None, ge=1, lt=ids.MAX_SEQ, description="seq of the message it answers")


class StoredMessage(BaseModel):
    conversation: str
    seq: int
    message_id: str


class MessagePath(BaseModel):
    conversation: str = Field(description="lobby, an id, or @NAME for the direct conversation with a user")
    seq: int = Field(ge=1, lt=ids.MAX_SEQ)


class ReactionPath(MessagePath):
    emoji: str = Field(description="an emoji or a short word such as +1, at most 64 bytes")


class EditBody(BaseModel):
    text: str = Field(description="at most 16 KiB of UTF-8")


MESSAGE = "/conversations/<path:conversation>/messages/<int:seq>"


def blueprint(parts: Parts) -> APIBlueprint:
    """`/v1/messages`, and one message of a conversation."""
    bp = APIBlueprint("messages", __name__, url_prefix="/v1", abp_tags=[Tag(name="messages")])

    @bp.post("/messages", summary="Send a message", security=SECURITY, responses={201: StoredMessage})
    def send(header: KeyHeader, body: NewMessage) -> tuple[dict[str, Any], int]:
        return parts.run(_sending(parts, bearer(), body, key_of(header))).model_dump(), 201

    @bp.patch(MESSAGE, summary="Edit a message of one's own", security=SECURITY, responses={200: StoredChange})
    def edit(path: MessagePath, header: KeyHeader, body: EditBody) -> dict[str, Any]:
        return _concerning(parts, path, header, Kind.EDITED, text=body.text)

    @bp.delete(MESSAGE, summary="Recall a message", security=SECURITY, responses={200: StoredChange})
    def recall(path: MessagePath, header: KeyHeader) -> dict[str, Any]:
        return _concerning(parts, path, header, Kind.RECALLED)

    @bp.put(f"{MESSAGE}/reactions/<emoji>", summary="React", security=SECURITY, responses={200: StoredChange})
    def react(path: ReactionPath, header: KeyHeader) -> dict[str, Any]:
        return _concerning(parts, path, header, Kind.REACTION, text=path.emoji)

    @bp.delete(
        f"{MESSAGE}/reactions/<emoji>", summary="Take a reaction back", security=SECURITY, responses={200: StoredChange}
    )
    def take_back(path: ReactionPath, header: KeyHeader) -> dict[str, Any]:
        return _concerning(parts, path, header, Kind.REACTION, text=path.emoji, removed=True)

    return bp


def inline(parts: Parts) -> InlineCall:
    """`/v1/messages`."""

    def send(asked: Asked) -> Steps[Answer]:
        key = asked.headers.get("IDEMPOTENCY_KEY")
        header = KeyHeader.model_validate({} if key is None else {"Idempotency-Key": key})
        body = NewMessage.model_validate(object_of(asked.body))
        token = bearer_of(asked.headers.get("AUTHORIZATION"))
        return answer(201, (yield from _sending(parts, token, body, key_of(header))))

    return send


def _sending(parts: Parts, token: str | None, body: NewMessage, key: Key) -> Steps[StoredMessage]:
    sender, conversation = yield from _sender_and_receiver(parts, token, body)
    stored = yield from writing(sender, conversation, _text(body), key)
    message_id = key.message_id(sender.id, conversation)
    return StoredMessage(conversation=conversation, seq=stored.seq, message_id=message_id)


def _sender_and_receiver(parts: Parts, token: str | None, body: NewMessage) -> Steps[tuple[Account, str]]:
    """Who sends, and into which conversation."""
    if (body.to is None) == (body.conversation is None):
        raise Problem(Code.BAD_REQUEST, "A message goes either to a name or into a conversation.", status=422)
    to = body.conversation if body.to is None else body.to
    assert to is not None
    if body.to is None or to == ids.LOBBY or to.startswith("@") or ids.is_group(to) or ids.direct_users(to) is not None:
        login, _ = yield from admitted(parts, token, SENDS)
        return login.account, (yield from conversation_named(login.account.id, to))
    name = canonical(to)
    login, other = yield from admitted_to(parts, token, SENDS, name)
    if not other:
        raise no_such_user(name)
    return login.account, ids.direct(login.account.id, other)


def _text(body: NewMessage) -> Body:
    try:
        return body_of(body.text, body.reply_to or 0)
    except Refused as refused:
        raise Problem(refused.code) from refused


def _concerning(parts: Parts, path: MessagePath, header: KeyHeader, kind: Kind, **what: Any) -> dict[str, Any]:
    login, _ = signed_in(parts)
    conversation = conversation_of(parts, login.account.id, path.conversation)
    asked = Change(conversation, 0, 0, kind, ref=path.seq, **what)
    return change(parts, login.account, asked, key_of(header)).model_dump()
