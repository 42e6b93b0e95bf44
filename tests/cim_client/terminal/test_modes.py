"""Whatever ends `cim chat`, the terminal is as it was: its settings, its cursor, its colours, no bracketed paste."""

import inspect
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cim_client.terminal.chat import Session
from tests.terminals import DEADLINE_S, Terminal

PASSWORD = "correct horse"
CRASHING = str(Path(__file__).with_name("crashing.py"))

TASKS = sorted(
    name
    for name in set(re.findall(r"self\.(_\w+)", inspect.getsource(Session.run)))
    if inspect.iscoroutinefunction(getattr(Session, name, None)) and name not in ("_greet", "_settle")
)
BUGS = [
    *[("cim_client.terminal.chat.Session", task) for task in TASKS],
    ("cim_client.terminal.spool.Spool", "run"),
    ("cim_client.terminal.reading.ReadMarks", "run"),
    ("cim_client.terminal.prompt.PromptConsole", "_bar"),
    ("cim_client.terminal.prompt.PromptConsole", "_enter"),
    ("cim_client.terminal.prompt.PromptConsole", "_take"),
    ("cim_client.terminal.prompt.PromptConsole", "status"),
    ("cim_client.terminal.printing.Printer", "_print"),
]


def test_there_are_tasks() -> None:
    assert {"_type", "_watch", "_receive", "_post"} <= set(TASKS)


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


@pytest.mark.parametrize("how", ["\x04", "\x03\x04", ":q!\r", signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_every_ending(chat: Terminal, how: str | int) -> None:
    chat.type("half a line")
    chat.until("> half a line")
    if isinstance(how, str):
        chat.type("\x15" + how)
    else:
        chat.process.send_signal(how)
    assert chat.wait() == 0
    assert chat.is_sane()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminal_that_takes_nothing_keeps_nobody(chat: Terminal, number: int) -> None:
    """Its window hangs, say: what is written to it waits for ever."""
    chat.hold()
    chat.type("@say bob one\r@say bob two\r")
    chat.process.send_signal(number)
    assert chat.process.wait(DEADLINE_S) in (0, 1)
