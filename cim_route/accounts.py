"""Registering, and looking accounts up."""

import time
from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from cim_common import names
from cim_common.names import BadName
from cim_common.store import accounts, presence
from cim_common.store.presence import Directory
from cim_common.wire.codes import Code
from cim_route.auth import SECURITY, signed_in
from cim_route.parts import Parts
from cim_route.problems import Problem

MAX_LOOKED_THROUGH = 2_000
"""Names that begin as asked for and are looked through for those the caller may see (`--directory members`)."""


class Registration(BaseModel):
    name: str = Field(examples=["alice"])
    password: str = Field(description="8 to 128 characters")
    display_name: str | None = Field(None, description="what others are shown; the name when absent")


class User(BaseModel):
    user_id: str = Field(description="decimal digits")
    name: str


class ListedUser(User):
    display_name: str


class Users(BaseModel):
    users: list[ListedUser]


class UsersQuery(BaseModel):
    prefix: str = Field("", description="beginning of the name; case does not matter")
    limit: int = Field(20, ge=1, le=accounts.MAX_LISTED)


class NamePath(BaseModel):
    name: str


class NameState(BaseModel):
    name: str = Field(description="in canonical form")
    taken: bool


def canonical(name: str) -> str:
    """The canonical form of a name in a request.

    Raises:
        Problem: BAD_NAME.
    """
    try:
        return names.canonical(name)
    except BadName as error:
        raise Problem(Code.BAD_NAME, str(error)) from error


def display_of(wish: str | None, name: str, typed: str) -> str:
    """The display name: the wish, which has to be usable, else the name as typed, else as stored."""
    try:
        return names.display_name(typed if wish is None else wish)
    except BadName as error:
        if wish is not None:
            raise Problem(Code.BAD_NAME, str(error)) from error
        return name


def _acquaintances(parts: Parts, viewer: int, prefix: str, limit: int) -> list[accounts.Listed]:
    """Accounts whose name begins so and which the viewer may see, among the first `MAX_LOOKED_THROUGH`."""
    found: list[accounts.Listed] = []
    after = ""
    for _ in range(MAX_LOOKED_THROUGH // accounts.MAX_LISTED):
        page = parts.store.run(accounts.by_prefix(prefix, accounts.MAX_LISTED, after))
        seen = parts.store.run(presence.visible(viewer, [user.id for user in page]))
        found += [user for user in page if user.id in seen]
        if not page or len(found) >= limit:
            break
        after = page[-1].name
    return found[:limit]


def blueprint(parts: Parts) -> APIBlueprint:
    """`/v1/register`, `/v1/users`, `/v1/names`."""
    bp = APIBlueprint("accounts", __name__, url_prefix="/v1", abp_tags=[Tag(name="accounts")])

    @bp.post("/register", summary="Make an account", responses={201: User})
    def register(body: Registration) -> tuple[dict[str, Any], int]:
        name = canonical(body.name)
        display = display_of(body.display_name, name, body.name)
        if parts.store.run(accounts.by_name(name)) is not None:
            raise Problem(Code.NAME_TAKEN)
        password_hash = parts.passwords.hash(body.password)
        flow = accounts.create(name, display, password_hash, False, time.time_ns() // 1_000_000)
        account = parts.store.run(flow)
        if account is None:
            raise Problem(Code.NAME_TAKEN)
        return User(user_id=str(account.id), name=account.name).model_dump(), 201

    @bp.get("/users", summary="Accounts whose name begins so", security=SECURITY, responses={200: Users})
    def users(query: UsersQuery) -> dict[str, Any]:
        login, _ = signed_in(parts)
        try:
            prefix = names.canonical_prefix(query.prefix)
        except BadName:
            return Users(users=[]).model_dump()
        if parts.directory is Directory.OPEN:
            found = parts.store.run(accounts.by_prefix(prefix, query.limit))
        else:
            found = _acquaintances(parts, login.account.id, prefix, query.limit)
        listed = [ListedUser(user_id=str(user), name=name, display_name=display) for user, name, display in found]
        return Users(users=listed).model_dump()

    @bp.get("/names/<path:name>", summary="Whether a name is taken", responses={200: NameState})
    def name_state(path: NamePath) -> dict[str, Any]:
        name = canonical(path.name)
        taken = parts.store.run(accounts.by_name(name)) is not None
        return NameState(name=name, taken=taken).model_dump()

    return bp
