"""Operators' calls: who may make them, and the accounts they make."""

import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from cim_common.registry import Server
from cim_common.store import accounts, keys
from cim_common.store.provisioning import MAX_AT_ONCE
from cim_common.wire.codes import Code
from cim_route.operator import MIN_TOKEN_LENGTH, require_operator
from cim_route.problems import Problem
from tests.cim_route.conftest import PASSWORD, Route

PATH = "/operator/v1/accounts"
TOKEN = "0123456789abcdef" * 4


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    file = tmp_path / "operator-token"
    file.write_text(TOKEN + "\n")
    return str(file)


@pytest.fixture
def governed(
    make_live_route: Callable[..., Route], listener: socket.socket, make_server: Callable[..., Server], token_file: str
) -> Route:
    """A route with two servers and an operator, and a real way into the logs."""
    made = make_live_route(operator_token_file=token_file)
    port = listener.getsockname()[1]
    made.registry.list = (make_server(port), make_server(port))
    return made


def ask(route: Route, body: Any, token: str | None = TOKEN, scheme: str = "Bearer") -> Any:
    headers = {} if token is None else {"Authorization": f"{scheme} {token}"}
    return route.client().post(PATH, json=body, headers=headers)


def made(route: Route, **body: Any) -> list[dict[str, Any]]:
    answer = ask(route, body)
    assert answer.status_code == 200, answer.json
    found: list[dict[str, Any]] = answer.json["accounts"]
    return found


def refused(answer: Any) -> tuple[int, int]:
    return answer.status_code, answer.json["code"]


@pytest.mark.parametrize("token", [None, "", "x", TOKEN[:-1], TOKEN + "0", TOKEN.upper(), "ä" * 64])
def test_whoever_does_not_have_the_token_is_refused(governed: Route, token: str | None) -> None:
    answer = ask(governed, {"names": ["anna"]}, None if token is None else token.encode().decode("latin-1"))
    assert refused(answer) == (401, Code.BAD_TOKEN)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert governed.store.run(accounts.by_name("anna")) is None


def test_a_session_token_is_no_operators_and_the_other_way_round(governed: Route) -> None:
    governed.register("anna")
    assert refused(ask(governed, {"names": ["b"]}, governed.login("anna")["token"])) == (401, Code.BAD_TOKEN)
    answer = governed.client().get("/v1/conversations", headers={"Authorization": f"Bearer {TOKEN}"})
    assert refused(answer) == (401, Code.BAD_TOKEN)
    assert refused(ask(governed, {"names": ["b"]}, scheme="Basic")) == (401, Code.BAD_TOKEN)


def test_without_a_usable_token_file_nobody_is_let_in(route: Route, tmp_path: Path) -> None:
    answer = ask(route, {"names": ["anna"]})
    assert refused(answer) == (403, Code.FORBIDDEN)
    assert "--operator-token-file" in answer.json["detail"]
    short = tmp_path / "short"
    for text in ("", "\n", "x" * (MIN_TOKEN_LENGTH - 1)):
        short.write_text(text)
        with pytest.raises(Problem) as problem:
            require_operator(str(short))
        assert problem.value.status == 403
    with pytest.raises(Problem) as problem:
        require_operator(str(tmp_path / "none"))
    assert problem.value.status == 403


def test_a_new_token_counts_at_once(governed: Route, token_file: str) -> None:
    assert ask(governed, {"names": ["anna"]}).status_code == 200
    Path(token_file).write_text("f" * 64)
    assert refused(ask(governed, {"names": ["anna"]})) == (401, Code.BAD_TOKEN)
    assert ask(governed, {"names": ["anna"]}, "f" * 64).status_code == 200


def test_accounts_with_all_they_need_to_connect(governed: Route) -> None:
    answer = ask(governed, {"names": ["Anna", "berta"], "device_id": "d1"})
    body = answer.json
    assert answer.headers["Cache-Control"] == "no-store"
    assert (body["device_id"], [account["name"] for account in body["accounts"]]) == ("d1", ["anna", "berta"])
    for account in body["accounts"]:
        claims = governed.tokens.read_connect(account["connect_token"])
        assert claims == (int(account["user_id"]), account["name"], "d1", 1, False)
        assert governed.tokens.read_session(account["token"]) == (int(account["user_id"]), "d1", 1)
    assert body["token_expires_at"] > body["connect_expires_at"]
    assert {account["server"]["id"] for account in body["accounts"]} == {server.id for server in governed.registry.list}
    (listed,) = (
        governed.client()
        .get("/v1/users?prefix=a", headers={"Authorization": f"Bearer {body['accounts'][0]['token']}"})
        .json["users"]
    )
    assert (listed["name"], listed["display_name"]) == ("anna", "Anna")


def test_by_prefix_and_number(governed: Route) -> None:
    found = made(governed, prefix="load-", first=7, count=3)
    assert [account["name"] for account in found] == ["load-7", "load-8", "load-9"]
    assert [account["name"] for account in made(governed, prefix="load-", count=1)] == ["load-1"]


