"""Calls in the thread of the network, which is the test's: what they take and answer, and what is left to threads."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from waitress.wasyncore import poll2

from cim_common import ids
from cim_common.registry import Server
from cim_common.store import keys
from cim_common.wire.codes import Code
from cim_route.appending import Refused
from cim_route.inline import Inline
from cim_route.link import Link
from cim_route.polled import Sockets
from cim_route.steps import Answer, Asked, Steps
from tests.cim_route.conftest import Program, Route
from tests.cim_route.test_probes import accepted
from tests.real_servers import RealRedis, eventually

LOGIN, MESSAGES = "/v1/login", "/v1/messages"


class Network:
    """Polls and turns; counts the writes to the store and how often it was woken."""

    def __init__(self, route: Route, url: str) -> None:
        self.sockets: Sockets = {}
        self.wakes = 0
        self.writes = 0
        self.link = Link(url)
        self.inline = Inline(route.app.parts, route.app.inline_calls, self.link)
        flush = self.link.flush

        def counted() -> None:
            self.writes += self.link.writable()
            flush()

        self.link.flush = counted  # type: ignore[method-assign]
        self.inline.start(self.sockets, self._woken)
        self.until(lambda: self.link.up)

    def _woken(self) -> None:
        self.wakes += 1

    def turn(self) -> None:
        poll2(0.02, self.sockets)
        self.inline.turn()

    def until(self, condition: Callable[[], Any]) -> None:
        def turned() -> Any:
            self.turn()
            return condition()

        eventually(turned)

    def offer(self, path: str, body: Any, headers: dict[str, str]) -> list[Answer | None]:
        """A request; the list gets its answer."""
        got: list[Answer | None] = []
        spelled = {name.upper().replace("-", "_"): value for name, value in headers.items()}
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.inline.offer(path, Asked(spelled, data), got.append)
        return got

    def answer(self, path: str, body: Any, headers: dict[str, str]) -> Answer | None:
        got = self.offer(path, body, headers)
        self.until(lambda: got)
        return got[0]

    def json(self, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        answer = self.answer(path, body, headers)
        assert answer is not None
        return answer.status, json.loads(answer.body)


@pytest.fixture
def make_network() -> Iterator[Callable[[Route, str], Network]]:
    made: list[Network] = []

    def make(route: Route, url: str) -> Network:
        made.append(Network(route, url))
        return made[-1]

    yield make
    for network in made:
        network.inline.end()
        network.link.close()


@pytest.fixture
def network(make_network: Callable[[Route, str], Network], route: Route, redis_url: str) -> Network:
    route.store.check()
    return make_network(route, redis_url)


@pytest.fixture
def alice(route: Route) -> dict[str, str]:
    """Her header. She is known here already: the first call of a user leases a budget, in a thread."""
    header = route.bearer("alice")
    assert route.client().post(MESSAGES, json={"to": "lobby", "text": "x"}, headers=header).status_code == 201
    route.acceptor.sent.clear()
    return header


def test_logins_of_one_turn_are_one_write_and_one_connection_to_each_server(
    network: Network, route: Route, alice: dict[str, str], listener: socket.socket
) -> None:
    accepted(listener)
    got = [network.offer(LOGIN, {}, alice) for _ in range(10)]
    network.until(lambda: all(got))
    assert network.writes == 1
    assert accepted(listener) == 1
    for (answer,) in got:
        assert answer is not None
        assert answer.status == 200
        found = json.loads(answer.body)
        assert route.tokens.read_connect(found["connect_token"]).name == "alice"
        assert found["server"]["id"] == route.registry.list[0].id


def test_messages_of_one_turn_are_one_write_and_wake_the_network_once(
    network: Network, route: Route, alice: dict[str, str]
) -> None:
    settle: list[Callable[[], None]] = []
    route.acceptor.hold = settle.append
    got = [network.offer(MESSAGES, {"to": "lobby", "text": f"{n}"}, alice) for n in range(10)]
    network.until(lambda: len(settle) == 10)
    assert network.writes == 1
    wakes = network.wakes
    acceptors = threading.Thread(target=lambda: [settled() for settled in settle])
    acceptors.start()
    acceptors.join()
    assert network.wakes == wakes + 1
    network.turn()
    assert [json.loads(answer.body)["seq"] for (answer,) in got if answer] == list(range(1, 11))
    assert network.inline._appending == {}


TOO_LONG = "x" * 16_385
STRANGERS = ids.direct(ids.MIN_USER_ID + 1, ids.MIN_USER_ID + 2)
REQUESTS: list[tuple[str, Any, dict[str, str]]] = [
    (LOGIN, None, {}),
    (LOGIN, {}, {}),
    (LOGIN, {"device_id": "d9"}, {}),
    (LOGIN, {"device_id": "No!"}, {}),
    (LOGIN, {"device_id": "http"}, {}),
    (LOGIN, {"name": "alice"}, {}),
    (LOGIN, {"exclude": "x"}, {}),
    (LOGIN, {"exclude": ["127.0.0.1:1"]}, {}),
    (LOGIN, b"{", {}),
    (LOGIN, b"[]", {}),
    (LOGIN, b'{"name": "\\ud800"}', {}),
    (LOGIN, b"\xff", {}),
    (LOGIN, b"[" * 60_000, {}),
    (LOGIN, {}, {"Authorization": "Bearer x.y"}),
    (LOGIN, {}, {"Authorization": "Basic x"}),
    (MESSAGES, {"to": "lobby", "text": "x"}, {}),
    (MESSAGES, {"to": "lobby", "text": "ä", "reply_to": 4}, {"Idempotency-Key": "k1"}),
    (MESSAGES, {"to": "Bob", "text": "x"}, {"Idempotency-Key": "k2"}),
    (MESSAGES, {"to": "@bob", "text": "x"}, {"Idempotency-Key": "k2"}),
    (MESSAGES, {"conversation": "@bob", "text": "x"}, {"Idempotency-Key": "k3"}),
    (MESSAGES, {"to": "nobody", "text": "x"}, {}),
    (MESSAGES, {"to": "@nobody", "text": "x"}, {}),
    (MESSAGES, {"to": "4", "text": "x"}, {}),
    (MESSAGES, {"to": "lobby", "conversation": "lobby", "text": "x"}, {}),
    (MESSAGES, {"text": "x"}, {}),
    (MESSAGES, {"to": "lobby"}, {}),
    (MESSAGES, {"to": "lobby", "text": 5}, {"Idempotency-Key": "a b"}),
    (MESSAGES, {"to": "lobby", "text": " "}, {}),
    (MESSAGES, {"to": "lobby", "text": TOO_LONG}, {}),
    (MESSAGES, {"to": "lobby", "text": "x", "reply_to": 0}, {}),
    (MESSAGES, {"conversation": STRANGERS, "text": "x"}, {}),
    (MESSAGES, None, {}),
    (MESSAGES, {"to": "lobby", "text": "x"}, {"Idempotency-Key": "a b"}),
    (MESSAGES, {"to": "lobby", "text": "x"}, {"Idempotency-Key": ""}),
    (MESSAGES, {"to": "lobby", "text": "x"}, {"Authorization": ""}),
]


def told(headers: Any) -> dict[str, str]:
    ours = ("Content-Type", "Cache-Control", "Retry-After", "WWW-Authenticate")
    return {name: headers[name] for name in ours if name in headers}


def steady(document: dict[str, Any]) -> dict[str, Any]:
    """A document without what differs from call to call: tokens, their ends, seqs, ids of messages without a key."""
    moving = ("token", "connect_token", "token_expires_at", "connect_expires_at", "seq")
    found = {name: "..." if name in moving else value for name, value in document.items()}
    if len(found.get("message_id", "")) == len("http:") + 24:
        found["message_id"] = "own"
    return found


@pytest.mark.parametrize(("path", "body", "headers"), REQUESTS)
def test_the_answer_is_the_same_as_from_a_thread(
    network: Network, route: Route, alice: dict[str, str], path: str, body: Any, headers: dict[str, str]
) -> None:
    route.register("bob")
    headers = {**alice, **headers}
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    other = route.client().post(path, data=data, headers=headers, content_type="application/json")
    answer = network.answer(path, body, headers)
    assert answer is not None
    assert steady(json.loads(answer.body)) == steady(other.json)
    assert answer.status == other.status_code
    assert told(dict(answer.headers)) == told(other.headers)
    sent = [one._replace(message_key="") if one.own_key else one for one in route.acceptor.sent]
    assert sent[: len(sent) // 2] == sent[len(sent) // 2 :]


@pytest.mark.parametrize(
    "refused",
    [
        Refused(Code.SENDER_LIMIT, 2.2),
        Refused(Code.STORE_UNAVAILABLE, 1.0),
        Refused(Code.ID_REUSED),
        Refused(Code.NOT_A_MEMBER),
        Refused(Code.OUTCOME_UNKNOWN, 1.0),
    ],
)
def test_a_refusal_is_the_same_as_from_a_thread(
    network: Network, route: Route, alice: dict[str, str], refused: Refused
) -> None:
    body, headers = {"to": "lobby", "text": "x"}, {**alice, "Idempotency-Key": "k"}
    route.acceptor.refusals = [refused, refused]
    other = route.client().post(MESSAGES, json=body, headers=headers)
    answer = network.answer(MESSAGES, body, headers)
    assert answer is not None
    assert (answer.status, json.loads(answer.body)) == (other.status_code, other.json)
    assert told(dict(answer.headers)) == told(other.headers)


def test_a_login_with_a_password_is_for_a_thread(network: Network, route: Route) -> None:
    route.register("alice")
    assert network.offer(LOGIN, {"name": "alice", "password": "x"}, {}) == [None]


def test_servers_known_by_name_are_for_a_thread(network: Network, route: Route, alice: dict[str, str]) -> None:
    route.registry.list = (*route.registry.list, route.registry.list[0]._replace(id="s9", host="localhost"))
    assert network.offer(LOGIN, {}, alice) == [None]


def test_a_budget_that_is_used_up_is_for_a_thread(network: Network, route: Route, redis_url: str) -> None:
    header = route.bearer("bob")
    body = {"to": "lobby", "text": "x"}
    assert network.answer(MESSAGES, body, header) is None
    assert route.acceptor.sent == []
    assert route.client().post(MESSAGES, json=body, headers=header).status_code == 201
    assert network.json(MESSAGES, body, header)[0] == 201
    (purse,) = route.app.parts.budgets._purses.values()
    left = purse.left
    assert network.json(MESSAGES, body, header)[0] == 201
    assert purse.left == left - 1
    with purse.lock:
        assert network.answer(MESSAGES, body, header) is None


def test_the_unmetered_have_no_budget(network: Network, route: Route) -> None:
    header = route.bearer("bob")
    user = route.tokens.read_session(header["Authorization"].removeprefix("Bearer ")).user
    route.store.run(free(user))
    assert network.json(MESSAGES, {"to": "lobby", "text": "x"}, header)[0] == 201
    assert route.app.parts.budgets.kept == 0


def free(user: int) -> Any:
    yield [("HSET", keys.user(user), "free", 1)]


def test_a_token_logs_in_so_often_a_second(network: Network, alice: dict[str, str]) -> None:
    answers = [network.json(LOGIN, {}, alice) for _ in range(60)]
    refused = [document["code"] for status, document in answers if status == 429]
    assert refused
    assert set(refused) == {Code.TOO_MANY_ATTEMPTS}


def test_without_a_server_that_answers(
    network: Network, route: Route, alice: dict[str, str], make_server: Callable[..., Server], listener: socket.socket
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    route.registry.list = (make_server(port, name="dead"), *route.registry.list)
    accepted(listener)
    assert network.json(LOGIN, {}, alice)[1]["server"]["id"] != "dead"
    assert accepted(listener) == 1
    route.registry.list = route.registry.list[:1]
    status, document = network.json(LOGIN, {}, alice)
    assert (status, document["code"]) == (503, Code.NO_SERVER)


@pytest.mark.parametrize(("key", "tries"), [({}, 2), ({"Idempotency-Key": "k"}, 1)])
def test_an_append_that_takes_too_long_is_unknown(
    network: Network, route: Route, alice: dict[str, str], key: dict[str, str], tries: int
) -> None:
    settle: list[Callable[[], None]] = []
    route.acceptor.hold = settle.append
    got = network.offer(MESSAGES, {"to": "lobby", "text": "x"}, {**alice, **key})
    for number in range(1, tries + 1):
        network.until(lambda number=number: len(settle) == number)  # type: ignore[misc]
        network.inline._check(time.monotonic() + 3.9)
        assert got == []
        network.inline._check(time.monotonic() + 8.1)
    (answer,) = got
    assert answer is not None
    assert (answer.status, json.loads(answer.body)["code"]) == (503, Code.OUTCOME_UNKNOWN)
    assert len({sent.message_key for sent in route.acceptor.sent}) == 1
    for settled in settle:
        settled()
    network.turn()
    assert len(got) == 1


def test_another_try_that_is_settled_at_once_is_answered_in_the_same_turn(
    network: Network, route: Route, alice: dict[str, str]
) -> None:
    held: list[Callable[[], None]] = []
    route.acceptor.hold = held.append
    got = network.offer(MESSAGES, {"to": "lobby", "text": "x"}, alice)
    network.until(lambda: held)
    route.acceptor.hold = lambda settled: settled()
    for call in network.inline._appending.values():
        call.due = 0.0
    network.inline._check_at = 0.0
    network.inline.turn()
    assert len(got) == 1


def test_a_store_that_goes_away(
    make_network: Callable[[Route, str], Network],
    make_route: Callable[..., Route],
    new_redis: Callable[[], RealRedis],
) -> None:
    server = new_redis()
    route = make_route(server.url)
    header = {"Authorization": f"Bearer {route.tokens.session(int(route.register('alice')), 'd1', 1)}"}
    network = make_network(route, server.url)
    assert network.inline.takes(LOGIN)
    assert not network.inline.takes("/v1/logout")
    server.pause()
    got = network.offer(LOGIN, {}, header)
    network.turn()
    network.inline._check(time.monotonic() + 3)
    (answer,) = got
    assert answer is not None
    assert (answer.status, json.loads(answer.body)["code"]) == (503, Code.STORE_UNAVAILABLE)
    assert dict(answer.headers)["Retry-After"] == "1"
    assert not network.inline.takes(LOGIN)
    server.resume()
    network.until(lambda: network.inline.takes(LOGIN))


def test_a_bug_is_told_and_hurts_nobody_else(network: Network, alice: dict[str, str]) -> None:
    def broken(asked: Asked) -> Steps[Answer]:
        yield [("PING",)]
        raise ZeroDivisionError

    network.inline._calls = {**network.inline._calls, "/broken": broken}
    status, document = network.json("/broken", {}, {})
    assert (status, document["code"]) == (500, Code.INTERNAL)
    assert network.json(LOGIN, {}, alice)[0] == 200


def test_an_error_of_the_store_is_a_bug_too(network: Network, alice: dict[str, str]) -> None:
    def broken(asked: Asked) -> Steps[Answer]:
        yield [("SET", "k", "v"), ("HGET", "k", "f")]
        raise AssertionError

    network.inline._calls = {**network.inline._calls, "/broken": broken}
    assert network.json("/broken", {}, {})[1]["code"] == Code.INTERNAL
    assert network.json(LOGIN, {}, alice)[0] == 200


def test_a_real_append(
    make_network: Callable[[Route, str], Network], live_route: Route, people: list[Program], redis_url: str
) -> None:
    network = make_network(live_route, redis_url)
    people[0].done("POST", "/messages", {"to": "bob", "text": "from a thread"})
    status, stored = network.json(MESSAGES, {"to": "bob", "text": "from here"}, people[0].header)
    assert (status, stored["seq"]) == (201, 2)
    key = {**people[0].header, "Idempotency-Key": "k"}
    first = network.json(MESSAGES, {"to": "carol", "text": "the first of its conversation"}, key)
    assert first == network.json(MESSAGES, {"to": "carol", "text": "the first of its conversation"}, key)
    assert network.json(MESSAGES, {"to": "carol", "text": "other"}, key)[1]["code"] == Code.ID_REUSED
    page = people[1].done("GET", f"/conversations/{stored['conversation']}/messages")
    assert [message["text"] for message in page["messages"]] == ["from here", "from a thread"]
