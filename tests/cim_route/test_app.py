"""The app as a whole: its description, its page, its legacy paths."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.cim_route.conftest import PASSWORD, Route

MESSAGE = "/v1/conversations/{conversation}/messages/{seq}"
NAMES = {
    "<path:name>": "NAME",
    "<group>": "ID",
    "<path:conversation>": "C",
    "<int:seq>": "SEQ",
    "<emoji>": "EMOJI",
    "<device_id>": "DEVICE",
}
"""What stands in the page for a part of a path."""

DOCS = Path(__file__).parents[2] / "docs" / "http.md"


def paths(route: Route) -> set[str]:
    return {str(rule) for rule in route.app.url_map.iter_rules()}


def test_the_description_names_every_path_and_who_needs_a_token(route: Route) -> None:
    described = route.client().get("/openapi/openapi.json").json
    calls = {
        (method.upper(), path, bool(call.get("security")))
        for path, methods in described["paths"].items()
        for method, call in methods.items()
    }
    assert calls == {
        ("POST", "/v1/register", False),
        ("POST", "/v1/login", True),
        ("POST", "/v1/logout", True),
        ("GET", "/v1/users", True),
        ("GET", "/v1/names/{name}", False),
        ("GET", "/v1/online", True),
        ("GET", "/v1/users/{name}/presence", True),
        ("POST", "/v1/messages", True),
        ("PATCH", MESSAGE, True),
        ("DELETE", MESSAGE, True),
        ("PUT", f"{MESSAGE}/reactions/{{emoji}}", True),
        ("DELETE", f"{MESSAGE}/reactions/{{emoji}}", True),
        ("GET", "/v1/conversations", True),
        ("GET", "/v1/conversations/{conversation}/messages", True),
        ("PUT", "/v1/conversations/{conversation}/read", True),
        ("GET", "/v1/events", True),
        ("POST", "/v1/groups", True),
        ("GET", "/v1/groups/{group}", True),
        ("PATCH", "/v1/groups/{group}", True),
        ("DELETE", "/v1/groups/{group}", True),
        ("GET", "/v1/groups/{group}/members", True),
        ("POST", "/v1/groups/{group}/members", True),
        ("PUT", "/v1/groups/{group}/members/{name}", True),
        ("DELETE", "/v1/groups/{group}/members/{name}", True),
        ("POST", "/v1/groups/{group}/bans", True),
        ("DELETE", "/v1/groups/{group}/bans/{name}", True),
        ("GET", "/v1/devices", True),
        ("DELETE", "/v1/devices/{device_id}", True),
        ("POST", "/operator/v1/accounts", True),
        ("GET", "/healthz", False),
        ("GET", "/readyz", False),
    }
    assert described["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert PASSWORD not in json.dumps(described)


def test_the_page_names_every_path(route: Route) -> None:
    page = DOCS.read_text(encoding="utf-8")
    for path in paths(route):
        if not path.startswith("/openapi"):
            for part, name in NAMES.items():
                path = path.replace(part, name)
            assert path in page


def test_legacy_paths_exist_only_when_asked_for(make_route: Callable[..., Route]) -> None:
    assert "/registerAccount" not in paths(make_route())
    assert {"/registerAccount", "/login", "/p2pRoute"} <= paths(make_route(legacy=True))


def test_answers_of_the_api_are_not_cached(route: Route) -> None:
    route.register("alice")
    answer = route.client().post("/v1/login", json={"name": "alice", "password": PASSWORD})
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
