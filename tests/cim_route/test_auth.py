"""The Authorization header. Whose token it is, is tested with the calls that need one (test_login.py)."""

import pytest

from cim_route.auth import bearer
from cim_route.problems import Problem
from tests.cim_route.conftest import Route


@pytest.mark.parametrize(
    ("header", "token"), [(None, None), ("Bearer a.b", "a.b"), ("bearer  a.b ", "a.b"), ("Bearer", "")]
)
def test_the_token_of_a_header(route: Route, header: str | None, token: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    with route.app.test_request_context(headers=headers):
        assert bearer() == token


@pytest.mark.parametrize("header", ["", "Basic YTpi", "a.b"])
def test_another_scheme(route: Route, header: str) -> None:
    with route.app.test_request_context(headers={"Authorization": header}), pytest.raises(Problem) as caught:
        bearer()
    assert caught.value.status == 401
