"""Groups over HTTP: made, looked at, and changed through entries of their logs (I19)."""

from collections.abc import Sequence
from typing import Any, Literal

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from cim_common import ids
from cim_common.store import conversations, members
from cim_common.store.accounts import Account
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.limits import MAX_GROUP_NAME, MAX_MEMBER_PAGE, MAX_TARGETS, MAX_TOPIC
from cim_common.wire.messages import Change, Conversation
from cim_route.auth import SECURITY, signed_in
from cim_route.parts import Parts
from cim_route.problems import Problem
from cim_route.writing import KeyHeader, StoredChange, change, key_of, user_named, users_named

TAKING_PART = frozenset(("owner", "admin", "member"))


class NewGroup(BaseModel):
    name: str = Field(description=f"1 to {MAX_GROUP_NAME} characters", examples=["ops"])
    topic: str = Field("", description=f"at most {MAX_TOPIC} characters")
    members: list[str] = Field([], max_length=MAX_TARGETS, description="names of the first members, beside oneself")
    history: Literal["all", "join"] = Field("join", description="what members may read: all, or since they joined")
    invite: Literal["members", "admins"] = Field("members", description="who may invite")


class GroupPath(BaseModel):
    group: str = Field(description="the group's id")


class MemberPath(GroupPath):
    name: str = Field(description="a user's name")


class Names(BaseModel):
    names: list[str] = Field(min_length=1, max_length=MAX_TARGETS)


class OneName(BaseModel):
    name: str


class NewRole(BaseModel):
    role: Literal["owner", "admin", "member"] = Field(description="a new owner makes the old one an admin")


class GroupPatch(BaseModel):
    name: str | None = None
    topic: str | None = None


class Group(BaseModel):
    conversation: str
    name: str
    topic: str
    role: str = Field(description="one's own")
    members: int
    dissolved: bool


class MembersQuery(BaseModel):
    after: int = Field(0, ge=0, lt=ids.MAX_USER_ID, description="members up to this user id are left out")
    limit: int = Field(200, ge=1, le=MAX_MEMBER_PAGE)


class GroupMember(BaseModel):
    user_id: str
    name: str
    role: str
    read: int = Field(description="seq up to which that member has read; 0: nothing, or not told")


class Members(BaseModel):
    members: list[GroupMember] = Field(description="by user id")
    more: bool


def blueprint(parts: Parts) -> APIBlueprint:
    """`/v1/groups`."""
    bp = APIBlueprint("groups", __name__, url_prefix="/v1", abp_tags=[Tag(name="groups")])
    answers: Any = {"security": SECURITY, "responses": {200: StoredChange}}

    @bp.post("/groups", summary="Make a group", security=SECURITY, responses={201: StoredChange})
    def create(header: KeyHeader, body: NewGroup) -> tuple[dict[str, Any], int]:
        login, _ = signed_in(parts)
        me, key = login.account, key_of(header)
        targets = tuple(user for user in users_named(parts, body.members) if user != me.id)
        asked = Change(
            ids.group_of_key(me.id, key.text), 0, 0, Kind.CREATED, body.name, targets=targets, topic=body.topic,
            history=body.history, invite=body.invite,
        )  # fmt: skip
        return change(parts, me, asked, key).model_dump(), 201

    @bp.get("/groups/<group>", summary="A group one is in", security=SECURITY, responses={200: Group})
    def show(path: GroupPath) -> dict[str, Any]:
        login, _ = signed_in(parts)
        found = _group(parts, path, login.account.id)
        return Group(
            conversation=found.id, name=found.title, topic=found.topic, role=found.role, members=found.members,
            dissolved=found.dissolved,
        ).model_dump()  # fmt: skip

    @bp.patch("/groups/<group>", summary="Rename a group, or give it another topic", **answers)
    def rename(path: GroupPath, header: KeyHeader, body: GroupPatch) -> dict[str, Any]:
        me = signed_in(parts)[0].account
        now = _group(parts, path, me.id)
        name = now.title if body.name is None else body.name
        topic = now.topic if body.topic is None else body.topic
        return _changed(parts, me, path, header, Kind.RENAMED, text=name, topic=topic)

    @bp.delete("/groups/<group>", summary="Dissolve a group", **answers)
    def dissolve(path: GroupPath, header: KeyHeader) -> dict[str, Any]:
        return _changed(parts, signed_in(parts)[0].account, path, header, Kind.DISSOLVED)

    _add_members(bp, parts, answers)
    return bp


