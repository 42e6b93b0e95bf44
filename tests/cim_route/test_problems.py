"""Every error is a problem document."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from cim_common.store.flow import StoreError
from cim_common.wire.codes import Code
from cim_route.problems import STATUS, Problem
from tests.cim_route.conftest import Route

DOCS = Path(__file__).parents[2] / "docs" / "http.md"


def test_every_code_of_a_request_has_a_status() -> None:
    assert set(STATUS) == {code for code in Code if code < 3000}


def test_a_document_has_five_members(route: Route) -> None:
    answer = route.client().get("/nowhere")
    assert answer.content_type == "application/problem+json"
    assert answer.json == {
        "type": "urn:cim:code:1015",
        "title": Code.NOT_FOUND.sentence,
        "status": 404,
        "detail": answer.json["detail"],
        "code": 1015,
    }


def test_a_method_that_is_not_allowed(route: Route) -> None:
    answer = route.client().get("/v1/login")
    assert (answer.status_code, answer.json["code"]) == (405, 1016)
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/v1/", "/v1/users/", "/static/x", "/login", "/v2/login", "/v1/names/", "/%00"])
def test_unknown_paths(route: Route, path: str) -> None:
    answer = route.client().get(path)
    assert (answer.status_code, answer.json["code"]) == (404, 1015)


@pytest.mark.parametrize("error", [RuntimeError("secret detail"), StoreError("secret detail")])
def test_a_bug_is_logged_and_not_told(make_route: Callable[..., Route], error: Exception) -> None:
    def choose(exclude: object) -> None:
        raise error

    route = make_route(placement=type("Broken", (), {"choose": staticmethod(choose)})())
    route.register("alice")
    with structlog.testing.capture_logs() as logs:
        answer = route.client().post("/v1/login", json={"name": "alice", "password": "correct horse"})
    assert (answer.status_code, answer.json["code"]) == (500, 2008)
    assert "secret" not in answer.text
    assert [entry["log_level"] for entry in logs] == ["error"]


def test_a_retry_is_given_in_whole_seconds() -> None:
    assert Problem(Code.OVERLOADED, after_s=0.2).response().headers["Retry-After"] == "1"
    assert Problem(Code.OVERLOADED, after_s=2.1).response().headers["Retry-After"] == "3"
    assert "Retry-After" not in Problem(Code.BAD_NAME).response().headers


def test_the_page_lists_every_code_with_its_status() -> None:
    rows = re.findall(r"^\| (\d{4}) \| (\d{3}) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert {int(code): int(status) for code, status in rows} == {int(code): int(STATUS[code]) for code in STATUS}
