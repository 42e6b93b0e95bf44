"""Who is online now, and whether somebody is: as far as the directory lets the caller see."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from cim_common.store import presence, sessions
from cim_common.store.presence import Directory
from cim_common.wire.codes import Code
from cim_route.accounts import NamePath, User
from cim_route.auth import SECURITY, signed_in
from cim_route.parts import Parts
from cim_route.problems import Problem
from cim_route.writing import user_named


class OnlineQuery(BaseModel):
    after: str = Field("", description="names up to this one are left out: the last name of the page before")
    limit: int = Field(200, ge=1, le=1_000)


class Online(BaseModel):
    users: list[User] = Field(description="by name")
    total: int = Field(description="users online, on all pages")
    more: bool


class PresenceAnswer(BaseModel):
    online: bool
    last_seen: float | None = Field(
        None, description="Unix time in seconds; absent when online, never seen, or not told by that user"
    )


def blueprint(parts: Parts) -> APIBlueprint:
    """`/v1/online`, `/v1/users/NAME/presence`."""
    bp = APIBlueprint("presence", __name__, url_prefix="/v1", abp_tags=[Tag(name="presence")])

    @bp.get("/online", summary="Users connected now", security=SECURITY, responses={200: Online})
    def online(query: OnlineQuery) -> dict[str, Any]:
        login, _ = signed_in(parts)
        everyone = parts.store.run(sessions.online(_servers(parts)))
        if parts.directory is Directory.MEMBERS:
            seen = parts.store.run(presence.visible(login.account.id, [user for user, _ in everyone]))
            everyone = [user for user in everyone if user[0] in seen]
        rest = [User(user_id=str(user), name=name) for user, name in everyone if name > query.after]
        page = rest[: query.limit]
        return Online(users=page, total=len(everyone), more=len(rest) > len(page)).model_dump()

    @bp.get(
        "/users/<path:name>/presence",
        summary="Whether a user is here", security=SECURITY, responses={200: PresenceAnswer},
    )  # fmt: skip
    def of_user(path: NamePath) -> dict[str, Any]:
        login, _ = signed_in(parts)
        user = user_named(parts, path.name)
        found = parts.store.run(presence.of(login.account.id, user, _servers(parts), parts.directory))
        if found is None:
            raise Problem(Code.NO_SUCH_USER)
        seen = found.seen_ms / 1000 if found.seen_ms else None
        return PresenceAnswer(online=found.online, last_seen=seen).model_dump(exclude_none=True)

    return bp


def _servers(parts: Parts) -> list[str]:
    return [server.ref for server in parts.registry.servers()]
