"""How long programs take until they are of use: `cim up` to ready, `cim chat` to its prompt, `cim --help`.

Each is started several times, as a person would, and the median counts. Accounts and data folders are new; `cim chat`
is measured from its second start on, when the account's token is kept.
"""

import contextlib
import fcntl
import os
import pty
import re
import secrets
import select
import statistics
import subprocess
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from cim.bench import NotMeasured, target
from cim.bench.results import Result
from cim_common.build import program

Progress = Callable[[str], None]

DEADLINE_S = 30.0
STOP_S = 10.0
PROMPT = b">"
"""Of the prompt "> ": the space is drawn by moving the cursor."""

ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[=>]")
"""What a terminal obeys and does not show."""

CIM = tuple(program("cim"))


class StartupError(NotMeasured):
    """A program did not start; one sentence with what it said."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How often each is started, and the IM servers of the cluster."""

    times: int = 5
    servers: int = 2


def run(settings: Settings, progress: Progress = lambda text: None) -> Result:
    """On clusters of its own.

    Raises:
        StartupError, TargetError: something did not start.
    """
    progress("starting cim --help")
    helps = [_help_s() for _ in range(settings.times)]
    ups, chats = [], []
    for number in range(settings.times):
        progress(f"starting cim up, {number + 1} of {settings.times}")
        began = time.monotonic()
        with target.own(settings.servers) as cluster:
            ups.append(time.monotonic() - began)
            if number == settings.times - 1:
                progress("starting cim chat")
                chats = _chats_s(cluster.route, settings.times)
    return Result(
        benchmark="startup",
        settings=asdict(settings),
        figures={
            "help_seconds": statistics.median(helps),
            "up_seconds": statistics.median(ups),
            "up_max_seconds": max(ups),
            "chat_seconds": statistics.median(chats),
            "chat_max_seconds": max(chats),
        },
    )


def _help_s() -> float:
    began = time.monotonic()
    subprocess.run([*CIM, "--help"], check=True, stdout=subprocess.DEVNULL, timeout=DEADLINE_S)
    return time.monotonic() - began


def _chats_s(route: str, times: int) -> list[float]:
    name = f"bench{secrets.token_hex(6)}"
    with tempfile.TemporaryDirectory(prefix="cim-startup-") as folder:
        command = [*CIM, "chat", name, "--route", route, "--data", folder]
        environment = {"CIM_PASSWORD": secrets.token_urlsafe(18), "TERM": "xterm-256color"}
        return [until_shown(command, environment, PROMPT) for _ in range(times + 1)][1:]


def until_shown(command: list[str], environment: dict[str, str], what: bytes) -> float:
    """Seconds until a program shows this in a terminal; it is then told that its input has ended.

    Raises:
        StartupError: it ended or stayed silent.
    """
    with _terminal() as (ours, theirs):
        began = time.monotonic()
        process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | environment, start_new_session=True
        )
        seen = b""
        try:
            while what not in ESCAPES.sub(b"", seen):
                seen += _read(ours, 0.05)
                if time.monotonic() - began > DEADLINE_S or (process.poll() is not None and not _read(ours, 0)):
                    said = ESCAPES.sub(b"", seen).decode(errors="replace").strip()[-500:]
                    raise StartupError(f"{Path(command[0]).name} {' '.join(command[1:4])} did not start: {said}")
            took = time.monotonic() - began
            os.write(ours, b"\x04")
            _let_end(process, ours)
            return took
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


@contextlib.contextmanager
def _terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal of 80 x 24."""
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, b"\x18\x00\x50\x00\x00\x00\x00\x00")
        yield ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


def _read(descriptor: int, seconds: float) -> bytes:
    return os.read(descriptor, 65_536) if select.select([descriptor], [], [], seconds)[0] else b""


def _let_end(process: "subprocess.Popen[bytes]", ours: int) -> None:
    """What it still writes is read, or it could not leave."""
    deadline = time.monotonic() + STOP_S
    while process.poll() is None and time.monotonic() < deadline:
        _read(ours, 0.05)
