"""Whatever ends `cim chat`, the terminal is as it was: its settings, its cursor, its colours, no bracketed paste."""

import array
import fcntl
import inspect
import os
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cim_client.terminal.chat import Session
from tests.cim_client.terminal.conftest import command
from tests.real_servers import eventually
from tests.terminals import DEADLINE_S, Terminal

PASSWORD = "correct horse"
PIPE_BYTES = 60_000
"""Nearly what a pipe holds."""

CRASHING = str(Path(__file__).with_name("crashing.py"))

TASKS = sorted(
    name
    for name in set(re.findall(r"self\.(_\w+)", inspect.getsource(Session.run)))
    if inspect.iscoroutinefunction(getattr(Session, name, None)) and name not in ("_greet", "_settle")
)
BUGS = [
    *[("cim_client.terminal.chat.Session", task) for task in TASKS],
    ("cim_client.terminal.posting.Posting", "run"),
    ("cim_client.terminal.display.spool.Spool", "run"),
    ("cim_client.terminal.display.reading.ReadMarks", "run"),
    ("cim_client.terminal.display.directory.Directory", "run"),
    ("cim_client.terminal.editor.assist.Assist", "run"),
    ("cim_client.terminal.editor.entry.Entry", "bar"),
    ("cim_client.terminal.editor.prompt.PromptConsole", "_enter"),
    ("cim_client.terminal.editor.prompt.PromptConsole", "_take"),
    ("cim_client.terminal.editor.prompt.PromptConsole", "status"),
    ("cim_client.terminal.editor.printing.Printer", "_print"),
]


def test_there_are_tasks() -> None:
    assert {"_type", "_watch", "_receive", "_release"} <= set(TASKS)


@pytest.mark.parametrize(
    ("owner", "method"), BUGS, ids=[f"{owner.rpartition('.')[2]}.{method}" for owner, method in BUGS]
)
def test_a_bug_anywhere(terminals: Callable[..., Terminal], tmp_path: Path, owner: str, method: str) -> None:
    chat = terminals(
        [sys.executable, CRASHING, owner, method, "alice", "http://127.0.0.1:1", str(tmp_path)], CIM_PASSWORD=PASSWORD
    )
    chat.until("connected to s1")
    chat.process.send_signal(signal.SIGUSR2)
    deadline = time.monotonic() + DEADLINE_S
    while not (ended := time.monotonic() > deadline) and chat.process.poll() is None:
        chat.type("half a line\r")
        time.sleep(0.05)
        chat.read(0)
    assert not ended, chat.text()
    assert chat.wait() == 1
    assert f"Bug: {method}" in chat.seen, chat.seen[-3000:]
    assert chat.is_sane()


@pytest.mark.parametrize(
    "how", ["\x04", "\x03\x04", ":q!\r", signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT]
)
def test_every_ending(chat: Terminal, how: str | int) -> None:
    chat.type("half a line")
    chat.until("> half a line")
    if isinstance(how, str):
        chat.type("\x15" + how)
    else:
        chat.process.send_signal(how)
    assert chat.wait() == 0
    assert chat.is_sane()


def test_a_terminal_that_takes_nothing_keeps_nobody(chat: Terminal) -> None:
    """Its window hangs, say: what is written to it waits for ever."""
    chat.hold()
    chat.type("@say bob one\r@say bob two\r")
    chat.process.send_signal(signal.SIGHUP)
    assert chat.process.wait(DEADLINE_S) in (0, 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_pipe_that_nobody_reads_keeps_nobody(tmp_path: Path, number: int) -> None:
    piped = subprocess.Popen(
        command(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"CIM_PASSWORD": PASSWORD}, start_new_session=True,
    )  # fmt: skip
    with piped:
        assert piped.stdin is not None
        assert piped.stdout is not None
        piped.stdin.write("@say bob " + "x" * 8_000 + "\n")
        piped.stdin.flush()
        assert piped.stdout.readline()
        piped.stdin.write(("@say bob " + "x" * 8_000 + "\n") * 30)
        piped.stdin.flush()
        eventually(lambda: _readable(piped.stdout) >= PIPE_BYTES)
        piped.send_signal(number)
        assert piped.wait(DEADLINE_S) == 0


def _readable(pipe: object) -> int:
    """How many bytes wait in it."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe.fileno(), termios.FIONREAD, count)  # type: ignore[attr-defined]
    return count[0]
