"""Alive, and ready; with everything there and with each thing missing."""

from collections.abc import Callable

import redis

from cim_common.registry import Server
from tests.cim_route.conftest import PASSWORD, Route
from tests.real_servers import RealRedis


def test_ready_with_store_and_servers(route: Route) -> None:
    assert route.client().get("/healthz").json == {"status": "ok"}
    assert route.client().get("/readyz").json == {"status": "ready", "servers": 1}


def test_missing_servers_are_named(route: Route) -> None:
    route.registry.list = ()
    answer = route.client().get("/readyz")
    assert (answer.status_code, answer.json["code"], answer.json["missing"]) == (503, 2006, ["servers"])
    assert "servers" in answer.json["detail"]


def test_a_store_that_goes_and_comes_back(
    new_redis: Callable[[], RealRedis], make_route: Callable[..., Route], make_server: Callable[..., Server]
) -> None:
    store = new_redis()
    route = make_route(store.url)
    route.registry.list = (make_server(1),)
    client = route.client()
    header = route_header(route)
    assert client.get("/readyz").status_code == 200
    store.kill()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["code"], answer.json["missing"]) == (503, 2001, ["store"])
    assert client.get("/healthz").status_code == 200
    calls = [
        client.post("/v1/register", json={"name": "bob", "password": PASSWORD}),
        client.post("/v1/login", json={"name": "alice", "password": PASSWORD}),
        client.get("/v1/users", headers=header),
        client.get("/v1/online", headers=header),
        client.post("/v1/messages", json={"to": "lobby", "text": "x"}, headers=header),
        client.post("/v1/logout", headers=header),
    ]
    for call in calls:
        assert (call.status_code, call.json["code"], call.headers["Retry-After"]) == (503, 2001, "1")
    store.start()
    assert client.get("/readyz").status_code == 200
    assert client.get("/v1/users", headers=header).status_code == 200


def test_a_store_that_is_away_at_the_start(
    new_redis: Callable[[], RealRedis], make_route: Callable[..., Route], make_server: Callable[..., Server]
) -> None:
    store = new_redis()
    store.kill()
    route = make_route(store.url)
    route.registry.list = (make_server(1),)
    assert route.client().get("/readyz").json["missing"] == ["store"]
    store.start()
    assert route.client().get("/readyz").status_code == 200


def test_a_store_of_another_kind_is_not_used(
    new_redis: Callable[[], RealRedis], make_route: Callable[..., Route]
) -> None:
    store = new_redis()
    with redis.Redis.from_url(store.url) as raw:
        raw.hset("cim:meta", "schema", "99")
    route = make_route(store.url)
    assert route.client().get("/readyz").json["missing"] == ["store", "servers"]
    answer = route.client().post("/v1/register", json={"name": "bob", "password": PASSWORD})
    assert (answer.status_code, answer.json["code"]) == (500, 2008)


def route_header(route: Route) -> dict[str, str]:
    user = int(route.register("alice"))
    return {"Authorization": f"Bearer {route.tokens.session(user, 'd1', 1)}"}
