"""A shell in tmux: what a terminal multiplexer shows better than a bare pty (detaching, reflow, job control)."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.real_servers import eventually
from tests.terminals import COLUMNS, ROWS, Terminal, Wanted

MAX_SCROLLBACK_ROWS = 5_000


class Tmux:
    """A tmux server of its own with one window, in which an interactive shell runs."""

    def __init__(self, env: Mapping[str, str], shell: str = "bash --norc --noprofile -i") -> None:
        if shutil.which("tmux") is None:
            pytest.fail("tmux is not installed: run tools/test, or apt-get install tmux.")
        self._folder = Path(tempfile.mkdtemp(prefix="cim-tmux-"))  # a socket's path has to be short
        self._socket = self._folder / "tmux"
        settings = self._folder / "tmux.conf"
        settings.write_text(f"set -g history-limit {MAX_SCROLLBACK_ROWS}\nset -g status off\n")
        self._env = {k: v for k, v in os.environ.items() if k != "TMUX"} | dict(env) | {"HISTFILE": ""}
        self.run(
            "-f", str(settings), "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS),
            f"exec env 'PS1=$ ' {shell}",
        )  # fmt: skip
        self.until(lambda screen: screen.endswith("$"))

    def run(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-S", str(self._socket), *words],
            env=self._env, check=False, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        assert done.returncode == 0, f"tmux {words}: {done.stderr}"
        return done.stdout

    def type(self, text: str) -> None:
        self.run("send-keys", "-l", "--", text)

    def keys(self, *names: str) -> None:
        """Keys by tmux' names: Enter, C-z, M-Enter."""
        self.run("send-keys", *names)

    def enter(self, line: str) -> None:
        self.type(line)
        self.keys("Enter")

    def text(self) -> str:
        return self.run("capture-pane", "-p").rstrip()

    def scrollback(self) -> str:
        return self.run("capture-pane", "-p", "-S", "-").rstrip()

    def until(self, what: Wanted) -> str:
        """The screen as soon as it contains (or satisfies) `what`."""
        last = ""

        def holds() -> bool:
            nonlocal last
            last = self.text()
            return what in last if isinstance(what, str) else what(last)

        try:
            eventually(holds)
        except pytest.fail.Exception:
            pytest.fail(f"never on the screen: {what}\n{self.scrollback()}")
        return last

    def until_shell(self) -> str:
        """The shell asks for a command again."""
        return self.until(lambda screen: screen.endswith("$"))

    def resize(self, columns: int, rows: int) -> None:
        self.run("resize-window", "-x", str(columns), "-y", str(rows))

    def attach(self, columns: int = COLUMNS, rows: int = ROWS) -> Terminal:
        """A terminal that shows the window; Ctrl-B D detaches it."""
        return Terminal(["tmux", "-u", "-S", str(self._socket), "attach"], self._env, columns, rows)

    def close(self) -> None:
        subprocess.run(["tmux", "-S", str(self._socket), "kill-server"], check=False, capture_output=True, timeout=30)
        shutil.rmtree(self._folder)
