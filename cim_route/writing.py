"""What all calls that write into a log have in common: the conversation they name, their key, and trying again."""

import secrets
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from cim_common import changes, ids
from cim_common.store import accounts, conversations
from cim_common.store.accounts import Account
from cim_common.store.flow import Flow
from cim_common.wire.codes import Code
from cim_common.wire.messages import Change
from cim_route.accounts import canonical
from cim_route.appending import Appending, Body, Refused, Stored
from cim_route.parts import Parts
from cim_route.problems import Problem
from cim_route.steps import Steps

WITHIN_S = 8.0
OWN_TRIES = 2
"""With a key of our own we may ask again what became of an entry: it cannot be stored twice."""

KEY_REUSED = "That Idempotency-Key was used with other content."


class KeyHeader(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    @classmethod
    @cache
    def model_json_schema(cls, *args: Any, **settings: Any) -> dict[str, Any]:  # type: ignore[override]
        """Made once: flask-openapi3 asks for it at every request, and it takes longer than the rest of a send."""
        return super().model_json_schema(*args, **settings)

    idempotency_key: str | None = Field(
        None,
        alias="Idempotency-Key",
        pattern=f"^{ids.IDEMPOTENCY_KEY}$",
        description="the same key with the same content is stored once, for 7 days",
    )


class StoredChange(BaseModel):
    conversation: str
    seq: int = Field(description="of the entry that says so in the log")


class Key(NamedTuple):
    """What makes an append idempotent: the caller's Idempotency-Key, or one made for our own tries."""

    text: str
    own: bool

    def message_id(self, user: int, conversation: str) -> str:
        return self.text if self.own else ids.http_message_id(user, conversation, self.text)


def key_of(header: KeyHeader) -> Key:
    if header.idempotency_key is None:
        return Key(f"http:{secrets.token_hex(12)}", True)
    return Key(header.idempotency_key, False)


def conversation_of(parts: Parts, user: int, text: str) -> str:
    """The conversation that a path names: `lobby`, an id, or `@NAME` for the direct one with that user.

    Raises:
        Problem: NO_SUCH_CONVERSATION, NO_SUCH_USER, BAD_NAME.
    """
    return parts.store.run(conversation_named(user, text))


def conversation_named(user: int, text: str) -> Flow[str]:
    """The same as a flow."""
    if text.startswith("@"):
        (other,) = yield from ids_named([text[1:]])
        return ids.direct(user, other)
    if not conversations.may_take_part(text, user):
        raise Problem(Code.NO_SUCH_CONVERSATION)
    return text


def user_named(parts: Parts, name: str) -> int:
    """The id of the user of that name.

    Raises:
        Problem: NO_SUCH_USER, BAD_NAME.
    """
    (user,) = users_named(parts, [name])
    return user


def users_named(parts: Parts, names: Sequence[str]) -> list[int]:
    """The same for several; the first unknown one is told."""
    return parts.store.run(ids_named(names))


def ids_named(names: Sequence[str]) -> Flow[list[int]]:
    """The same as a flow."""
    wanted = [canonical(name) for name in names]
    users = yield from accounts.ids_of(wanted)
    for name, user in zip(wanted, users, strict=True):
        if not user:
            raise no_such_user(name)
    return users


def no_such_user(name: str) -> Problem:
    return Problem(Code.NO_SUCH_USER, f"There is no user named {name}.")


def change(parts: Parts, sender: Account, asked: Change, key: Key) -> StoredChange:
    """Append a change; whether the sender may is for the script to say (I2).

    Raises:
        Problem: with the reason.
    """
    asked = changes.completed(asked)
    code = changes.refusal(asked)
    if code is not None:
        raise Problem(code, status=422 if code is Code.BAD_REQUEST else None)
    names = parts.store.run(accounts.names(asked.targets))
    if not all(names):
        raise Problem(Code.NO_SUCH_USER)
    body = Body(changes.content_of(asked, names), changes.op_of(asked), asked.kind)
    stored = write(parts, sender, asked.conversation, body, key)
    return StoredChange(conversation=asked.conversation, seq=stored.seq)


def write(parts: Parts, sender: Account, conversation: str, body: Body, key: Key) -> Stored:
    """Append an entry of any kind.

    Raises:
        Problem: with the reason.
    """
    return parts.run(writing(sender, conversation, body, key))


def writing(sender: Account, conversation: str, body: Body, key: Key) -> Steps[Stored]:
    """The steps of `write`."""
    tries = OWN_TRIES if key.own else 1
    while True:
        try:
            stored: Stored = yield Appending(
                sender.id,
                sender.name,
                conversation,
                body,
                key.text,
                key.own,
                sender.unmetered,
                timeout_s=WITHIN_S / tries,
            )
            return stored
        except Refused as refused:
            tries -= 1
            if refused.code != Code.OUTCOME_UNKNOWN or tries <= 0:
                detail = KEY_REUSED if refused.code == Code.ID_REUSED else ""
                raise Problem(refused.code, detail, after_s=refused.after_s) from refused
