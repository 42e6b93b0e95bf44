"""The real `cim chat` in a terminal, as one of several people of a cluster.

What the program shows of itself, and several tests look for, stands here once.
"""

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import trio

from cim_client import CimError, blocking
from tests.real_servers import SLOWNESS, eventually
from tests.system.cluster import Cluster
from tests.system.people import PASSWORD
from tests.terminals import COLUMNS, ROWS, Terminal

CONNECTED = "connected to"
AWAY = "connecting"
"""In the bar while there is no connection: `connecting`, `reconnecting in 2 s`."""

PENDING = "· pending"
STORED = "✓"
_PROMPT = re.compile(r"[^\s:>]*>( |$)")
"""In front of what is typed; outside the lobby the conversation's name stands there."""

ROOT = Path(__file__).parents[3]


def settings(cluster: Cluster, data: Path) -> dict[str, str]:
    """The environment of a chat that is never asked for its password."""
    return {
        "PYTHONPATH": str(ROOT), "CIM_CHAT_ROUTE": cluster.route, "CIM_CHAT_DATA": str(data), "CIM_PASSWORD": PASSWORD,
        "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "TZ": "UTC",
    }  # fmt: skip


def command(name: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "cim", "chat", name, *options]


class Chat(Terminal):
    """`cim chat NAME` at its prompt."""

    def __init__(
        self,
        name: str,
        env: Mapping[str, str],
        *options: str,
        columns: int = COLUMNS,
        rows: int = ROWS,
        within: Sequence[str] = (),
    ) -> None:
        self.name = name
        super().__init__([*within, *command(name, *options)], env, columns, rows)

    def enter(self, line: str) -> None:
        self.type(line + "\r")

    @property
    def bar(self) -> str:
        """The line below the prompt."""
        return self._whole().splitlines()[-1]

    @property
    def typed(self) -> str:
        """What stands in the input line, at its first row."""
        return _PROMPT.sub("", _prompt(self._whole())[0])

    @property
    def above(self) -> list[str]:
        """All that is printed, the oldest first."""
        self._whole()
        return above(self.scrollback())

    def printed(self, text: str) -> list[str]:
        """All rows with the text, also those that have scrolled away."""
        return [row for row in self.scrollback().splitlines() if text in row]

    def until_bar(self, what: str) -> None:
        self.until(lambda screen: what in screen[screen.rfind("\n") + 1 :])

    def until_printed(self, text: str, mark: str = "") -> str:
        """The row with the text and a mark, once it is there."""
        self.until_read(lambda rows: any(text in row and mark in row for row in rows.splitlines()))
        return next(row for row in self.printed(text) if mark in row)

    def until_stored(self, text: str) -> str:
        return self.until_printed(text, STORED)

    def _whole(self) -> str:
        """The screen with its prompt, which is erased for a moment whenever something is printed."""
        return self.until(lambda screen: len(_prompt(screen)) > 1)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def leave(self) -> None:
        self.type("\x03\x04")
        assert self.wait() == 0


def above(rows: str) -> list[str]:
    """The rows above the prompt, or all of them in the moment in which there is none."""
    return rows.splitlines()[: len(rows.splitlines()) - len(_prompt(rows))]


def _prompt(screen: str) -> list[str]:
    """The rows from the prompt on."""
    rows = screen.splitlines()
    last = max((number for number, row in enumerate(rows) if _PROMPT.match(row)), default=len(rows))
    return rows[last:]


OpenChat = Callable[..., Chat]


def friend(cluster: Cluster, name: str) -> AbstractContextManager[blocking.Client]:
    """Someone else, with the SDK."""
    return blocking.connect(cluster.route, name=name, password=PASSWORD, register=True)


def texts_of(client: blocking.Client, conversation: str, beginning: str) -> list[str]:
    """Texts in the server's history, oldest first."""
    return [m.text for m in client.history(conversation, limit=500) if m.text.startswith(beginning)][::-1]


@contextmanager
def nobody_restarts(cluster: Cluster) -> Iterator[None]:
    """What is killed meanwhile stays away; everything is back soon after."""
    assert cluster.process is not None
    eventually(lambda: all(_alive(pid) for pid in _pids(cluster)), 30)
    os.kill(cluster.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(cluster.process.pid, signal.SIGCONT)


def kill_servers(cluster: Cluster) -> None:
    for index in range(len(cluster.ready["servers"])):
        kill_server(cluster, index)


def kill_server(cluster: Cluster, index: int) -> None:
    """As soon as it runs: it may have been killed just before."""
    eventually(lambda: _alive(_pids(cluster)[index]), 30)
    os.kill(_pids(cluster)[index], signal.SIGKILL)


def _pids(cluster: Cluster) -> list[int]:
    """The servers, and the route at the end."""
    return [int(server["pid"]) for server in cluster.ready["servers"]] + [int(cluster.ready["route_pid"])]


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def until_whole(cluster: Cluster) -> None:
    """Someone can log in and write."""

    def served() -> bool:
        try:
            with friend(cluster, "probe") as probe:
                return probe.send("probe", "here").seq > 0
        except (CimError, trio.TooSlowError):
            return False

    eventually(served, 30 * SLOWNESS)
