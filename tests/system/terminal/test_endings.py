"""How a chat ends or is interrupted, in a real shell: the terminal is sane afterwards, nothing is lost."""

import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.real_servers import eventually
from tests.system.cluster import Cluster
from tests.system.terminal.chats import (
    AWAY,
    CONNECTED,
    PENDING,
    STORED,
    OpenChat,
    command,
    friend,
    kill_servers,
    nobody_restarts,
    settings,
    texts_of,
)
from tests.system.terminal.tmux import Tmux

_numbers = count()


@pytest.fixture(scope="module")
def sh(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tmux]:
    """One shell for many chats, one after the other, as people have it.

    It is a plain one: bash puts the terminal right after a job, and would hide what we leave behind.
    """
    made = Tmux(settings(cluster, tmp_path_factory.mktemp("data")), "dash -i")
    yield made
    made.close()


def start(sh: Tmux, folder: Path, name: str) -> int:
    """A chat in the shell, and its process."""
    sh.enter("clear")
    pid = folder / "pid"
    sh.enter(f"stty -a > {folder}/before; sh -c 'echo $$ > {pid}; exec {' '.join(command(name))}'")
    sh.until(CONNECTED)
    return int(pid.read_text())


def assert_sane(sh: Tmux, folder: Path) -> None:
    """The shell works as before: what is typed is echoed and run, and the settings are the same."""
    after = folder / f"after-{next(_numbers)}"
    sh.enter(f"stty -a > {after}; echo s''ane >> {after}")
    eventually(lambda: after.exists() and after.read_text().endswith("sane\n"))
    sh.until_shell()
    assert after.read_text().removesuffix("sane\n") == (folder / "before").read_text()
    assert sh.run("display", "-p", "#{cursor_flag} #{alternate_on}") == "1 0\n"


@pytest.mark.parametrize("keys", [":q!", "C-c C-d"])
def test_left_by_its_user(sh: Tmux, tmp_path: Path, keys: str) -> None:
    start(sh, tmp_path, "eli")
    if keys.startswith("C-"):
        sh.keys(*keys.split())
    else:
        sh.enter(keys)
    sh.until_shell()
    assert_sane(sh, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_ended_by_a_signal_with_half_a_line_typed(sh: Tmux, tmp_path: Path, number: signal.Signals) -> None:
    pid = start(sh, tmp_path, "eli")
    sh.type("half a line")
    sh.until("> half a line")
    os.kill(pid, number)
    screen = sh.until_shell()
    assert CONNECTED not in screen
    assert_sane(sh, tmp_path)


def test_stopped_and_back(cluster: Cluster, sh: Tmux, tmp_path: Path) -> None:
    """Ctrl-Z, something in the shell, and `fg`: the line is still there, and what came meanwhile is shown."""
    start(sh, tmp_path, "eve")
    sh.type("half a line")
    sh.until("> half a line")
    sh.keys("C-z")
    sh.until_shell()
    assert_sane(sh, tmp_path)
    with friend(cluster, "fay") as fay:
        fay.send("lobby", "while-stopped.")
    sh.enter("fg")
    sh.until("fay: while-stopped.")
    sh.until("> half a line")
    sh.type(" and its end")
    sh.keys("Enter")
    sh.until(f"half a line and its end  {STORED}")
    sh.keys("C-d")
    sh.until_shell()
    assert_sane(sh, tmp_path)


def test_a_stop_while_messages_rain(cluster: Cluster, sh: Tmux, tmp_path: Path) -> None:
    start(sh, tmp_path, "eve")
    with friend(cluster, "fay") as fay:
        for number in range(300):
            fay.post("lobby", f"rain-{number}.")
            if number == 150:
                sh.keys("C-z")
        sh.until_shell()
        assert_sane(sh, tmp_path)
        fay.send("lobby", "rain-over.")
    sh.enter("fg")
    sh.until("rain-over.")
    seen = sh.scrollback()
    assert [seen.count(f"rain-{number}.") for number in range(300)] == [1] * 300
    sh.keys("C-d")
    sh.until_shell()
    assert_sane(sh, tmp_path)


def test_its_window_is_closed_with_messages_pending(cluster: Cluster, shell: Tmux, tmp_path: Path) -> None:
    """The pane goes away (SIGHUP, and no terminal any more): the chat ends, and the next one sends what waited."""
    shell.run("new-window", "-d", "sleep 1000")  # or tmux itself would end with the pane
    pid = start(shell, tmp_path, "gus")
    with nobody_restarts(cluster):
        kill_servers(cluster)
        shell.until(AWAY)
        shell.enter("closed-over-this.")
        shell.until(PENDING)
        shell.run("kill-pane", "-t", ":0")
        eventually(lambda: not Path(f"/proc/{pid}").exists())
    shell.run("respawn-window", "-k", "-t", ":1", "exec env 'PS1=$ ' bash --norc --noprofile -i")
    shell.until_shell()
    shell.enter(" ".join(command("gus")))
    shell.until("closed-over-this.")
    with friend(cluster, "gus") as device:
        eventually(lambda: texts_of(device, "lobby", "closed-over") == ["closed-over-this."])


def test_killed_and_started_again(cluster: Cluster, open_chat: OpenChat) -> None:
    """kill -9 at a quiet moment: the next start goes on where that one was.

    Between the steps of a message: tests/faults/test_client_points.py.
    """
    chat = open_chat("hal")
    wanted = [f"killed-{number}." for number in range(6)]
    for text in wanted[:-1]:
        chat.enter(text)
    chat.until_stored(wanted[-2])
    chat.kill()
    again = open_chat("hal")
    again.enter(wanted[-1])
    again.until_stored(wanted[-1])
    again.leave()
    with friend(cluster, "hal-2") as device:
        assert texts_of(device, "lobby", "killed-") == wanted