def _add_members(bp: APIBlueprint, parts: Parts, answers: Any) -> None:
    @bp.get("/groups/<group>/members", summary="Who is in a group", security=SECURITY, responses={200: Members})
    def listed(path: GroupPath, query: MembersQuery) -> dict[str, Any]:
        login, _ = signed_in(parts)
        _group(parts, path, login.account.id)
        found, more = parts.store.run(members.page(path.group, query.after, query.limit, True))
        rows = [GroupMember(user_id=str(m.user), name=m.name, role=m.role, read=m.read) for m in found]
        return Members(members=rows, more=more).model_dump()

    @bp.post("/groups/<group>/members", summary="Invite users", **answers)
    def invite(path: GroupPath, header: KeyHeader, body: Names) -> dict[str, Any]:
        return _changed(parts, signed_in(parts)[0].account, path, header, Kind.JOINED, body.names)

    @bp.put("/groups/<group>/members/<path:name>", summary="Give a member another role", **answers)
    def role(path: MemberPath, header: KeyHeader, body: NewRole) -> dict[str, Any]:
        return _changed(parts, signed_in(parts)[0].account, path, header, Kind.ROLE, [path.name], role=body.role)

    @bp.delete("/groups/<group>/members/<path:name>", summary="Leave, or kick somebody else", **answers)
    def remove(path: MemberPath, header: KeyHeader) -> dict[str, Any]:
        me = signed_in(parts)[0].account
        if user_named(parts, path.name) == me.id:
            return _changed(parts, me, path, header, Kind.LEFT)
        return _changed(parts, me, path, header, Kind.KICKED, [path.name])

    @bp.post("/groups/<group>/bans", summary="Ban a user", **answers)
    def ban(path: GroupPath, header: KeyHeader, body: OneName) -> dict[str, Any]:
        return _changed(parts, signed_in(parts)[0].account, path, header, Kind.BANNED, [body.name])

    @bp.delete("/groups/<group>/bans/<path:name>", summary="Lift a ban", **answers)
    def unban(path: MemberPath, header: KeyHeader) -> dict[str, Any]:
        return _changed(parts, signed_in(parts)[0].account, path, header, Kind.UNBANNED, [path.name])


def _changed(
    parts: Parts,
    sender: Account,
    path: GroupPath,
    header: KeyHeader,
    kind: Kind,
    names: Sequence[str] = (),
    **what: Any,
) -> dict[str, Any]:
    _check_id(path.group)
    targets = tuple(users_named(parts, names))
    asked = Change(path.group, 0, 0, kind, targets=targets, **what)
    return change(parts, sender, asked, key_of(header)).model_dump()


def _check_id(group: str) -> None:
    if not ids.is_group(group):
        raise Problem(Code.NO_SUCH_CONVERSATION)


def _group(parts: Parts, path: GroupPath, user: int) -> Conversation:
    """The group as one who takes part in it sees it.

    Raises:
        Problem: NO_SUCH_CONVERSATION, NOT_A_MEMBER.
    """
    _check_id(path.group)
    found = parts.store.run(conversations.one(user, path.group))
    if found is None:
        raise Problem(Code.NO_SUCH_CONVERSATION)
    if found.role not in TAKING_PART:
        raise Problem(Code.NOT_A_MEMBER)
    return found
