"""`cim chat` without a cluster, on a terminal of its own: it starts, takes messages, and sends each once."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

from cim_client import connect
from tests.system.cluster import AwayCluster
from tests.system.people import PASSWORD
from tests.terminals import Terminal

Chat = Callable[..., Terminal]
NO_PASSWORD = {name: value for name, value in os.environ.items() if name != "CIM_PASSWORD"}


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwayCluster]:
    """One for all tests, each of which says what it needs of it, and has words of its own."""
    made = AwayCluster(tmp_path_factory.mktemp("away"))
    yield made
    made.go()


@pytest.fixture
def chat(away: AwayCluster, tmp_path: Path) -> Iterator[Chat]:
    """Starts `cim chat alice`, with options, on a terminal."""
    opened: list[Terminal] = []

    def start(*options: str, **environment: str) -> Terminal:
        data = str(tmp_path / "data")
        command = [sys.executable, "-m", "cim", "chat", "alice", "--route", away.route, "--data", data, *options]
        opened.append(Terminal(command, environment))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


def log_in_once(chat: Chat) -> None:
    terminal = chat(CIM_PASSWORD=PASSWORD)
    terminal.until("connected to")
    leave(terminal)


def leave(terminal: Terminal) -> None:
    terminal.type("\x04")
    terminal.wait()


def lobby(route: str, *texts: str) -> list[str]:
    """Those of some texts that stand in the lobby, in their order there."""

    async def read() -> list[str]:
        async with connect(route, name="reader", password=PASSWORD, register=True) as me:
            return [message.text async for message in me.history("lobby", limit=500) if message.text in texts][::-1]

    return trio.run(read)


def token_file(data: Path) -> Path:
    (found,) = data.glob("chat/*/*/token")
    return found


def test_it_starts_without_a_cluster_and_sends_what_was_typed_once(chat: Chat, away: AwayCluster) -> None:
    away.come()
    log_in_once(chat)
    away.go()
    first = chat()
    first.until(f"connecting: Route at {away.route} does not answer")
    first.type("typed without a cluster\r")
    first.until("me: typed without a cluster  · pending")
    leave(first)
    assert first.is_sane()
    assert "1 not known to be stored, sent again at the next s" in first.text()

    second = chat()
    second.until("me: typed without a cluster  · pending")
    second.type("and then this\r")
    second.until("me: and then this  · pending")
    away.come()
    second.until("me: and then this  ✓")
    assert "me: typed without a cluster  ✓" in second.text()
    second.until("connected to")
    leave(second)
    assert lobby(away.route, "typed without a cluster", "and then this") == ["typed without a cluster", "and then this"]


def test_a_token_that_is_refused_later_asks_for_the_password_and_loses_nothing(
    chat: Chat, away: AwayCluster, tmp_path: Path
) -> None:
    away.come()
    log_in_once(chat)
    away.go()
    token_file(tmp_path / "data").write_text("forged\n")
    terminal = chat()
    terminal.until("connecting")
    terminal.type("typed before\r")
    terminal.until("pending")
    away.come()
    terminal.until("Password for alice:")
    terminal.type(PASSWORD + "\n")
    terminal.until("me: typed before  ✓")
    leave(terminal)
    assert terminal.is_sane()
    assert lobby(away.route, "typed before") == ["typed before"]


def test_a_pipe_waits_in_the_folder_too(chat: Chat, away: AwayCluster, tmp_path: Path) -> None:
    away.come()
    log_in_once(chat)
    away.go()
    command = [
        sys.executable, "-m", "cim", "chat", "alice", "--route", away.route, "--data", str(tmp_path / "data"),
    ]  # fmt: skip
    piped = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=NO_PASSWORD, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert piped.stdin is not None
    piped.stdin.write("from a pipe\n")
    piped.stdin.flush()
    away.come()
    said, complaints = piped.communicate(timeout=60)
    assert (piped.returncode, complaints) == (0, "")
    assert "me: from a pipe  ✓" in said
    assert lobby(away.route, "from a pipe") == ["from a pipe"]


def test_without_a_store_nothing_is_written(chat: Chat, away: AwayCluster, tmp_path: Path) -> None:
    away.come()
    terminal = chat("--no-store", CIM_PASSWORD=PASSWORD)
    terminal.until("connected to")
    terminal.type("of no trace\r")
    terminal.until("me: of no trace  ✓")
    leave(terminal)
    assert not (tmp_path / "data").exists()
    assert lobby(away.route, "of no trace") == ["of no trace"]


def test_plain_writes_no_escape_sequence(chat: Chat, away: AwayCluster) -> None:
    away.come()
    terminal = chat("--plain", CIM_PASSWORD=PASSWORD)
    terminal.type("in plain words\n")
    terminal.until("me: in plain words  ✓")
    leave(terminal)
    assert "\x1b" not in terminal.seen
    assert terminal.is_sane()


def test_it_begins_with_whom_one_names(chat: Chat, away: AwayCluster) -> None:
    away.come()
    assert lobby(away.route) == []  # the reader has an account from here on
    terminal = chat("--to", "reader", CIM_PASSWORD=PASSWORD)
    terminal.until("connected to")
    terminal.type("for you alone\r")
    terminal.until("me: for you alone  ✓")
    assert "reader>" in terminal.text()
    leave(terminal)
    assert lobby(away.route, "for you alone") == []


def test_a_group_is_written_to_without_a_cluster(chat: Chat, away: AwayCluster) -> None:
    async def found_tea() -> str:
        async with connect(away.route, name="alice", password=PASSWORD, register=True) as me:
            return (await me.create_group("tea")).id

    async def texts_of(group: str) -> list[str]:
        async with connect(away.route, name="alice", password=PASSWORD) as me:
            return [message.text async for message in me.history(group)]

    away.come()
    group = trio.run(found_tea)
    log_in_once(chat)
    away.go()
    unclear = chat("--to", "tea")
    assert unclear.wait() == 1
    assert "tea is a group and may be a user too" in unclear.text()
    terminal = chat("--to", "#tea")
    terminal.until("tea>")
    terminal.type("a cup\r")
    terminal.until("pending")
    away.come()
    terminal.until("a cup  ✓")
    leave(terminal)
    assert trio.run(texts_of, group) == ["a cup"]
    assert lobby(away.route, "a cup") == []


def test_beginning_with_nobody_sends_nothing_to_everybody(chat: Chat, away: AwayCluster) -> None:
    away.come()
    terminal = chat("--to", "no-such-person", CIM_PASSWORD=PASSWORD)
    terminal.type("not for the lobby\r")
    assert terminal.wait() == 1
    assert "cim chat: not begun with no-such-person: There is no user of that name." in terminal.text()
    assert lobby(away.route, "not for the lobby") == []


def test_where_nothing_can_be_written_it_goes_on_and_says_so(chat: Chat, away: AwayCluster, tmp_path: Path) -> None:
    away.come()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "chat").write_text("a file where the folder should be")
    terminal = chat(CIM_PASSWORD=PASSWORD)
    terminal.until("cim chat: nothing is kept on this machine:")
    terminal.until("connected to")
    terminal.type("all the same\r")
    terminal.until("me: all the same  ✓")
    leave(terminal)
    assert lobby(away.route, "all the same") == ["all the same"]
