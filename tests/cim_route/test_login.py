"""Logging in and out, through the HTTP API."""

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher

from cim_common.registry import Server
from cim_common.store import accounts
from cim_common.tokens import ConnectClaims, Tokens
from cim_route.attempts import Attempts
from cim_route.passwords import Passwords
from tests.cim_route.conftest import PASSWORD, Route


def login(route: Route, body: Any, token: str | None = None) -> Any:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return route.client().post("/v1/login", json=body, headers=headers)


def test_a_login_says_where_to_connect_and_gives_the_tokens(route: Route) -> None:
    user = route.register("alice")
    found = route.login("Alice", device_id="d1")
    (server,) = route.registry.list
    assert found["server"] == {"id": server.id, "host": server.host, "port": server.tcp_port}
    assert (found["user_id"], found["name"], found["device_id"]) == (user, "alice", "d1")
    assert route.tokens.read_connect(found["connect_token"]) == ConnectClaims(int(user), "alice", "d1", 1)
    assert route.tokens.read_session(found["token"])[:2] == (int(user), "d1")
    assert abs(found["connect_expires_at"] - time.time() - 300) < 30
    assert abs(found["token_expires_at"] - time.time() - 30 * 86_400) < 30


def test_a_device_id_is_made_when_there_is_none(route: Route) -> None:
    route.register("alice")
    assert len({route.login("alice")["device_id"] for _ in range(3)}) == 3


@pytest.mark.parametrize("device", ["", "A", "a b", "x" * 33, "http", "legacy", "sched", "#"])
def test_a_bad_device_id(route: Route, device: str) -> None:
    route.register("alice")
    answer = login(route, {"name": "alice", "password": PASSWORD, "device_id": device})
    assert (answer.status_code, answer.json["code"]) == (422, 1000)


def test_a_login_with_the_token_of_an_earlier_one(route: Route) -> None:
    route.register("alice")
    first = route.login("alice", device_id="d1")
    other = login(route, {"device_id": "d2"}, first["token"])
    assert (other.status_code, other.json["device_id"]) == (200, "d2")
    again = login(route, {}, first["token"])
    assert again.status_code == 200
    assert again.json["device_id"] == "d1"
    assert again.json["user_id"] == first["user_id"]
    assert route.client().post("/v1/login", headers={"Authorization": f"bearer {again.json['token']}"}).json["name"]


def test_a_token_and_a_password_at_once_are_refused(route: Route) -> None:
    route.register("bob")
    token = route.bearer("alice")["Authorization"].removeprefix("Bearer ")
    answer = login(route, {"name": "bob", "password": PASSWORD}, token)
    assert (answer.status_code, answer.json["code"]) == (422, 1000)


@pytest.mark.parametrize("body", [{}, {"name": "alice"}, {"password": PASSWORD}, {"name": "alice", "password": None}])
def test_a_login_without_proof(route: Route, body: Any) -> None:
    answer = login(route, body)
    assert (answer.status_code, answer.json["code"]) == (422, 1000)


def test_wrong_password_and_unknown_user_look_the_same(route: Route) -> None:
    route.register("alice")
    wrong = login(route, {"name": "alice", "password": "wrong password"})
    unknown = login(route, {"name": "nobody", "password": "wrong password"})
    assert (wrong.status_code, wrong.json["code"]) == (401, 1011)
    assert wrong.json == unknown.json


def test_forged_foreign_and_unfit_tokens(route: Route) -> None:
    user = int(route.register("alice"))
    found = route.login("alice")
    forged = [
        "", "x", "x.y", found["connect_token"], route.tokens.internal(),
        Tokens(b"another secret of thirty-two byt").session(user, "d1", 1),
        route.tokens.session(user, "d1", 99), route.tokens.session(user + 1, "d1", 1),
        route.tokens.session(user, "#/../", 1), route.tokens.session(user, "d1", 1, ttl_s=-1),
    ]  # fmt: skip
    for token in forged:
        answer = login(route, {}, token)
        assert (answer.status_code, answer.json["code"]) == (401, 1012), token
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    basic = route.client().post("/v1/login", headers={"Authorization": "Basic YTpi"})
    assert basic.json["code"] == 1012


