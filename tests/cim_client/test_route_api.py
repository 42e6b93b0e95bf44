"""What route answers, and that the time it names is waited (Retry-After)."""

import json

import pytest
import trio
import trio.testing

from cim_client.client import _register
from cim_client.errors import CimError, Refused, Unavailable
from cim_client.link import BACK_OFF_BASE_S, Link
from cim_client.route_api import Place, RouteApi, read
from cim_common.wire.codes import Code
from cim_common.wire.messages import LoginOk


def problem(code: Code) -> bytes:
    return json.dumps({"code": int(code), "title": "t", "detail": "why"}).encode()


@pytest.mark.parametrize(
    ("status", "code", "retry_after", "after_s"),
    [
        (429, Code.TOO_MANY_ATTEMPTS, "17", 17.0),
        (503, Code.STORE_UNAVAILABLE, "1", 1.0),
        (503, Code.OVERLOADED, "9" * 400, 300.0),
        (503, Code.NO_SERVER, "", 0.0),
        (503, Code.NO_SERVER, "Wed, 21 Oct 2026 07:28:00 GMT", 0.0),
    ],
)
def test_what_may_be_asked_again_says_when(status: int, code: Code, retry_after: str, after_s: float) -> None:
    with pytest.raises(Unavailable) as error:
        read(status, problem(code), retry_after)
    assert (error.value.code, str(error.value), error.value.after_s) == (code, "why", after_s)


def test_answers_and_refusals() -> None:
    assert read(200, b'{"a": 1}', "") == {"a": 1}
    assert read(204, b"", "") == {}
    with pytest.raises(Refused) as refused:
        read(401, problem(Code.BAD_PASSWORD), "")
    assert refused.value.code == Code.BAD_PASSWORD
    with pytest.raises(Unavailable) as error:
        read(502, b"<html>", "")
    assert error.value.code == Code.INTERNAL


class Route(RouteApi):
    """A route that is busy for some time."""

    def __init__(self, busy_s: float, says_s: float) -> None:
        super().__init__("http://localhost")
        self.free_at = trio.current_time() + busy_s
        self.says_s = says_s
        self.asked: list[float] = []

    async def register(self, name: str, password: str) -> None:
        self.asked.append(trio.current_time())
        if trio.current_time() < self.free_at:
            raise Unavailable(Code.OVERLOADED, after_s=self.says_s)


async def test_registering_waits_as_long_as_it_is_told(autojump_clock: trio.testing.MockClock) -> None:
    route = Route(busy_s=7.0, says_s=4.0)
    start = trio.current_time()
    await _register(route, "ann", "pw", 30.0)
    assert [round(at - start, 3) for at in route.asked] == [0, 4, 8]


async def test_registering_does_not_wait_longer_than_it_may(autojump_clock: trio.testing.MockClock) -> None:
    start = trio.current_time()
    with pytest.raises(Unavailable) as error:
        await _register(Route(busy_s=99.0, says_s=4.0), "ann", "pw", 9.0)
    assert error.value.code == Code.OVERLOADED
    assert trio.current_time() - start <= 9.0


class Handler:
    """A client that never finds a place."""

    returning = False
    ephemeral = True

    def __init__(self, *after_s: float) -> None:
        self.after_s = list(after_s)
        self.pauses: list[float] = []

    async def find_place(self, avoid: list[str]) -> Place:
        await trio.lowlevel.checkpoint()
        if not self.after_s:
            raise Refused(Code.BAD_PASSWORD)
        raise Unavailable(Code.NO_SERVER, after_s=self.after_s.pop(0))

    def connected(self, welcome: LoginOk) -> None: ...
    def received(self, message: object) -> None: ...
    def to_write(self, now: float) -> list[object]:
        return []

    def disconnected(self, retry_in_s: float, why: CimError) -> None:
        self.pauses.append(retry_in_s)

    def device_forgotten(self) -> None: ...


async def test_a_login_is_tried_again_no_sooner_than_route_says(autojump_clock: trio.testing.MockClock) -> None:
    handler = Handler(0.0, 20.0, 0.0)
    start = trio.current_time()
    with pytest.raises(Refused):
        await Link(handler).run()
    assert handler.pauses[0] <= 2 * BACK_OFF_BASE_S
    assert handler.pauses[1] == 20.0
    assert handler.pauses[2] < 20.0
    assert trio.current_time() - start == pytest.approx(sum(handler.pauses))
