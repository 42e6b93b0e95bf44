"""Devices, through the HTTP API."""

from typing import Any

from cim_common.store import sessions
from cim_common.store.sessions import Session
from tests.cim_route.conftest import Route


def connected(route: Route, name: str, device: str) -> dict[str, str]:
    """The device logs in and is connected to the live server; its token."""
    found = route.login(name, device_id=device)
    claims = route.tokens.read_connect(found["connect_token"])
    here = Session(route.registry.list[0].ref, device)
    route.store.run(sessions.claim(claims.user, name, device, here, False, 5_000_000, claims.version))
    return {"Authorization": f"Bearer {found['token']}"}


def listed(route: Route, header: dict[str, str]) -> list[dict[str, Any]]:
    answer = route.client().get("/v1/devices", headers=header)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json["devices"]
    return found


def test_devices_are_listed_and_logged_out(route: Route) -> None:
    user = int(route.register("alice"))
    phone, laptop = connected(route, "alice", "phone"), connected(route, "alice", "laptop")
    found = listed(route, phone)
    assert [(one["device_id"], one["online"], one["current"], one["ephemeral"]) for one in found] == [
        ("laptop", True, False, False),
        ("phone", True, True, False),
    ]
    assert route.client().delete("/v1/devices/laptop", headers=phone).status_code == 204
    assert [one["device_id"] for one in listed(route, phone)] == ["phone"]
    assert set(route.store.run(sessions.of_user(user))) == {"phone"}
    assert route.client().get("/v1/devices", headers=laptop).json["code"] == 1012


def test_a_dead_servers_session_is_not_online(route: Route) -> None:
    route.register("alice")
    phone = connected(route, "alice", "phone")
    route.registry.list = ()
    assert [(one["online"], one["last_seen"]) for one in listed(route, phone)] == [(False, 5_000)]


def test_unknown_devices_and_those_of_others(route: Route) -> None:
    route.register("alice")
    route.register("bob")
    alice, _ = connected(route, "alice", "phone"), connected(route, "bob", "laptop")
    for device in ("laptop", "nothing", "%23", "-phone", "http"):
        answer = route.client().delete(f"/v1/devices/{device}", headers=alice)
        assert (answer.status_code, answer.json["code"]) == (404, 1026)
    assert route.client().get("/v1/devices").status_code == 401
    assert route.client().delete("/v1/devices/phone").status_code == 401


def test_a_logout_ends_the_session_as_well(route: Route) -> None:
    user = int(route.register("alice"))
    phone = connected(route, "alice", "phone")
    assert route.client().post("/v1/logout", headers=phone).status_code == 204
    assert route.store.run(sessions.of_user(user)) == {}
