"""`cim chat` on the SDK's double (double.py), in a terminal (a pty with an emulator behind it) or in pipes."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pyte
import pytest

DEADLINE_S = 30.0 if "CI" in os.environ else 10.0
PASSWORD = "correct horse"
COLUMNS, ROWS = 80, 24


def command(data_dir: Path, route: str = "http://127.0.0.1:1", name: str = "alice") -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("double.py")), name, route, str(data_dir)]


class Emulator(pyte.Screen):
    """A terminal that notes when it would have to answer something."""

    def __init__(self) -> None:
        super().__init__(COLUMNS, ROWS)
        self.answers: list[str] = []

    def write_process_input(self, data: str) -> None:
        self.answers.append(data)


class Terminal:
    """A program on a terminal of its own. The test types and looks at the screen."""

    def __init__(self, argv: list[str], env: dict[str, str]) -> None:
        self.emulator = Emulator()
        self.seen = ""
        self._stream = pyte.ByteStream(self.emulator)
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.settings = self._settings()
        slave = self._slave

        def own_terminal() -> None:
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            # As a login does: tests that run as a shell's background job have inherited an ignored SIGINT, and hand
            # it on; Ctrl-C would do nothing.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.signal(signal.SIGQUIT, signal.SIG_DFL)

        self.process = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ | {"TERM": "xterm-256color"} | env,
            start_new_session=True,
            preexec_fn=own_terminal,
        )

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def until(self, what: Callable[[str], bool] | str) -> str:
        """The screen as soon as it contains (or satisfies) `what`; fails at the deadline, showing the screen."""
        deadline = time.monotonic() + DEADLINE_S
        while not self._holds(what):
            if time.monotonic() > deadline or self.process.poll() is not None:
                self._read(0.05)
                if self._holds(what):
                    break
                pytest.fail(f"never on the screen: {what}\n{self.text()}")
            self._read(0.05)
        return self.text()

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.emulator.display).rstrip()

    def wait(self) -> int:
        """The exit code; what the program writes meanwhile is read, or it could not leave."""
        deadline = time.monotonic() + DEADLINE_S
        while (code := self.process.poll()) is None:
            if time.monotonic() > deadline:
                pytest.fail(f"did not leave\n{self.text()}")
            self._read(0.05)
        self._read(0.05)
        return code

    def is_sane(self) -> bool:
        """Whether the terminal's settings are those it had before the program."""
        return self._settings() == self.settings

    def hang_up(self) -> None:
        os.close(self._master)
        self._master = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._master >= 0:
            self.hang_up()
        os.close(self._slave)

    def _settings(self) -> list[object]:
        return list(termios.tcgetattr(self._slave))

    def _holds(self, what: Callable[[str], bool] | str) -> bool:
        return what in self.text() if isinstance(what, str) else what(self.text())

    def _read(self, timeout_s: float) -> None:
        while select.select([self._master], [], [], timeout_s)[0]:
            data = os.read(self._master, 65_536)
            self.seen += data.decode(errors="replace")
            self._stream.feed(data)
            timeout_s = 0


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
