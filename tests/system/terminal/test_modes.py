"""Without colours, without redrawing, without a terminal, without a store."""

import os
import re
import subprocess
from pathlib import Path

from tests.real_servers import SLOWNESS
from tests.system.cluster import Cluster
from tests.system.terminal.chats import (
    AWAY,
    STORED,
    OpenChat,
    command,
    friend,
    kill_servers,
    nobody_restarts,
    settings,
    texts_of,
)

COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9](;|m)|\x1b\[[0-9;]*9[0-7](;|m)|38;[25];")


def test_no_color_means_none(cluster: Cluster, open_chat: OpenChat) -> None:
    coloured, plain = open_chat("nora"), open_chat("nick", NO_COLOR="1")
    with friend(cluster, "olga") as olga:
        olga.send("lobby", "colourful?")
        for chat in (coloured, plain):
            chat.until_printed("colourful?")
    assert COLOUR.search(coloured.seen)
    assert not COLOUR.search(plain.seen)


def test_plain_writes_lines_and_nothing_else(cluster: Cluster, open_chat: OpenChat) -> None:
    """For a screen reader, or a terminal that can nothing but write: no escape sequence at all."""
    chat = open_chat("pete", "--plain", wait=False)
    with friend(cluster, "rosa") as rosa:
        chat.type("a line\n")
        chat.until(f"me: a line  {STORED}")
        rosa.send("lobby", "heard \x1b[31m?")
        chat.until("rosa: heard ␛[31m?")
    chat.type("/who rosa\n")
    chat.until("rosa is")
    chat.type(":q!\n")
    assert chat.wait() == 0
    assert chat.is_sane()
    assert "\x1b" not in chat.seen


def piped(cluster: Cluster, data: Path, name: str, *lines: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(name), input="\n".join(lines) + "\n", capture_output=True, text=True,
        env=os.environ | settings(cluster, data), timeout=60 * SLOWNESS, start_new_session=True, check=False,
    )  # fmt: skip


def test_a_pipe(cluster: Cluster, tmp_path: Path) -> None:
    lines = [f"piped-{number}." for number in range(50)]
    done = piped(cluster, tmp_path, "phil", "/help /to", *lines, "nobody-of-that-name;;x")
    with friend(cluster, "phil-2") as device:
        assert texts_of(device, "lobby", "piped-") == lines
    assert "/to NAME [TEXT]" in done.stdout
    assert "There is no user of that name." in done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_commands_in_a_pipe(cluster: Cluster, tmp_path: Path) -> None:
    """What is typed is done in its turn, and what is wrong is one line."""
    done = piped(
        cluster, tmp_path, "pia",
        "one of pia", "/edit ^ two of pia", ":olu", "/to no-such-person", "lost", "/to lobby", ":nope", "/history 1",
        "/group create pipes", "in the group", "/history", ":q in the", ":q!",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "cim chat: not all of it was sent\n")
    for wanted in (
        " is edited", "online: ", "There is no user of that name.", "not done: you did not get to no-such-person",
        "unknown command :nope", "group pipes is made",
    ):  # fmt: skip
        assert done.stdout.count(wanted) == 1, done.stdout
    with friend(cluster, "pia") as me:
        (first,) = [message for message in me.history("lobby", limit=50) if message.sender == "pia"]
        assert (first.text, bool(first.edited)) == ("two of pia", True)
        assert [message.text for message in me.history(me.group("pipes"))] == ["in the group"]


def test_no_store_leaves_nothing_behind(cluster: Cluster, open_chat: OpenChat, tmp_path: Path) -> None:
    chat = open_chat("nemo", "--no-store")
    chat.enter("leave no trace")
    chat.until_stored("leave no trace")
    with nobody_restarts(cluster):
        kill_servers(cluster)
        chat.until_bar(AWAY)
        chat.enter("not sent any more")
        chat.until("not sent any more")
        chat.type("\x04")
        assert chat.wait() == 1
        assert 'cim chat: not known to be sent: "not sent any more"' in chat.text()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"leave no trace" not in path.read_bytes(), path
            assert b"not sent any more" not in path.read_bytes(), path
            assert path.name != "token"
