"""The loop of callers, against servers that misbehave."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cim.bench.callers import loop
from cim.bench.callers.exchanges import EXCHANGES, Subject
from cim.bench.callers.loop import Loop
from tests.real_servers import eventually

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n{"user_id": "7", "connect_token": "x"}'


class Peer:
    """Accepts connections and gives each, for every request, the next of its answers: parts, each sent by itself.

    After an empty answer it ends the connection; when none is left it says nothing.
    """

    def __init__(self, *answers: list[bytes]) -> None:
        self.answers = list(answers)
        self.connections = 0
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            threading.Thread(target=self._answer, args=(sock,), daemon=True).start()

    def _answer(self, sock: socket.socket) -> None:
        while data := sock.recv(65_536):
            self.requests.append(data)
            if not self.answers:
                continue
            parts = self.answers.pop(0)
            for part in parts:
                sock.sendall(part)
            if not parts:
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        for sock in self._open:
            sock.close()


class Running:
    """A loop in a thread of its own, steered as a process is."""

    def __init__(self, exchange: str, port: int, at_once: int = 1) -> None:
        place = ("127.0.0.1", port)
        subjects = [Subject(7, "anna", "d1", "token", "connect", place, place) for _ in range(at_once)]
        commands, self._tell = os.pipe()
        self._answers, answers = os.pipe()
        self._ends = (commands, answers, self._answers)
        made = Loop(EXCHANGES[exchange], subjects, at_once, commands, answers)
        self._thread = threading.Thread(target=made.run, daemon=True)
        self._thread.start()

    def ask(self, **command: Any) -> Any:
        os.write(self._tell, json.dumps(command).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            answer += os.read(self._answers, 65_536)
        return json.loads(answer)

    def counts(self) -> Any:
        return self.ask(do="mark", keep=True)

    def stop(self) -> Any:
        return self.ask(do="stop")

    def end(self) -> None:
        """Whoever steers it goes away."""
        os.close(self._tell)
        self._thread.join(10)
        assert not self._thread.is_alive()
        for descriptor in self._ends:
            os.close(descriptor)


@pytest.fixture
def new_peer() -> Iterator[Callable[..., Peer]]:
    made: list[Peer] = []

    def make(*answers: list[bytes]) -> Peer:
        made.append(Peer(*answers))
        return made[-1]

    yield make
    for peer in made:
        peer.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts loops that end with the test."""
    made: list[Running] = []

    def make(*args: Any, **kwargs: Any) -> Running:
        made.append(Running(*args, **kwargs))
        return made[-1]

    yield make
    for running in made:
        running.end()


def test_an_answer_in_pieces_is_one_answer_and_the_connection_is_kept(
    new_peer: Callable[..., Peer], start: Callable[..., Running]
) -> None:
    peer = new_peer([OK], [OK[:20], OK[20:60], OK[60:]], [OK])
    running = start("refresh", peer.port)
    eventually(lambda: running.counts()["done"] == 3)
    assert peer.connections == 1
    assert all(request.startswith(b"POST /v1/login HTTP/1.1\r\n") for request in peer.requests)
    assert b"\r\nAuthorization: Bearer token\r\n" in peer.requests[0]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([OK.replace(b'"7"', b'"8"')], "logged in as somebody else"),
        ([OK.replace(b"200 OK", b"429 Too Many Requests")], "HTTP 429: None"),
        ([OK.replace(b"Content-Length", b"X-Length")], "an HTTP answer without Content-Length"),
        ([], "route ended the connection"),
    ],
)
def test_what_is_not_the_right_answer_is_a_failure_and_the_caller_goes_on(
    new_peer: Callable[..., Peer], start: Callable[..., Running], answer: list[bytes], reason: str
) -> None:
    peer = new_peer(answer, [OK])
    running = start("refresh", peer.port)
    eventually(lambda: running.counts()["done"] == 1)
    assert running.counts()["failed"] == 1
    assert peer.connections == 2


def test_a_connection_that_the_answer_ends_is_made_anew(
    new_peer: Callable[..., Peer], start: Callable[..., Running]
) -> None:
    ending = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    peer = new_peer([ending], [ending])
    running = start("refresh", peer.port)
    eventually(lambda: running.counts()["done"] == 2)
    assert running.counts()["failed"] == 0
    assert peer.connections >= 2


def test_a_call_without_an_answer_ends(
    new_peer: Callable[..., Peer], start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CALL_TIMEOUT_S", 0.1)
    monkeypatch.setattr(loop, "PASS_S", 0.05)
    peer = new_peer()
    running = start("connect", peer.port, at_once=3)
    eventually(lambda: running.counts()["failed"] >= 3)
    ended = running.stop()
    assert ended["done"] == 0
    assert ended["began"] == ended["failed"] == sum(ended["reasons"].values())
    assert "no answer in 0.1 s" in ended["reasons"]


def test_what_is_on_its_way_at_the_end_is_a_failure_when_no_answer_comes(
    new_peer: Callable[..., Peer], start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "STOP_S", 0.1)
    peer = new_peer([OK])
    running = start("refresh", peer.port)
    eventually(lambda: running.counts()["done"] == 1)
    ended = running.stop()
    assert (ended["began"], ended["done"], ended["failed"]) == (2, 1, 1)
    assert ended["reasons"] == {"not answered": 1}


def test_a_login_that_is_refused_says_why(new_peer: Callable[..., Peer], start: Callable[..., Running]) -> None:
    peer = new_peer([b"\x00"])
    running = start("connect", peer.port)
    eventually(lambda: running.counts()["failed"] >= 1)
    assert running.stop()["done"] == 0