def test_a_thousand_are_spread_over_the_servers(governed: Route) -> None:
    found = made(governed, prefix="load-", count=MAX_AT_ONCE, unmetered=True)
    assert len({account["user_id"] for account in found}) == MAX_AT_ONCE
    spread = Counter(account["server"]["id"] for account in found)
    assert len(spread) == 2
    assert max(spread.values()) - min(spread.values()) <= 1


def test_the_same_names_are_the_same_accounts(governed: Route) -> None:
    first, again = made(governed, names=["anna", "berta"]), made(governed, names=["berta", "ANNA", "anna"])
    assert {account["user_id"] for account in again} == {account["user_id"] for account in first}
    assert [account["name"] for account in again] == ["berta", "anna"]


def test_registered_names_are_refused_and_operators_names_cannot_be_registered(governed: Route) -> None:
    governed.register("anna")
    answer = ask(governed, {"names": ["berta", "anna"]})
    assert refused(answer) == (409, Code.NAME_TAKEN)
    assert "anna" in answer.json["detail"]
    assert governed.store.run(accounts.by_name("berta")) is None
    made(governed, names=["berta"])
    answer = governed.client().post("/v1/register", json={"name": "Berta", "password": PASSWORD})
    assert refused(answer) == (409, Code.NAME_TAKEN)


def test_nobody_logs_into_them_with_a_password(governed: Route) -> None:
    (anna,) = made(governed, names=["anna"])
    answer = governed.client().post("/v1/login", json={"name": "anna", "password": PASSWORD})
    assert refused(answer) == (403, Code.NO_PASSWORD)
    answer = governed.client().post("/v1/login", headers={"Authorization": f"Bearer {anna['token']}"})
    assert answer.status_code == 200
    assert answer.json["user_id"] == anna["user_id"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, Code.BAD_REQUEST),
        ({"names": []}, Code.BAD_REQUEST),
        ({"names": ["a"], "prefix": "b", "count": 1}, Code.BAD_REQUEST),
        ({"prefix": "b"}, Code.BAD_REQUEST),
        ({"names": ["a"], "count": 1}, Code.BAD_REQUEST),
        ({"prefix": "b", "count": MAX_AT_ONCE + 1}, Code.BAD_REQUEST),
        ({"prefix": "b", "count": 0}, Code.BAD_REQUEST),
        ({"prefix": "b", "count": 1, "first": -1}, Code.BAD_REQUEST),
        ({"names": ["a"] * (MAX_AT_ONCE + 1)}, Code.BAD_REQUEST),
        ({"names": ["a"], "device_id": "D!"}, Code.BAD_REQUEST),
        ({"names": ["a"], "device_id": "http"}, Code.BAD_REQUEST),
        ({"names": ["a"], "unmetered": "perhaps"}, Code.BAD_REQUEST),
        ({"names": ["a", "lobby"]}, Code.BAD_NAME),
        ({"names": ["a", "b c"]}, Code.BAD_NAME),
        ({"prefix": "x" * 32, "count": 1}, Code.BAD_NAME),
        ({"prefix": "", "count": 1}, Code.BAD_NAME),
    ],
)
def test_what_is_not_understood_makes_nothing(governed: Route, body: Any, code: Code) -> None:
    assert refused(ask(governed, body)) == (422, code)
    assert governed.store.run(accounts.by_prefix("", 10)) == []


def test_without_a_server_nothing_is_made(governed: Route) -> None:
    governed.registry.list = ()
    answer = ask(governed, {"names": ["anna"]})
    assert refused(answer) == (503, Code.NO_SERVER)
    assert answer.headers["Retry-After"]
    assert governed.store.run(accounts.by_name("anna")) is None


@pytest.mark.invariant("I17")
def test_what_the_unmetered_ask_over_http_is_not_counted(governed: Route, redis_url: str) -> None:
    (anna,) = made(governed, names=["anna"], unmetered=True)
    (berta,) = made(governed, names=["berta"])
    client = governed.client()
    for account in (anna, berta):
        to = {"to": "anna" if account is berta else "berta", "text": "x"}
        header = {"Authorization": f"Bearer {account['token']}"}
        for _ in range(5):
            assert client.post("/v1/messages", json=to, headers=header).status_code == 201
            assert client.get("/v1/conversations", headers=header).status_code == 200
        login = client.post("/v1/login", headers=header).json
        assert governed.tokens.read_connect(login["connect_token"]).unmetered is (account is anna)
    with redis.Redis.from_url(redis_url) as store:
        leased = {account["name"]: store.hkeys(keys.limits(int(account["user_id"]))) for account in (anna, berta)}
    assert leased == {"anna": [], "berta": [b"sends", b"requests"]}


@pytest.mark.invariant("I3", "I17")
def test_a_clients_word_makes_nobody_unmetered(governed: Route) -> None:
    client, more = governed.client(), {"unmetered": True, "free": 1, "op": 1}
    answer = client.post("/v1/register", json={"name": "anna", "password": PASSWORD, **more})
    assert answer.status_code == 201
    place = governed.login("anna", **more)
    assert not governed.tokens.read_connect(place["connect_token"]).unmetered
    found = governed.store.run(accounts.by_name("anna"))
    assert found is not None
    assert (found.unmetered, found.operators) == (False, False)
