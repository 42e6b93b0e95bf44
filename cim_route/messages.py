"""Sending over HTTP: the same way into the log as from an IM server."""

import secrets
from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from cim_common import ids
from cim_common.store import accounts
from cim_common.wire.codes import Code
from cim_route.acceptor import Refused, Stored
from cim_route.accounts import canonical
from cim_route.auth import SECURITY, signed_in
from cim_route.parts import Parts
from cim_route.problems import Problem

SEND_WITHIN_S = 8.0
OWN_TRIES = 2
"""With a key of our own we may ask again what became of a message: it cannot be stored twice."""


class NewMessage(BaseModel):
    to: str | None = Field(None, description="name of a user, or lobby", examples=["bob"])
    conversation: str | None = Field(None, description="id of a conversation, instead of to")
    text: str = Field(description="at most 16 KiB of UTF-8")


class SendHeader(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    idempotency_key: str | None = Field(
        None,
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,128}$",
        description="the same key with the same text is stored once, for 7 days",
    )


class StoredMessage(BaseModel):
    conversation: str
    seq: int
    message_id: str


def blueprint(parts: Parts) -> APIBlueprint:
    """`/v1/messages`."""
    bp = APIBlueprint("messages", __name__, url_prefix="/v1", abp_tags=[Tag(name="messages")])

    @bp.post("/messages", summary="Send a message", security=SECURITY, responses={201: StoredMessage})
    def send(header: SendHeader, body: NewMessage) -> tuple[dict[str, Any], int]:
        login, _ = signed_in(parts)
        sender = login.account
        conversation = _conversation(parts, sender.id, body)
        key = header.idempotency_key
        if key is not None:
            message_id = ids.http_message_id(sender.id, conversation, key)
            stored = _send(parts, sender, conversation, body.text, key, own_key=False)
        else:
            message_id = f"http:{secrets.token_hex(12)}"
            stored = _send(parts, sender, conversation, body.text, message_id, own_key=True)
        return StoredMessage(conversation=conversation, seq=stored.seq, message_id=message_id).model_dump(), 201

    return bp


def _conversation(parts: Parts, sender: int, body: NewMessage) -> str:
    if (body.to is None) == (body.conversation is None):
        raise Problem(Code.BAD_REQUEST, "A message goes either to a name or into a conversation.", status=422)
    if body.conversation is not None:
        return body.conversation
    assert body.to is not None
    if body.to == ids.LOBBY:
        return ids.LOBBY
    receiver = parts.store.run(accounts.by_name(canonical(body.to)))
    if receiver is None:
        raise Problem(Code.NO_SUCH_USER)
    return ids.direct(sender, receiver.id)


def _send(
    parts: Parts, sender: accounts.Account, conversation: str, text: str, message_key: str, *, own_key: bool
) -> Stored:
    tries = OWN_TRIES if own_key else 1
    while True:
        try:
            return parts.acceptor.send(
                sender.id, sender.name, conversation, text,
                message_key=message_key, own_key=own_key, timeout_s=SEND_WITHIN_S / tries,
            )  # fmt: skip
        except Refused as refused:
            tries -= 1
            if refused.code != Code.OUTCOME_UNKNOWN or tries <= 0:
                raise Problem(refused.code, after_s=refused.after_s) from refused
