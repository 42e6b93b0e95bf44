"""Registering and looking up, through the HTTP API."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.cim_route.conftest import PASSWORD, Route


def register(route: Route, **body: Any) -> Any:
    return route.client().post("/v1/register", json=body)


def test_a_new_account(route: Route) -> None:
    answer = register(route, name="Alice", password=PASSWORD, display_name="Alice B.")
    assert answer.status_code == 201
    assert answer.json["name"] == "alice"
    assert answer.json["user_id"].isdecimal()
    assert 2**31 < int(answer.json["user_id"]) < 2**53


def test_a_name_is_taken_in_every_spelling(route: Route) -> None:
    route.register("alice")
    for name in ("alice", "ALICE", "ａｌｉｃｅ"):
        answer = register(route, name=name, password=PASSWORD)
        assert (answer.status_code, answer.json["code"]) == (409, 1010)


@pytest.mark.parametrize("name", ["", "42", "a b", "a;b", "@a", "lobby", "a\0b", "\u202ea", "x" * 33, "x" * 5000])
def test_a_bad_name(route: Route, name: str) -> None:
    answer = register(route, name=name, password=PASSWORD)
    assert (answer.status_code, answer.json["code"]) == (422, 1009)


@pytest.mark.parametrize("password", ["", "short12", "x" * 129, "x" * 20_000])
def test_a_bad_password(route: Route, password: str) -> None:
    answer = register(route, name="alice", password=password)
    assert (answer.status_code, answer.json["code"]) == (422, 1013)
    assert register(route, name="alice", password=PASSWORD).status_code == 201


def test_a_bad_display_name(route: Route) -> None:
    answer = register(route, name="alice", password=PASSWORD, display_name="\x1b[2J")
    assert (answer.status_code, answer.json["code"]) == (422, 1009)


@pytest.mark.parametrize("name", ["../x", "{c1}", "a:b", "a/b", "a*", "a%2fb", "ελένη", "мария", "علي", "张伟", "a?b"])
def test_odd_names_work_everywhere(route: Route, name: str) -> None:
    header = route.bearer(name)
    found = route.client().get("/v1/users", query_string={"prefix": name}, headers=header)
    assert [user["name"] for user in found.json["users"]] == [name]
    assert route.login(name)["name"] == name


def test_of_many_at_once_one_gets_the_name(route: Route) -> None:
    start = threading.Barrier(6)
    statuses: list[int] = []

    def take() -> None:
        client = route.client()
        start.wait()
        statuses.append(client.post("/v1/register", json={"name": "alice", "password": PASSWORD}).status_code)

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201, 409, 409, 409, 409, 409]
    assert route.login("alice")["name"] == "alice"


def test_a_legacy_account_cannot_be_taken_over(make_route: Callable[..., Route]) -> None:
    route = make_route(legacy=True)
    made = route.client().post("/registerAccount", json={"userName": "old"})
    assert made.json["code"] == "9000"
    answer = register(route, name="old", password=PASSWORD)
    assert (answer.status_code, answer.json["code"]) == (409, 1010)
    answer = route.client().post("/v1/login", json={"name": "old", "password": PASSWORD})
    assert (answer.status_code, answer.json["code"]) == (403, 1014)


def test_users_by_prefix(route: Route) -> None:
    header = route.bearer("alice")
    for name in ("Alina", "bob"):
        route.register(name)

    def users(**query: Any) -> Any:
        return route.client().get("/v1/users", query_string=query, headers=header)

    assert users(prefix="AL").json["users"] == [
        {"user_id": users(prefix="alice").json["users"][0]["user_id"], "name": "alice", "display_name": "alice"},
        {"user_id": users(prefix="alina").json["users"][0]["user_id"], "name": "alina", "display_name": "Alina"},
    ]
    assert [user["name"] for user in users(limit=2).json["users"]] == ["alice", "alina"]
    assert users(prefix="a b").json == {"users": []}
    assert users(prefix="1").json == {"users": []}
    for limit in (0, 101, "x"):
        assert users(limit=limit).status_code == 422


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("张", ["张三", "张伟"]),
        ("محمد", ["محمد", "محمد-علي"]),
        ("محمد-", ["محمد-علي"]),
        ("ＺＨ", ["zhang"]),
        ("伟", []),
    ],
)
def test_a_prefix_in_any_script(route: Route, prefix: str, found: list[str]) -> None:
    header = route.bearer("alice")
    for name in ("张伟", "张三", "محمد", "محمد-علي", "Zhang"):
        route.register(name)
    answer = route.client().get("/v1/users", query_string={"prefix": prefix}, headers=header)
    assert [user["name"] for user in answer.json["users"]] == found


def test_whether_a_name_is_taken(route: Route) -> None:
    route.register("a/b")
    ask = route.client().get
    assert ask("/v1/names/A%2Fb").json == {"name": "a/b", "taken": True}
    assert ask("/v1/names/bob").json == {"name": "bob", "taken": False}
    assert ask("/v1/names/4").json["code"] == 1009
