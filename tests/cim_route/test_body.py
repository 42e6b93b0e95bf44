"""What is no JSON object, and what is too much of one."""

from typing import Any

import pytest

from cim_route.body import MAX_BODY_BYTES, parse_object
from cim_route.problems import Problem
from tests.cim_route.conftest import Route


def test_an_object_is_parsed() -> None:
    assert parse_object('{"a": ["ä", 1.5, null], "e": "\\ud83d\\ude00"}'.encode()) == {"a": ["ä", 1.5, None], "e": "😀"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x", 400),
        (b"{", 400),
        (b'{"a": NaN}', 400),
        (b'{"a": -Infinity}', 400),
        (b'{"a": ' + b"1" * 10_000 + b"}", 400),
        (b"[" * 60_000, 400),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400),
        (b'{"name": "\xff"}', 400),
        ('{"name": "a"}'.encode("utf-16"), 400),
        (b'{"name": "\\ud800"}', 422),
        (b'{"\\udc00": 1}', 422),
        (b"[]", 422),
        (b"null", 422),
        (b'"{}"', 422),
        (b"5", 422),
    ],
)
def test_other_bodies_get_one_clear_problem(route: Route, body: bytes, status: int) -> None:
    with pytest.raises(Problem):
        parse_object(body)
    answer = route.client().post("/v1/register", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (status, 1000)
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    "body", [{}, {"name": 5, "password": "x"}, {"name": {}, "password": []}, {"name": None, "password": None}]
)
def test_wrong_types(route: Route, body: Any) -> None:
    answer = route.client().post("/v1/register", json=body)
    assert (answer.status_code, answer.json["code"]) == (422, 1000)
    assert answer.json["detail"].startswith("name: ")


def test_another_kind_of_body(route: Route) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = route.client().post("/v1/register", data=b"{}", content_type=content_type)
        assert (answer.status_code, answer.json["code"]) == (415, 1000)


def test_a_body_over_the_limit(route: Route) -> None:
    for size in (MAX_BODY_BYTES, 1_000_000):
        answer = route.client().post("/v1/register", json={"name": "a" * size})
        assert (answer.status_code, answer.json["code"]) == (413, 1017)


def test_a_body_just_below_the_limit_is_read(route: Route) -> None:
    body = b'{"name": "alice", "password": "correct horse", "x": "%b"}'
    body = body % (b"y" * (MAX_BODY_BYTES - len(body) + 2))
    assert len(body) == MAX_BODY_BYTES
    assert route.client().post("/v1/register", data=body, content_type="application/json").status_code == 201
