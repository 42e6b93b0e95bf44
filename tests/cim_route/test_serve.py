"""Route over real sockets, and as a process."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from waitress.channel import HTTPChannel

from cim_common.accept import Append
from cim_common.registry import Server
from cim_common.registry.leases import LeaseRegistry
from cim_route.inline import Inline
from cim_route.link import Link
from cim_route.serve import MAX_HEADER_BYTES, MAX_RECEIVED_BYTES, THREADS, RouteServer, serve
from cim_route.watcher import MAX_WAITING
from tests.cim_route.conftest import PASSWORD, SECRET, Route
from tests.real_servers import eventually


@pytest.fixture
def port(route: Route) -> Iterator[int]:
    port, stop = serve(route.app, "127.0.0.1", 0)
    yield port
    stop()


def call(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_register_log_in_and_send(port: int) -> None:
    account = json.dumps({"name": "älice", "password": PASSWORD}, ensure_ascii=False).encode()
    assert call(port, "POST", "/v1/register", account)[0] == 201
    status, found = call(port, "POST", "/v1/login", account)
    assert status == 200
    message = json.dumps({"to": "lobby", "text": "hello"}).encode()
    assert call(port, "POST", "/v1/messages", message, Authorization=f"Bearer {found['token']}")[0] == 201


def test_an_answer_is_one_write(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    write_soon = HTTPChannel.write_soon

    def write(channel: HTTPChannel, data: bytes) -> Any:
        written.append(data)
        return write_soon(channel, data)

    monkeypatch.setattr(HTTPChannel, "write_soon", write)
    assert call(port, "GET", "/v1/names/nobody") == (200, {"name": "nobody", "taken": False})
    assert len(written) == 1


def test_a_bug_in_the_thread_of_the_network_ends_neither_it_nor_the_listener(
    route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: list[str] = []

    def turn(timeout_s: float) -> None:
        monkeypatch.undo()
        monkeypatch.setattr(server._waitress, "channel_class", channel)
        broken.append("poll")
        raise ValueError

    def channel(_: Any, accepted: socket.socket, *__: Any, **more: Any) -> None:
        monkeypatch.undo()
        broken.append("accept")
        accepted.close()
        raise ValueError

    server = RouteServer(route.app, "127.0.0.1", 0, threads=1)
    monkeypatch.setattr(server._sockets, "turn", turn)
    with running(server), socket.create_connection(("127.0.0.1", server.port), 10) as refused:
        assert refused.recv(1) == b""
        assert call(server.port, "GET", "/v1/names/nobody")[0] == 200
    assert broken == ["poll", "accept"]


def test_a_megabyte_of_json_gets_a_problem(port: int) -> None:
    body = json.dumps({"name": "a" * 1_000_000}).encode()
    status, problem = call(port, "POST", "/v1/register", body)
    assert (status, problem["code"]) == (413, 1017)


def raw(port: int, request: bytes) -> tuple[bytes, Any]:
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.sendall(request)
        answer = b""
        while data := sock.recv(65_536):
            answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, json.loads(body)


@contextmanager
def running(server: RouteServer) -> Iterator[RouteServer]:
    """A server that runs in a thread of its own."""
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()


class Lane:
    """Route as it runs, with calls that need no thread; `threads` are the paths of those that had one."""

    def __init__(self, route: Route, url: str) -> None:
        self.threads: list[str] = []
        self.inline = Inline(route.app.parts, route.app.inline_calls, Link(url))
        self.server = RouteServer(self._app(route.app), "127.0.0.1", 0, inline=self.inline)

    def _app(self, app: Any) -> Callable[..., Any]:
        def counting(environ: Any, start_response: Any) -> Any:
            self.threads.append(environ["PATH_INFO"])
            return app(environ, start_response)

        return counting


@pytest.fixture
def lane(route: Route, redis_url: str) -> Iterator[Lane]:
    route.store.check()
    made = Lane(route, redis_url)
    with running(made.server):
        eventually(lambda: made.inline.takes("/v1/login"))
        yield made


@pytest.fixture
def alice(route: Route) -> str:
    """Her header, and a budget leased."""
    header = route.bearer("alice")
    assert route.client().post("/v1/messages", json={"to": "lobby", "text": "x"}, headers=header).status_code == 201
    return header["Authorization"]


def test_logins_with_a_token_and_messages_take_no_thread(lane: Lane, alice: str) -> None:
    port = lane.server.port
    for _ in range(3):
        status, found = call(port, "POST", "/v1/login", Authorization=alice)
        assert (status, found["name"]) == (200, "alice")
        message = json.dumps({"to": "lobby", "text": "hello"}).encode()
        assert call(port, "POST", "/v1/messages", message, Authorization=f"Bearer {found['token']}")[0] == 201
    assert call(port, "POST", "/v1/login", b"{", Authorization=alice)[1]["code"] == 1000
    assert lane.threads == []


def test_others_take_one(lane: Lane, alice: str) -> None:
    port = lane.server.port
    password = json.dumps({"name": "alice", "password": PASSWORD}).encode()
    large = json.dumps({"to": "lobby", "text": "x" * 70_000}).encode()
    assert call(port, "POST", "/v1/login", password)[0] == 200
    assert call(port, "POST", "/v1/login?x=1", Authorization=alice)[0] == 200
    assert call(port, "GET", "/v1/login", Authorization=alice)[0] == 405
    assert call(port, "POST", "/v1/messages", large, Authorization=alice)[0] == 413
    plain = {"Content-Type": "text/plain"}
    assert call(port, "POST", "/v1/messages", b"{}", Authorization=alice, **plain)[0] == 415
    assert lane.threads == ["/v1/login"] * 3 + ["/v1/messages"] * 2


def test_requests_sent_at_once_are_answered_in_their_order(lane: Lane, alice: str) -> None:
    login = f"POST /v1/login HTTP/1.1\r\nHost: x\r\nAuthorization: {alice}\r\n".encode()
    other = b"GET /v1/names/alice HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", lane.server.port), 10) as sock:
        sock.sendall(login + b"\r\n" + other + login + b"\r\n" + other + login + b"Connection: close\r\n\r\n")
        answers = b""
        while data := sock.recv(65_536):
            answers += data
    heads = answers.split(b"HTTP/1.1 ")[1:]
    assert [head[:3] for head in heads] == [b"200"] * 5
    assert [b'"connect_token"' in head for head in heads] == [True, False, True, False, True]


def test_one_of_http_1_0_is_answered_and_closed(lane: Lane, alice: str) -> None:
    head, found = raw(lane.server.port, f"POST /v1/login HTTP/1.0\r\nAuthorization: {alice}\r\n\r\n".encode())
    assert head.split()[:2] == [b"HTTP/1.0", b"200"]
    assert b"Cache-Control: no-store" in head
    assert found["name"] == "alice"
    assert lane.threads == []


def test_one_who_goes_before_the_answer_hurts_nobody(lane: Lane, route: Route, alice: str) -> None:
    settle: list[Callable[[], None]] = []
    route.acceptor.hold = settle.append
    body = b'{"to": "lobby", "text": "x"}'
    head = f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: {alice}\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", lane.server.port), 10) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        eventually(lambda: settle)
    for settled in settle:
        settled()
    assert call(lane.server.port, "POST", "/v1/login", Authorization=alice)[0] == 200
    assert lane.threads == []


def test_a_stop_answers_what_needs_no_thread_too(lane: Lane, route: Route, alice: str) -> None:
    settle: list[Callable[[], None]] = []
    route.acceptor.hold = settle.append
    answers: list[Any] = []
    message = json.dumps({"to": "lobby", "text": "x"}).encode()
    caller = threading.Thread(
        target=lambda: answers.append(call(lane.server.port, "POST", "/v1/messages", message, Authorization=alice))
    )
    caller.start()
    eventually(lambda: settle)
    lane.server.stop()
    eventually(lambda: not lane.server._waitress.accepting)
    for settled in settle:
        settled()
    caller.join(10)
    assert [status for status, _ in answers] == [201]
    eventually(lambda: lane.server._ended)
    lane.inline.settled(Append(lane.inline, "lobby", b"", 0, 0, b"", b"", 0.0))  # finds nobody any more


def test_a_stop_that_comes_as_the_server_ends(route: Route) -> None:
    for _ in range(20):
        server = RouteServer(route.app, "127.0.0.1", 0, threads=1)
        runner = threading.Thread(target=server.run)
        runner.start()
        while runner.is_alive():
            server.stop()
        server.stop()


def test_those_who_wait_take_no_thread_from_the_others(route: Route, port: int) -> None:
    route.register("alice")
    place = route.login("alice")

    def bearer(device: int) -> str:
        return f"Bearer {route.tokens.session(int(place['user_id']), f'd{device}', 1)}"

    answers: list[tuple[int, Any]] = []

    def wait(device: int) -> None:
        answers.append(call(port, "GET", "/v1/events?wait_s=9", Authorization=bearer(device)))

    threads = [threading.Thread(target=wait, args=(device,)) for device in range(MAX_WAITING)]
    for thread in threads:
        thread.start()
    eventually(lambda: sum(one.primed for one in route.watcher._waiting) == MAX_WAITING)
    connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=10) for _ in range(THREADS - MAX_WAITING)]
    for connection in connections:
        connection.request("GET", "/v1/names/alice")
    assert {connection.getresponse().status for connection in connections} == {200}
    status, problem = call(port, "GET", "/v1/events?wait_s=9", Authorization=bearer(99))
    assert (status, problem["code"]) == (429, 2010)
    assert not answers
    route.watcher.close()
    for thread in threads:
        thread.join(20)
    assert {status for status, _ in answers} == {200}
    for connection in connections:
        connection.close()


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"POST /v1/login HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_RECEIVED_BYTES + 1), 413, 1017),
        ((b"GET / HTTP/1.1\r\nX: ").ljust(MAX_HEADER_BYTES, b"x"), 431, 1017),
        (b"POST /v1/login HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, 1000),
        (b"GET\r\n\r\n", 400, 1000),
    ],
)
def test_what_never_reaches_the_app_gets_a_problem_too(port: int, request_bytes: bytes, status: int, code: int) -> None:
    head, problem = raw(port, request_bytes)
    assert head.split()[:2] in ([b"HTTP/1.0", b"%d" % status], [b"HTTP/1.1", b"%d" % status])
    assert b"Content-Type: application/problem+json" in head
    assert (problem["status"], problem["code"]) == (status, code)


def test_a_chunked_body_is_bounded_as_well(port: int) -> None:
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    request = (
        b"POST /v1/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + 2 * chunk + b"0\r\n\r\n"
    )
    assert raw(port, request)[1]["code"] == 1017


def test_a_stop_answers_what_was_asked_and_frees_the_port() -> None:
    entered, go = threading.Event(), threading.Event()

    def app(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
        entered.set()
        assert go.wait(10)
        start_response("200 OK", [("Content-Length", "4")])
        return [b"true"]

    server = RouteServer(app, "127.0.0.1", 0)
    runner = threading.Thread(target=server.run)
    runner.start()
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(call(server.port, "GET", "/")))
    caller.start()
    assert entered.wait(10)
    server.stop()
    go.set()
    caller.join(10)
    runner.join(10)
    assert not runner.is_alive()
    assert answers == [(200, True)]
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), 1)


def test_route_as_a_process(redis_url: str, tmp_path: Path, listener: socket.socket) -> None:
    ready = tmp_path / "ready"
    program = (
        "import sys; from cim_route.serve import run; from cim_route.settings import RouteSettings; "
        f"sys.exit(run(RouteSettings({redis_url!r}, {SECRET!r}, port=int(sys.argv[2]), ready_file=sys.argv[1])))"
    )

    def start(port: int, file: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", program, str(file), str(port)], stderr=subprocess.PIPE)

    registry = LeaseRegistry(redis_url)
    registry.start()
    registry.register(Server("s1", "1", "127.0.0.1", listener.getsockname()[1], 1, 0, "0"))
    with start(0, ready) as process:
        try:
            eventually(ready.exists, 30)
            record = json.loads(ready.read_text())
            assert record["pid"] == process.pid
            port = int(record["route"].rpartition(":")[2])
            eventually(lambda: call(port, "GET", "/readyz")[0] == 200)
            account = json.dumps({"name": "alice", "password": PASSWORD}).encode()
            assert call(port, "POST", "/v1/register", account)[0] == 201
            assert call(port, "POST", "/v1/login", account)[1]["server"]["id"] == "s1"
            with start(port, tmp_path / "second") as second:
                assert second.stderr is not None
                assert b"choose another port" in second.stderr.read()
            assert second.returncode == 1
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(15) == 0
        finally:
            process.kill()
            registry.close()
