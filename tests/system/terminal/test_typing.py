"""What is being typed, and what is read, while other things happen to the screen."""

import unicodedata

import pytest

from tests.system.cluster import Cluster
from tests.system.terminal.chats import CONNECTED, STORED, OpenChat, command, friend
from tests.system.terminal.tmux import Tmux

ARRIVALS = 60


def test_a_half_typed_line_survives_arrivals(cluster: Cluster, open_chat: OpenChat) -> None:
    chat = open_chat("ann")
    with friend(cluster, "ben") as ben:
        chat.type("half a ")
        for number in range(ARRIVALS):
            ben.post("lobby", f"arrival-{number}.")
            if number % 10 == 0:
                chat.type(f"{number}")
        chat.until(f"arrival-{ARRIVALS - 1}.")
        chat.type(" line")
        chat.until("half a 01020304050 line")
    rows = chat.printed("arrival-")
    assert [row.split(": ", 1)[1] for row in rows] == [f"arrival-{number}." for number in range(ARRIVALS)]
    assert all("ben" in row for row in rows)
    chat.type("\r")
    chat.until_stored("half a 01020304050 line")


def test_a_resize_keeps_the_line_and_what_is_printed(cluster: Cluster, open_chat: OpenChat) -> None:
    chat = open_chat("amy")
    with friend(cluster, "bill") as bill:
        for number in range(30):
            bill.post("lobby", f"resized-{number}.")
        chat.until("resized-29.")
        chat.type("a line that is longer than the narrow terminal is wide")
        for columns, rows in ((40, 24), (40, 10), (120, 40), (80, 24)):
            chat.resize(columns, rows)
            bill.send("lobby", f"at-{columns}x{rows}.")
            chat.until_printed(f"at-{columns}x{rows}.")
            chat.until(lambda screen: "wide" in screen.replace("\n", ""))
            assert len(chat.bar) <= columns
    chat.type("\r")
    chat.until_stored("is wide")
    for number in range(30):
        assert len(chat.printed(f"resized-{number}.")) == 1, number


def test_a_window_that_folds_its_rows_anew(cluster: Cluster, shell: Tmux) -> None:
    """tmux does at a resize, as modern terminals do: the prompt's rows must not stay behind in the scrollback.

    The window is full, as it is after a minute: a prompt that is erased in the uppermost row is kept by tmux itself.
    """
    shell.enter(" ".join(command("anton")))
    shell.until(CONNECTED)
    with friend(cluster, "bea") as bea:
        for number in range(40):
            bea.post("lobby", f"filling-{number}.")
        shell.until("filling-39.")
        shell.type("half a line")
        for columns, rows in ((50, 20), (100, 30), (60, 24)):
            shell.resize(columns, rows)
            bea.send("lobby", f"folded-{columns}.")
            shell.until(f"folded-{columns}.")
            shell.until("> half a line")
    shell.type(" that was finished")
    shell.keys("Enter")
    shell.until(f"half a line that was finished  {STORED}")
    assert shell.scrollback().count(CONNECTED) == 1, shell.scrollback()


def test_detached_and_attached_again(cluster: Cluster, shell: Tmux) -> None:
    seen = shell.attach()
    shell.enter(" ".join(command("alan")))
    seen.until(CONNECTED)
    seen.type("half a line")
    seen.until("> half a line")
    seen.type("\x02d")
    seen.wait()
    with friend(cluster, "bud") as bud:
        bud.send("lobby", "while-detached.")
    again = shell.attach(columns=100, rows=30)
    again.until("while-detached.")
    again.until("> half a line")
    again.type(" goes on\r")
    again.until(f"half a line goes on  {STORED}")
    for terminal in (seen, again):
        terminal.close()


@pytest.mark.parametrize("text", ["你好, 世界", "e\u0301te\u0301", "👩‍👩‍👧 family", "שלום"])
def test_any_script_is_sent_as_it_was_typed(cluster: Cluster, open_chat: OpenChat, text: str) -> None:
    chat = open_chat("ada")
    chat.enter(f"{text}!")
    chat.until_stored(unicodedata.normalize("NFC", text) + "!")
