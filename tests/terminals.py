"""A terminal for programs under test: a pty with an emulator behind it; the test types and looks at the screen."""

import fcntl
import itertools
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import pyte
import pytest
from wcwidth import wcwidth

from tests.real_servers import SLOWNESS

COLUMNS, ROWS = 80, 24
DEADLINE_S = 10.0 * SLOWNESS

MAX_SCROLLBACK_ROWS = 20_000

Wanted = Callable[[str], bool] | str
"""What a screen is to contain, or to satisfy."""


class Emulator(pyte.Screen):
    """A terminal that keeps what leaves it at the top, and notes when it would have to answer something."""

    def __init__(self, columns: int, rows: int) -> None:
        self.answers: list[str] = []
        self.bells = 0
        self.above: deque[str] = deque(maxlen=MAX_SCROLLBACK_ROWS)
        super().__init__(columns, rows)

    def write_process_input(self, data: str) -> None:
        self.answers.append(data)

    def bell(self, *_: object) -> None:
        self.bells += 1

    def draw(self, data: str) -> None:
        """What has no width joins the character before it; pyte would drop it, and all that follows."""
        for joins, run in itertools.groupby(data, _joins):
            if joins:
                cell = self.buffer[self.cursor.y][max(self.cursor.x - 1, 0)]
                self.buffer[self.cursor.y][max(self.cursor.x - 1, 0)] = cell._replace(data=cell.data + "".join(run))
            else:
                super().draw("".join(run))

    def index(self) -> None:
        if self.cursor.y == self.lines - 1 and self.margins is None:
            self.above.append(self.row(0))
        super().index()

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Like xterm: the cursor's row stays, rows above it go into the scrollback. No row is folded anew."""
        lines, columns = lines or self.lines, columns or self.columns
        away = max(self.cursor.y - lines + 1, 0)
        self.above.extend(self.row(number) for number in range(away))
        kept = {number: self.buffer[number + away] for number in range(lines) if number + away in self.buffer}
        self.buffer.clear()
        self.buffer.update(kept)
        for line in self.buffer.values():
            for column in range(columns, self.columns):
                line.pop(column, None)
        self.lines, self.columns = lines, columns
        self.cursor.x, self.cursor.y = min(self.cursor.x, columns - 1), self.cursor.y - away
        self.set_margins()

    def row(self, number: int) -> str:
        """A row as one reads it: the second cell of a wide character holds no character."""
        line = self.buffer[number]
        return "".join(line[column].data for column in range(self.columns)).rstrip()


def _joins(char: str) -> bool:
    """Joiners, variation selectors, isolates, vowel signs."""
    return wcwidth(char) == 0 and not unicodedata.combining(char)


class Terminal:
    """A program on a terminal of its own, the leader of a session, as a login makes it."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str] | None = None, columns: int = COLUMNS, rows: int = ROWS
    ) -> None:
        self.emulator = Emulator(columns, rows)
        self.seen = ""
        self._stream = pyte.ByteStream(self.emulator)
        self._master, self._slave = pty.openpty()
        self._set_size(columns, rows)
        self.settings = self._settings()
        slave = self._slave

        def own_terminal() -> None:
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            # As a login does: tests that run as a shell's background job have inherited an ignored SIGINT, and hand
            # it on; Ctrl-C would do nothing.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.signal(signal.SIGQUIT, signal.SIG_DFL)

        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=own_terminal,
            env=os.environ | {"TERM": "xterm-256color"} | dict(env or {}),
        )  # fmt: skip

    def type(self, text: str) -> None:
        self.type_bytes(text.encode())

    def type_bytes(self, data: bytes) -> None:
        os.write(self._master, data)

    def resize(self, columns: int, rows: int) -> None:
        """The program is told with SIGWINCH, by the kernel."""
        self.read(0)
        self.emulator.resize(rows, columns)
        self._set_size(columns, rows)

    def until(self, what: Wanted) -> str:
        """The screen as soon as it contains (or satisfies) `what`; fails at the deadline, showing the screen."""
        return self._until(what, self.text)

    def until_read(self, what: Wanted) -> str:
        """The same of screen and scrollback."""
        return self._until(what, self.scrollback)

    def text(self) -> str:
        return "\n".join(self.emulator.row(number) for number in range(self.emulator.lines)).rstrip()

    def scrollback(self) -> str:
        """All that can be scrolled to, the screen at its end."""
        return "\n".join([*self.emulator.above, self.text()])

    def wait(self) -> int:
        """The exit code; what the program writes meanwhile is read, or it could not leave."""
        deadline = time.monotonic() + DEADLINE_S
        while (code := self.process.poll()) is None:
            if time.monotonic() > deadline:
                pytest.fail(f"did not leave\n{self.text()}")
            self.read(0.05)
        self.read(0.05)
        return code

    def is_sane(self) -> bool:
        """Whether the terminal is as it was before the program: its settings, and what it was told to do.

        That is modes (the cursor visible, no bracketed paste), and the colours of what is written next.
        """
        self.read(0)
        before = Emulator(self.emulator.columns, self.emulator.lines)
        told = (self.emulator.mode, self.emulator.cursor.attrs, self.emulator.cursor.hidden)
        return self._settings() == self.settings and told == (before.mode, before.cursor.attrs, before.cursor.hidden)

    def hold(self) -> None:
        """Nothing is taken any more: whoever writes waits."""
        termios.tcflow(self._slave, termios.TCOOFF)

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

    def read(self, timeout_s: float) -> None:
        """Take what the program has written, or writes within the time."""
        while select.select([self._master], [], [], timeout_s)[0]:
            data = os.read(self._master, 65_536)
            self.seen += data.decode(errors="replace")
            self._stream.feed(data)
            timeout_s = 0

    def _until(self, what: Wanted, look: Callable[[], str]) -> str:
        deadline = time.monotonic() + DEADLINE_S
        while not _holds(what, look()):
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.read(0.05)
                if _holds(what, look()):
                    break
                pytest.fail(f"never on the screen: {what}\n{look()}")
            self.read(0.05)
        return look()

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _settings(self) -> list[object]:
        return list(termios.tcgetattr(self._slave))


def _holds(what: Wanted, text: str) -> bool:
    return what in text if isinstance(what, str) else what(text)
