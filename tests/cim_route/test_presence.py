"""Who is online, through the HTTP API."""

from collections.abc import Callable
from typing import Any

import pytest

from cim_common.registry import Server
from cim_common.store import sessions
from cim_common.store.sessions import Session
from tests.cim_route.conftest import Route


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
