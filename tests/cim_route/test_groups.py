"""Groups through the HTTP API, on a real log."""

import pytest

from cim_common import ids
from cim_common.wire.codes import Code
from tests.cim_route.conftest import Program


@pytest.fixture
def group(people: list[Program]) -> str:
    """The path of alice's group with bob."""
    made = people[0].done("POST", "/groups", {"name": "ops", "topic": "what breaks", "members": ["Bob", "alice"]})
    assert made["seq"] == 1
    return f"/groups/{made['conversation']}"


def members(program: Program, group: str) -> dict[str, str]:
    return {member["name"]: member["role"] for member in program.done("GET", f"{group}/members")["members"]}


def test_a_group_as_its_members_see_it(people: list[Program], group: str) -> None:
    _, bob, carol, _ = people
    assert bob.done("GET", group) == {
        "conversation": group.removeprefix("/groups/"), "name": "ops", "topic": "what breaks", "role": "member",
        "members": 2, "dissolved": False,
    }  # fmt: skip
    assert members(bob, group) == {"alice": "owner", "bob": "member"}
    for path in (group, f"{group}/members"):
        assert carol.refused("GET", path) == Code.NOT_A_MEMBER
    for path in ("/groups/g-0123456789abcdef0123", "/groups/lobby", "/groups/x/members"):
        assert carol.refused("GET", path) == Code.NO_SUCH_CONVERSATION


def test_a_key_makes_one_group_however_often_it_is_tried(people: list[Program]) -> None:
    alice, bob, _, _ = people
    body = {"name": "ops", "members": ["bob"]}
    first = alice.done("POST", "/groups", body, key="k1")
    assert alice.done("POST", "/groups", body, key="k1") == first
    assert alice.refused("POST", "/groups", {"name": "other"}, key="k1") == Code.ID_REUSED
    others = [alice.done("POST", "/groups", body, key="k2"), bob.done("POST", "/groups", body, key="k1")]
    others += [alice.done("POST", "/groups", body) for _ in range(2)]
    made = {first["conversation"], *[other["conversation"] for other in others]}
    assert len(made) == 5
    assert all(ids.is_group(conversation) for conversation in made)


def test_pages_of_members(people: list[Program], group: str) -> None:
    alice = people[0]
    alice.done("POST", f"{group}/members", {"names": ["carol", "dave"]})
    seen, after, more = [], "0", True
    while more:
        page = alice.done("GET", f"{group}/members?after={after}&limit=3")
        seen += [member["name"] for member in page["members"]]
        after, more = page["members"][-1]["user_id"], page["more"]
    assert sorted(seen) == ["alice", "bob", "carol", "dave"]


def test_invite_kick_leave_and_ban(people: list[Program], group: str) -> None:
    alice, bob, carol, dave = people
    assert carol.refused("POST", f"{group}/members", {"names": ["carol"]}) == Code.NOT_A_MEMBER
    assert bob.done("POST", f"{group}/members", {"names": ["carol", "dave"]}, key="k")["seq"] == 2
    assert bob.done("POST", f"{group}/members", {"names": ["carol", "dave"]}, key="k")["seq"] == 2
    assert bob.refused("POST", f"{group}/members", {"names": ["carol"]}) == Code.ALREADY_A_MEMBER
    assert bob.refused("DELETE", f"{group}/members/carol") == Code.FORBIDDEN
    assert alice.done("DELETE", f"{group}/members/carol")["seq"] == 3
    assert alice.refused("DELETE", f"{group}/members/carol") == Code.THEY_ARE_NOT_MEMBERS
    assert dave.done("DELETE", f"{group}/members/dave")["seq"] == 4
    assert dave.refused("POST", "/messages", {"to": group.removeprefix("/groups/"), "text": "x"}) == Code.NOT_A_MEMBER
    assert alice.done("POST", f"{group}/bans", {"name": "dave"})["seq"] == 5
    assert bob.refused("POST", f"{group}/members", {"names": ["dave"]}) == Code.BANNED
    assert bob.refused("DELETE", f"{group}/bans/dave") == Code.FORBIDDEN
    assert alice.done("DELETE", f"{group}/bans/dave")["seq"] == 6
    assert bob.done("POST", f"{group}/members", {"names": ["dave"]})["seq"] == 7
    assert members(dave, group) == {"alice": "owner", "bob": "member", "dave": "member"}


def test_roles_and_names(people: list[Program], group: str) -> None:
    alice, bob, _, _ = people
    assert bob.refused("PATCH", group, {"name": "mine"}) == Code.FORBIDDEN
    alice.done("PUT", f"{group}/members/bob", {"role": "admin"})
    bob.done("PATCH", group, {"name": "night shift"})
    bob.done("PATCH", group, {"topic": ""})
    assert (bob.done("GET", group)["name"], bob.done("GET", group)["topic"]) == ("night shift", "")
    assert bob.refused("PATCH", group, {"name": "x" * 65}) == Code.NAME_TOO_LONG
    alice.done("PUT", f"{group}/members/bob", {"role": "owner"})
    assert members(bob, group) == {"alice": "admin", "bob": "owner"}
    assert alice.refused("DELETE", group) == Code.FORBIDDEN
    bob.done("DELETE", group)
    assert bob.done("GET", group)["dissolved"]
    status, answer = bob.call("POST", "/messages", {"to": group.removeprefix("/groups/"), "text": "x"})
    assert (status, answer["code"]) == (410, Code.DISSOLVED)


def test_what_cannot_be_asked(people: list[Program], group: str) -> None:
    alice = people[0]
    for method, path, body, code in (
        ("POST", "/groups", {}, 1000),
        ("POST", "/groups", {"name": " "}, 1024),
        ("POST", "/groups", {"name": "x", "topic": "x" * 257}, 1024),
        ("POST", "/groups", {"name": "x", "history": "some"}, 1000),
        ("POST", "/groups", {"name": "x", "members": ["nobody"]}, 1004),
        ("POST", "/groups", {"name": "x", "members": ["4"]}, 1009),
        ("POST", f"{group}/members", {"names": []}, 1000),
        ("POST", f"{group}/members", {"names": ["nobody"]}, 1004),
        ("PUT", f"{group}/members/bob", {"role": "king"}, 1000),
        ("DELETE", f"{group}/members/nobody", None, 1004),
        ("DELETE", "/groups/x", None, 1003),
        ("DELETE", "/groups/g-0123456789abcdef0123", None, 1003),
    ):
        assert alice.refused(method, path, body) == code, (method, path, body)
