"""Sending through the HTTP API; what the log does with it is tested with the acceptor."""

from typing import Any

import pytest

from cim_common import ids
from cim_common.wire.codes import Code
from cim_route.appending import Refused
from tests.cim_route.conftest import Program, Route

GROUP = "g-0123456789abcdef"


def send(route: Route, headers: dict[str, str], **body: Any) -> Any:
    return route.client().post("/v1/messages", json=body, headers=headers)


def test_a_message_to_a_user(route: Route) -> None:
    alice = route.bearer("alice")
    bob = int(route.register("bob"))
    answer = send(route, alice, to="BOB", text="hello")
    (sent,) = route.acceptor.sent
    assert answer.status_code == 201
    assert answer.json == {
        "conversation": ids.direct(sent.sender, bob),
        "seq": 1,
        "message_id": sent.message_key,
    }
    assert (sent.sender_name, sent.text, sent.own_key) == ("alice", "hello", True)
    assert sent.message_key.startswith("http:")


def test_messages_to_the_lobby_and_into_a_conversation(route: Route) -> None:
    alice = route.bearer("alice")
    assert send(route, alice, to="lobby", text="x").json["conversation"] == ids.LOBBY
    assert send(route, alice, conversation=GROUP, text="x").json["conversation"] == GROUP
    assert send(route, alice, to=GROUP, text="x", reply_to=4).json["conversation"] == GROUP
    assert [sent.conversation for sent in route.acceptor.sent] == [ids.LOBBY, GROUP, GROUP]
    assert [sent.entry.ref for sent in route.acceptor.sent if sent.entry] == [0, 0, 4]


def test_a_direct_conversation_has_three_names(route: Route) -> None:
    alice = route.bearer("alice")
    bob = int(route.register("bob"))
    ways = ({"to": "bob"}, {"to": "@bob"}, {"conversation": "@Bob"})
    found = {send(route, alice, **way, text="x").json["conversation"] for way in ways}
    (conversation,) = found
    assert bob in (ids.direct_users(conversation) or ())
    assert send(route, alice, to=conversation, text="x").json["conversation"] == conversation


@pytest.mark.invariant("I3")
def test_the_sender_is_the_tokens_whatever_the_body_says(route: Route) -> None:
    alice = route.bearer("alice")
    bob = route.register("bob")
    send(route, alice, to="lobby", text="x", user_id=bob, sender=bob, sender_name="bob", name="bob")
    (sent,) = route.acceptor.sent
    assert sent.sender_name == "alice"
    assert sent.sender != int(bob)


def test_an_idempotency_key_goes_through(route: Route) -> None:
    alice = route.bearer("alice")
    answer = send(route, {**alice, "Idempotency-Key": "k-1"}, to="lobby", text="x")
    (sent,) = route.acceptor.sent
    assert (sent.message_key, sent.own_key) == ("k-1", False)
    assert answer.json["message_id"] == ids.http_message_id(sent.sender, ids.LOBBY, "k-1")


@pytest.mark.parametrize("key", ["a b", "x" * 129, "é"])
def test_a_bad_idempotency_key(route: Route, key: str) -> None:
    answer = send(route, {**route.bearer("alice"), "Idempotency-Key": key}, to="lobby", text="x")
    assert (answer.status_code, answer.json["code"]) == (422, 1000)
    assert not route.acceptor.sent


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"text": "x"}, 422, 1000),
        ({"to": "lobby", "conversation": "lobby", "text": "x"}, 422, 1000),
        ({"to": "lobby"}, 422, 1000),
        ({"to": "lobby", "text": 5}, 422, 1000),
        ({"to": "lobby", "text": "\ud800"}, 422, 1000),
        ({"to": ["lobby"], "text": "x"}, 422, 1000),
        ({"to": "nobody", "text": "x"}, 404, 1004),
        ({"to": "4", "text": "x"}, 422, 1009),
        ({"conversation": "d-1-2", "text": "x"}, 404, 1003),
        ({"to": ids.direct(ids.MIN_USER_ID + 1, ids.MIN_USER_ID + 2), "text": "x"}, 404, 1003),
        ({"to": "lobby", "text": " "}, 422, 1001),
        ({"to": "lobby", "text": "x", "reply_to": 0}, 422, 1000),
    ],
)
def test_what_cannot_be_sent(route: Route, body: Any, status: int, code: int) -> None:
    answer = send(route, route.bearer("alice"), **body)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert not route.acceptor.sent


def test_without_a_token_nothing_is_sent(route: Route) -> None:
    for headers in ({}, {"Authorization": "Bearer x.y"}, {"Authorization": "x"}):
        answer = send(route, headers, to="lobby", text="x")
        assert (answer.status_code, answer.json["code"]) == (401, 1012)
    assert not route.acceptor.sent


