"""Conversations and their history through the HTTP API, on a real log."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from cim_common import ids
from cim_common.wire.codes import Code
from tests.cim_route.conftest import Program


def seqs(page: Any) -> list[int]:
    return [message["seq"] for message in page["messages"]]


@pytest.fixture
def talk(people: list[Program]) -> str:
    """alice has written nine messages to bob; the path of his end."""
    for n in range(1, 10):
        people[0].done("POST", "/messages", {"to": "bob", "text": f"text {n}"})
    return "/conversations/@alice/messages"


def test_pages_backwards_and_forwards(people: list[Program], talk: str) -> None:
    bob = people[1]
    newest = bob.done("GET", f"{talk}?limit=4")
    assert (seqs(newest), newest["next"], newest["head"]) == ([9, 8, 7, 6], {"before": 6}, 9)
    assert seqs(bob.done("GET", f"{talk}?limit=4&before=6")) == [5, 4, 3, 2]
    last = bob.done("GET", f"{talk}?limit=4&before=2")
    assert (seqs(last), "next" in last) == ([1], False)
    forwards = bob.done("GET", f"{talk}?limit=4&after=2")
    assert (seqs(forwards), forwards["next"]) == ([3, 4, 5, 6], {"after": 6})
    assert seqs(bob.done("GET", f"{talk}?after=0&limit=2")) == [1, 2]
    assert seqs(bob.done("GET", f"{talk}?after=9")) == []


def test_by_time(people: list[Program], talk: str) -> None:
    bob = people[1]
    messages = bob.done("GET", f"{talk}?after=0")["messages"]
    fifth = messages[4]["time"]
    expected = [message["seq"] for message in messages if message["time"] >= fifth]
    moment = datetime.fromtimestamp(fifth, UTC)
    east = moment.astimezone(tz=None)
    for at in (fifth, quote(moment.isoformat()), quote(east.isoformat()), moment.isoformat().replace("+00:00", "Z")):
        assert seqs(bob.done("GET", f"{talk}?at={at}")) == expected
    assert seqs(bob.done("GET", f"{talk}?at={quote((moment + timedelta(hours=1)).isoformat())}")) == []
    assert len(seqs(bob.done("GET", f"{talk}?at=0"))) == 9


def test_the_present_state_and_the_trail(people: list[Program], talk: str) -> None:
    alice, bob, _, _ = people
    mine = "/conversations/@bob/messages"
    alice.done("PATCH", f"{mine}/1", {"text": "better"})
    bob.done("PUT", f"{talk}/1/reactions/+1")
    alice.done("DELETE", f"{mine}/2")
    alice.done("POST", "/messages", {"to": "bob", "text": "an answer", "reply_to": 3}, key="k")
    page = bob.done("GET", f"{talk}?after=0")
    first, second, third = page["messages"][:3]
    assert (first["text"], first["edited"], first["sender"]) == ("better", 10, "alice")
    assert first["reactions"] == [{"emoji": "+1", "users": 1, "mine": True}]
    assert (second["text"], second["recalled"]) == ("", True)
    assert set(third) == {"seq", "kind", "sender", "sender_id", "text", "time", "message_id"}
    assert page["messages"][-1]["reply_to"] == 3
    assert page["messages"][-1]["message_id"] == ids.http_message_id(alice.user, ids.direct(alice.user, bob.user), "k")
    assert [(change["seq"], change["kind"], change["ref"]) for change in page["changes"]] == [
        (10, "edited", 1), (11, "reaction", 1), (12, "recalled", 2),
    ]  # fmt: skip


def test_only_what_one_may_read(people: list[Program], talk: str) -> None:
    alice, bob, carol, _ = people
    made = alice.done("POST", "/groups", {"name": "ops", "members": ["bob"]})
    group = made["conversation"]
    path = f"/conversations/{group}/messages"
    alice.done("POST", "/messages", {"to": group, "text": "before carol"})
    assert carol.refused("GET", path) == Code.NOT_A_MEMBER
    alice.done("POST", f"/groups/{group}/members", {"names": ["carol"]})
    alice.done("POST", "/messages", {"to": group, "text": "hello carol"})
    page = carol.done("GET", f"{path}?after=0")
    assert page["gaps"] == [{"first": 1, "last": 2, "reason": "NOT_A_MEMBER"}]
    assert (seqs(page), [change["kind"] for change in page["changes"]]) == ([4], ["joined"])
    assert page["changes"][0]["targets"] == [{"user_id": str(carol.user), "name": "carol"}]
    direct = ids.direct(alice.user, bob.user)
    assert carol.refused("GET", f"/conversations/{direct}/messages") == Code.NO_SUCH_CONVERSATION
    assert carol.refused("GET", "/conversations/g-0123456789abcdef/messages") == Code.NO_SUCH_CONVERSATION
    assert carol.refused("GET", "/conversations/@nobody/messages") == Code.NO_SUCH_USER
    assert carol.done("GET", "/conversations/@bob/messages")["messages"] == []
    bob.done("POST", "/messages", {"to": "lobby", "text": "all"})
    assert seqs(carol.done("GET", "/conversations/lobby/messages")) == [1]


def test_the_list_and_read_marks(people: list[Program], talk: str) -> None:
    alice, bob, carol, _ = people
    first = bob.done("GET", "/conversations")
    lobby, direct = first["conversations"]
    assert (lobby["id"], direct["id"]) == (ids.LOBBY, ids.direct(alice.user, bob.user))
    assert (direct["title"], direct["role"], direct["unread"], direct["read"], direct["head"]) == (
        "alice", "member", 9, 0, 9,
    )  # fmt: skip
    assert (direct["peer_id"], direct["members"], first["more"]) == (str(alice.user), 2, False)
    read = "/conversations/@alice/read"
    assert bob.done("PUT", read, {"seq": 4}) == {"seq": 4}
    assert bob.done("PUT", read, {"seq": 2}) == {"seq": 4}
    assert bob.done("PUT", read, {"seq": 99}) == {"seq": 9}
    assert bob.done("GET", "/conversations")["conversations"][1]["unread"] == 0
    made = alice.done("POST", "/groups", {"name": "ops", "topic": "x", "members": ["bob"]})
    (group,) = bob.done("GET", f"/conversations?since={first['version']}")["conversations"]
    assert (group["id"], group["title"], group["topic"]) == (made["conversation"], "ops", "x")
    assert carol.refused("PUT", f"/conversations/{made['conversation']}/read", {"seq": 1}) == Code.NOT_A_MEMBER
    assert carol.refused("PUT", f"/conversations/{direct['id']}/read", {"seq": 1}) == Code.NO_SUCH_CONVERSATION


def test_what_cannot_be_asked(people: list[Program], talk: str) -> None:
    bob = people[1]
    for query in ("limit=0", "limit=201", "before=0", "after=-1", "before=5&after=2", "at=-1", "at=soon", "at=1e300",
                  "at=nan"):  # fmt: skip
        assert bob.refused("GET", f"{talk}?{query}") == Code.BAD_REQUEST, query
    assert bob.refused("GET", "/conversations?since=-1") == Code.BAD_REQUEST
    assert bob.refused("PUT", "/conversations/@alice/read", {"seq": 0}) == Code.BAD_REQUEST
