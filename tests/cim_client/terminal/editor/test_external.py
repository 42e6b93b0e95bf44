"""The external editor has the terminal, and gives it back."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cim_client.terminal.editor.external import NotEdited, command
from tests.terminals import Terminal

EDIT = "\x18\x05"  # Ctrl-X Ctrl-E

EDITOR = """
import os, pathlib, select, signal, sys, termios
file = pathlib.Path(sys.argv[2])
signals, told = os.pipe()
os.set_blocking(told, False)
signal.set_wakeup_fd(told)
signal.signal(signal.SIGINT, lambda *_: None)
assert termios.tcgetattr(0)[3] & termios.ICANON
print("EDITING", repr(file.read_text()), oct(file.stat().st_mode & 0o777), flush=True)
while sys.stdin not in select.select([sys.stdin, signals], [], [])[0]:
    os.read(signals, 1)
    print("INTERRUPTED", flush=True)
answer = sys.stdin.readline().strip()
if answer == "fail":
    sys.exit(1)
file.write_text(answer.replace("|", chr(10)) + chr(10))
"""

Open = Callable[..., Terminal]


@pytest.fixture
def editing(typists: Open, tmp_path: Path) -> Terminal:
    """A prompt whose editor asks for the new text, at "half"."""
    editor = tmp_path / "editor.py"
    editor.write_text(EDITOR)
    terminal = typists(VISUAL=f"'{sys.executable}' '{editor}' '{tmp_path}'")
    terminal.type("@told\rhalf" + EDIT)
    terminal.until("EDITING 'half' 0o600")
    return terminal


def test_the_text_comes_back_into_the_line(editing: Terminal) -> None:
    editing.type("one|two\r")
    editing.until("lobby> one\n  two\n bar")
    editing.type("!\r")
    editing.until("got 'one\\ntwo!'")


def test_a_line_typed_before_is_done_and_shown_afterwards(typists: Open, tmp_path: Path) -> None:
    editor = tmp_path / "editor.py"
    editor.write_text(EDITOR)
    terminal = typists(VISUAL=f"'{sys.executable}' '{editor}' '{tmp_path}'")
    terminal.type("@flood 2000\r" + EDIT)
    terminal.until("EDITING ''")
    terminal.read(0.2)
    assert "flooded" not in terminal.scrollback()
    terminal.type("text\r")
    terminal.until("flooded")
    terminal.until("lobby> text")
    printed = [row for row in terminal.scrollback().splitlines() if row.startswith("* message")]
    assert printed == [f"* message {number}" for number in range(2000)]


def test_an_editor_that_fails_leaves_the_line(editing: Terminal) -> None:
    editing.type("fail\r")
    editing.until("failed: the line is as it was")
    editing.until("lobby> half")


def test_an_interrupt_is_the_editors(editing: Terminal) -> None:
    editing.type("\x03")
    editing.until("INTERRUPTED")
    editing.type("text\r")
    editing.until("lobby> text")
    editing.process.send_signal(signal.SIGINT)
    assert editing.wait() != 0  # it means something to us again


def test_leaving_while_one_edits(editing: Terminal) -> None:
    editing.process.send_signal(signal.SIGUSR2)
    assert editing.wait() == 0
    assert editing.is_sane()
    assert "left half typed: 'half'" in editing.text()


def test_resizing_and_messages_are_not_seen_while_one_edits(editing: Terminal) -> None:
    """Not a byte of ours goes to the editor's screen."""
    editing.read(0.1)
    written = len(editing.seen)
    editing.process.send_signal(signal.SIGUSR1)
    editing.resize(70, 20)
    editing.read(0.3)
    assert editing.seen[written:] == ""
    editing.type("text\r")
    assert "told" in editing.until("lobby> text")


def test_no_such_editor(typists: Open) -> None:
    terminal = typists(VISUAL="/no/such/editor")
    terminal.type("half" + EDIT)
    terminal.until("/no/such/editor: No such file or directory")
    terminal.until("lobby> half")


def test_which_editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VISUAL", "code --wait 'a b'")
    monkeypatch.setenv("EDITOR", "ed")
    assert command() == ["code", "--wait", "a b"]
    monkeypatch.setenv("VISUAL", "")
    assert command() == ["ed"]
    monkeypatch.setenv("VISUAL", "a 'quote that does not end")
    assert command() == ["ed"]
    monkeypatch.delenv("EDITOR")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotEdited, match="EDITOR"):
        command()
    (tmp_path / "vi").touch(0o755)
    assert command() == [str(tmp_path / "vi")]