def test_a_logout_ends_the_device_and_no_other(route: Route) -> None:
    route.register("alice")
    phone, laptop = (route.login("alice", device_id=device)["token"] for device in ("phone", "laptop"))
    renewed = login(route, {}, phone).json["token"]
    logout = route.client().post("/v1/logout", headers={"Authorization": f"Bearer {renewed}"})
    assert (logout.status_code, logout.data) == (204, b"")
    assert login(route, {}, phone).json["code"] == 1012
    assert login(route, {}, renewed).json["code"] == 1012
    assert login(route, {}, laptop).status_code == 200
    back = route.login("alice", device_id="phone")["token"]
    assert login(route, {}, back).status_code == 200


def test_without_servers_a_login_says_when_to_try_again(route: Route) -> None:
    route.register("alice")
    route.registry.list = ()
    answer = login(route, {"name": "alice", "password": PASSWORD})
    assert (answer.status_code, answer.json["code"]) == (503, 2006)
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_dead_server_is_left_out(route: Route, listener: socket.socket, make_server: Callable[..., Server]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead_port = closed.getsockname()[1]
    live = listener.getsockname()[1]
    route.registry.list = (make_server(dead_port, load=0), make_server(live, load=500))
    route.register("alice")
    assert [route.login("alice")["server"]["port"] for _ in range(3)] == [live] * 3


def test_an_excluded_server_is_taken_only_if_no_other_answers(
    route: Route, listener: socket.socket, make_server: Callable[..., Server]
) -> None:
    route.register("alice")
    first = listener.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0), backlog=16) as other:
        second = other.getsockname()[1]
        route.registry.list = (make_server(first, load=9), make_server(second, load=1))
        assert route.login("alice", exclude=[f"127.0.0.1:{second}"])["server"]["port"] == first
    assert route.login("alice", exclude=[f"127.0.0.1:{first}"])["server"]["port"] == first
    answer = login(route, {"name": "alice", "password": PASSWORD, "exclude": ["x"] * 17})
    assert answer.status_code == 422


def test_wrong_passwords_are_limited_per_account(redis_url: str, make_route: Callable[..., Route]) -> None:
    route = make_route(attempts=Attempts(redis_url, wrong_per_minute=3))
    route.register("alice")
    for _ in range(3):
        assert login(route, {"name": "Alice", "password": "wrong password"}).status_code == 401
    for password in ("wrong password", PASSWORD):
        answer = login(route, {"name": "alice", "password": password})
        assert (answer.status_code, answer.json["code"]) == (429, 2007)
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert login(route, {"name": "bob", "password": PASSWORD}).status_code == 401


def test_right_passwords_are_limited_per_account(redis_url: str, make_route: Callable[..., Route]) -> None:
    route = make_route(attempts=Attempts(redis_url, right_per_second=2))
    route.register("alice")
    codes = [login(route, {"name": "alice", "password": PASSWORD}).json["code"] for _ in range(6)]
    assert codes[:2] == [2006, 2006]
    assert 2007 in codes


def test_an_old_hash_is_replaced_at_login(make_route: Callable[..., Route]) -> None:
    old = make_route()
    user = int(old.register("alice"))
    before = old.store.run(accounts.by_id(user))
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    login(make_route(passwords=stronger), {"name": "alice", "password": PASSWORD})
    after = old.store.run(accounts.by_id(user))
    assert before is not None
    assert after is not None
    assert after.password_hash != before.password_hash
    assert login(old, {"name": "alice", "password": PASSWORD}).json["code"] == 2006


def test_a_login_with_a_token_asks_the_store_once(route: Route) -> None:
    route.register("alice")
    token = route.login("alice")["token"]
    asked = route.count_round_trips()
    for _ in range(3):
        assert login(route, {}, token).status_code == 200
    assert asked == [["HMGET"]] * 3


def test_logins_with_a_token_are_limited_per_account(redis_url: str, make_route: Callable[..., Route]) -> None:
    route = make_route(attempts=Attempts(redis_url, right_per_second=2))
    route.register("alice")
    user = route.store.run(accounts.by_name("alice"))
    assert user is not None
    token = route.tokens.session(user.id, "phone", 1)
    codes = [login(route, {}, token).json["code"] for _ in range(6)]
    assert codes[:2] == [2006, 2006]
    assert 2007 in codes
