"""`cim chat` on the SDK's double (double.py), in a terminal (tests/terminals.py) or in pipes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.cim_client.terminal.window import Commands
from tests.terminals import DEADLINE_S, Terminal

PASSWORD = "correct horse"


def command(data_dir: Path, route: str = "http://127.0.0.1:1", name: str = "alice") -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("double.py")), name, route, str(data_dir)]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs started here find our packages, and no password of the developer's."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.delenv("CIM_PASSWORD", raising=False)


@pytest.fixture
def terminals() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_terminal(argv: list[str], **env: str) -> Terminal:
        opened.append(Terminal(argv, env))
        return opened[-1]

    yield open_terminal
    for terminal in opened:
        terminal.close()


@pytest.fixture
def chat(terminals: Callable[..., Terminal], tmp_path: Path) -> Terminal:
    """A running chat of alice, at its prompt."""
    terminal = terminals(command(tmp_path), CIM_PASSWORD=PASSWORD)
    terminal.until("connected to s1")
    terminal.until("earlier 40")
    return terminal


@pytest.fixture
def typists(terminals: Callable[..., Terminal]) -> Callable[..., Terminal]:
    """Opens prompts without a chat behind them (typist.py)."""
    program = str(Path(__file__).with_name("typist.py"))

    def open_typist(**env: str) -> Terminal:
        terminal = terminals([sys.executable, program, "earlier one", "earlier two"], **env)
        terminal.until("lobby>")
        return terminal

    return open_typist


@pytest.fixture
def typist(typists: Callable[..., Terminal]) -> Terminal:
    return typists()


@pytest.fixture
def piped(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs a chat with its stdin and stdout in pipes, and without a terminal."""

    def run(text: str, **env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command(tmp_path),
            input=text,
            env=os.environ | env,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            start_new_session=True,
            check=False,
        )

    return run


@pytest.fixture
def reconnect() -> Callable[[Terminal], None]:
    """Brings the double's connection back."""
    return lambda terminal: terminal.process.send_signal(signal.SIGUSR1)


class Route(HTTPServer):
    """A route that gives one answer to everything."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answer = (200, b'{"taken": false}')
        self.paths: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Route

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def route() -> Iterator[Route]:
    server = Route()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def commands() -> Commands:
    """What commands are run with, and a window that remembers."""
    return Commands()