@pytest.mark.parametrize(
    ("refused", "status", "retry"),
    [
        (Refused(Code.EMPTY_TEXT), 422, None),
        (Refused(Code.TEXT_TOO_LONG), 422, None),
        (Refused(Code.NO_SUCH_CONVERSATION), 404, None),
        (Refused(Code.ID_REUSED), 409, None),
        (Refused(Code.SENDER_LIMIT, 2.2), 429, "3"),
        (Refused(Code.STORE_UNAVAILABLE, 0.1), 503, "1"),
    ],
)
def test_a_refusal_is_told(route: Route, refused: Refused, status: int, retry: str | None) -> None:
    route.acceptor.refusals.append(refused)
    answer = send(route, route.bearer("alice"), to="lobby", text="x")
    assert (answer.status_code, answer.json["code"]) == (status, refused.code)
    assert answer.headers.get("Retry-After") == retry
    assert len(route.acceptor.sent) == 1


def test_a_key_used_again_for_something_else_is_called_by_its_name(route: Route) -> None:
    route.acceptor.refusals.append(Refused(Code.ID_REUSED))
    answer = send(route, {**route.bearer("alice"), "Idempotency-Key": "k"}, to="lobby", text="x")
    assert answer.json["detail"] == "That Idempotency-Key was used with other content."


def test_an_unknown_outcome_is_asked_again_under_the_same_key(route: Route) -> None:
    route.acceptor.refusals.append(Refused(Code.OUTCOME_UNKNOWN, 1.0))
    answer = send(route, route.bearer("alice"), to="lobby", text="x")
    first, second = route.acceptor.sent
    assert answer.status_code == 201
    assert first == second


def test_with_a_key_of_the_client_it_is_the_client_that_asks_again(route: Route) -> None:
    route.acceptor.refusals.append(Refused(Code.OUTCOME_UNKNOWN, 1.0))
    headers = {**route.bearer("alice"), "Idempotency-Key": "k"}
    answer = send(route, headers, to="lobby", text="x")
    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, 2005, "1")
    assert send(route, headers, to="lobby", text="x").status_code == 201


def test_edits_recalls_and_reactions(people: list[Program]) -> None:
    alice, bob, carol, _ = people
    alice.done("POST", "/messages", {"to": "bob", "text": "helo"})
    message = "/conversations/@bob/messages/1"
    edit = alice.done("PATCH", message, {"text": "hello"}, key="e1")
    assert alice.done("PATCH", message, {"text": "hello"}, key="e1") == edit
    assert edit == {"conversation": ids.direct(alice.user, bob.user), "seq": 2}
    theirs = "/conversations/@alice/messages/1"
    assert bob.refused("PATCH", theirs, {"text": "hallo"}) == Code.FORBIDDEN
    assert bob.done("PUT", f"{theirs}/reactions/%F0%9F%91%8D")["seq"] == 3
    assert bob.done("PUT", f"{theirs}/reactions/+1")["seq"] == 4
    assert bob.done("DELETE", f"{theirs}/reactions/+1")["seq"] == 5
    assert bob.refused("PUT", f"{theirs}/reactions/a%20b") == Code.BAD_REQUEST
    assert bob.refused("DELETE", theirs) == Code.FORBIDDEN
    assert alice.done("DELETE", message)["seq"] == 6
    assert alice.refused("PATCH", message, {"text": "too late"}) == Code.NO_SUCH_MESSAGE
    assert alice.refused("PATCH", "/conversations/@bob/messages/99", {"text": "x"}) == Code.NO_SUCH_MESSAGE
    assert alice.refused("PATCH", message, {"text": " "}) == Code.EMPTY_TEXT
    assert carol.refused("DELETE", f"/conversations/{edit['conversation']}/messages/1") == Code.NO_SUCH_CONVERSATION


def test_a_message_to_a_user_asks_the_store_once(route: Route) -> None:
    route.register("bob")
    bearer = route.bearer("alice")
    send = {"to": "bob", "text": "hello"}
    assert route.client().post("/v1/messages", json=send, headers=bearer).status_code == 201
    asked = route.count_round_trips()
    for _ in range(3):
        assert route.client().post("/v1/messages", json=send, headers=bearer).status_code == 201
    assert asked == [["HMGET", "GET"]] * 3


def test_the_schema_of_a_header_is_made_once(route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    bearer = route.bearer("alice")

    def made_again(*args: Any, **settings: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("pydantic.main.model_json_schema", made_again)
    answer = route.client().post("/v1/messages", json={"to": "lobby", "text": "hello"}, headers=bearer)
    assert answer.status_code == 201
