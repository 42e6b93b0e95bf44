"""Who is online, through the HTTP API."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from cim_common.registry import Server
from cim_common.store import keys, sessions
from cim_common.store.presence import Directory
from cim_common.store.sessions import Session
from cim_common.wire.codes import Code
from tests.cim_route.conftest import Program, Route


@pytest.fixture
def header(route: Route, make_server: Callable[..., Server]) -> dict[str, str]:
    """A token; five users are online on a live server, one on a server that is gone."""
    header = route.bearer("alice")
    live = route.registry.list[0].ref
    for user, name in enumerate(("bob", "carol", "dave", "eve", "mallory"), 2**31 + 1):
        route.store.run(sessions.claim(user, name, "d1", Session(live, "c1"), False, 1))
    route.store.run(sessions.claim(2**31 + 9, "ghost", "d1", Session("gone:1", "c1"), False, 1))
    return header


def online(route: Route, header: dict[str, str], **query: Any) -> Any:
    return route.client().get("/v1/online", query_string=query, headers=header)


def test_users_on_live_servers_are_online(route: Route, header: dict[str, str]) -> None:
    found = online(route, header).json
    assert [user["name"] for user in found["users"]] == ["bob", "carol", "dave", "eve", "mallory"]
    assert found["users"][0]["user_id"] == str(2**31 + 1)
    assert (found["total"], found["more"]) == (5, False)


def test_pages(route: Route, header: dict[str, str]) -> None:
    seen: list[str] = []
    more, after = True, ""
    while more:
        page = online(route, header, limit=2, after=after).json
        seen += [user["name"] for user in page["users"]]
        more, after = page["more"], seen[-1]
        assert page["total"] == 5
    assert seen == ["bob", "carol", "dave", "eve", "mallory"]
    assert online(route, header, limit=0).status_code == 422


def test_nobody_is_online_without_servers(route: Route, header: dict[str, str]) -> None:
    route.registry.list = ()
    assert online(route, header).json == {"users": [], "total": 0, "more": False}


def test_it_needs_a_token(route: Route) -> None:
    assert online(route, {}).json["code"] == 1012


def test_a_directory_of_acquaintances(make_live_route: Callable[..., Route]) -> None:
    route = make_live_route(directory=Directory.MEMBERS)
    alice, bob, carol, dave = (Program(route, name) for name in ("alice", "bob", "carol", "dave"))
    live = route.registry.list[0].ref
    for person in (alice, bob, carol, dave):
        route.store.run(sessions.claim(person.user, person.name, "d1", Session(live, "c1"), False, 1))

    def names(program: Program, path: str) -> list[str]:
        return [user["name"] for user in program.done("GET", path)["users"]]

    alice.done("POST", "/messages", {"to": "lobby", "text": "all"})
    alice.done("POST", "/messages", {"to": "bob", "text": "you"})
    alice.done("POST", "/groups", {"name": "ops", "members": ["carol"]})
    for path in ("/users", "/online"):
        assert names(alice, path) == ["alice", "bob", "carol"]
        assert names(bob, path) == ["alice", "bob"]
        assert names(dave, path) == ["dave"]
    assert alice.done("GET", "/online")["total"] == 3
    assert names(alice, "/users?limit=2") == ["alice", "bob"]
    assert bob.done("GET", "/users/alice/presence") == {"online": True}
    assert bob.refused("GET", "/users/carol/presence") == Code.NO_SUCH_USER


def test_last_seen(make_live_route: Callable[..., Route], redis_url: str) -> None:
    route = make_live_route()
    alice, bob = (Program(route, name) for name in ("alice", "bob"))
    assert alice.done("GET", "/users/Bob/presence") == {"online": False}
    client = redis.Redis.from_url(redis_url)
    client.hset(keys.user(bob.user), "seen", 1_797_408_299_123)
    assert alice.done("GET", "/users/bob/presence") == {"online": False, "last_seen": 1_797_408_299.123}
    client.hset(keys.user(bob.user), "no_seen", 1)
    assert alice.done("GET", "/users/bob/presence") == {"online": False}
    client.close()
    assert alice.refused("GET", "/users/nobody/presence") == Code.NO_SUCH_USER
