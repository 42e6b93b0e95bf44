"""Who is online now."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from cim_common.store import sessions
from cim_route.accounts import User
from cim_route.auth import SECURITY, signed_in
from cim_route.parts import Parts


class OnlineQuery(BaseModel):
    after: str = Field("", description="names up to this one are left out: the last name of the page before")
    limit: int = Field(200, ge=1, le=1_000)


class Online(BaseModel):
    users: list[User] = Field(description="by name")
    total: int = Field(description="users online, on all pages")
    more: bool


def blueprint(parts: Parts) -> APIBlueprint:
    """`/v1/online`."""
    bp = APIBlueprint("presence", __name__, url_prefix="/v1", abp_tags=[Tag(name="presence")])

    @bp.get("/online", summary="Users connected now", security=SECURITY, responses={200: Online})
    def online(query: OnlineQuery) -> dict[str, Any]:
        signed_in(parts)
        servers = [server.ref for server in parts.registry.servers()]
        everyone = parts.store.run(sessions.online(servers))
        rest = [User(user_id=str(user), name=name) for user, name in everyone if name > query.after]
        page = rest[: query.limit]
        return Online(users=page, total=len(everyone), more=len(rest) > len(page)).model_dump()

    return bp
