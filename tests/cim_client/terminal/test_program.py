"""Logging in with `cim chat`, in a terminal and without one."""

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.real_servers import eventually

PASSWORD = "correct horse"
TAKEN = (200, b'{"taken": true}')


@pytest.fixture
def start(terminals: Callable[..., Any], route: Any, tmp_path: Path) -> Callable[..., Any]:
    """Starts `cim chat alice` in a terminal."""
    double = Path(__file__).with_name("double.py")

    def chat(**env: str) -> Any:
        return terminals([sys.executable, str(double), "alice", route.url, str(tmp_path)], **env)

    return chat


def token_file(data_dir: Path) -> Path:
    """It is written a moment after the connection is seen."""
    (found,) = eventually(lambda: [*data_dir.glob("chat/*/*/token")])
    return found


def test_first_use_asks_twice_later_ones_nothing(start: Callable[..., Any], route: Any, tmp_path: Path) -> None:
    chat = start()
    chat.until("alice is a new name. Choose a password:")
    chat.type(PASSWORD + "\n")
    chat.until("The same again:")
    chat.type(PASSWORD + "\n")
    chat.until("connected to s1")
    chat.type("\x1b[A!\r")  # Up: a password is no line that was typed
    chat.until("me: !")
    assert PASSWORD not in chat.seen
    assert stat.S_IMODE(token_file(tmp_path).stat().st_mode) == 0o600
    chat.type(":q!\r")
    assert chat.wait() == 0

    route.answer = TAKEN
    again = start()
    again.until("connected to s1")
    assert "password" not in again.seen


def test_a_second_chat_beside_the_first_is_another_device(start: Callable[..., Any], route: Any) -> None:
    route.answer = TAKEN
    first = start(CIM_PASSWORD=PASSWORD)
    first.until("connected to s1")
    second = start()
    second.until("Password for alice:")


def test_a_token_of_an_account_that_is_gone(start: Callable[..., Any], tmp_path: Path) -> None:
    """The cluster's data was deleted, say."""
    chat = start(CIM_PASSWORD=PASSWORD)
    chat.until("connected to s1")
    chat.type("\x04")
    chat.wait()
    token_file(tmp_path).write_text("of another cluster\n")
    start().until("alice is a new name.")


def test_a_known_name_is_asked_once(start: Callable[..., Any], route: Any) -> None:
    route.answer = TAKEN
    chat = start()
    chat.until("Password for alice:")
    chat.type("wrong\n")
    chat.until("Name or password is wrong.")
    chat.until(lambda screen: screen.count("Password for alice:") == 2)
    chat.type(PASSWORD + "\n")
    chat.until("connected to s1")


def test_three_wrong_passwords_end_it(start: Callable[..., Any], route: Any) -> None:
    route.answer = TAKEN
    chat = start()
    for tries in (1, 2, 3):
        chat.until(lambda screen, tries=tries: screen.count("Password for alice:") == tries)
        chat.type("wrong\n")
    assert chat.wait() == 1
    assert chat.is_sane()


def test_a_refused_token_asks_for_the_password(start: Callable[..., Any], route: Any, tmp_path: Path) -> None:
    route.answer = TAKEN
    chat = start(CIM_PASSWORD=PASSWORD)
    chat.until("connected to s1")
    chat.type("\x04")
    chat.wait()
    token_file(tmp_path).write_text("expired\n")

    again = start()
    again.until("Password for alice:")
    again.type(PASSWORD + "\n")
    again.until("connected to s1")
    assert token_file(tmp_path).read_text() == "token-of-the-double\n"


@pytest.mark.parametrize("leave", ["\x03", "\x04"])
def test_leaving_at_the_password(start: Callable[..., Any], leave: str) -> None:
    chat = start()
    chat.until("Choose a password:")
    chat.type(leave)
    assert chat.wait() == 1
    assert chat.is_sane()
    assert "Traceback" not in chat.seen


def test_sigterm_at_the_password_leaves_a_sane_terminal(start: Callable[..., Any]) -> None:
    chat = start()
    chat.until("Choose a password:")
    assert not chat.is_sane()
    chat.process.terminate()
    chat.wait()
    assert chat.is_sane()


def test_no_route_is_one_line(piped: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    done = piped("secret words\n")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("cim chat: the route http://127.0.0.1:1 does not answer")
    assert done.stderr.count("\n") == 1


def test_a_wrong_password_from_the_environment_is_not_asked_again(
    piped: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    done = piped("", CIM_PASSWORD="wrong")
    assert (done.returncode, done.stderr) == (1, "cim chat: Name or password is wrong.\n")


def test_a_pipe_is_never_asked_for_a_password(terminals: Any, route: Any, tmp_path: Path) -> None:
    """Its first line would be a password or a message for everyone, depending on a token file."""
    double = Path(__file__).with_name("double.py")
    done = subprocess.run(
        [sys.executable, str(double), "alice", route.url, str(tmp_path)],
        input="secret words\n",
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
        timeout=20,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "set CIM_PASSWORD" in done.stderr
