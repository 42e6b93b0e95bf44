"""The screens of docs/terminal.md (`tools/gen-terminal-doc --screens`), from the real program: three people in a
cluster of their own.

What differs from run to run (times, servers, seconds) is put in its place afterwards.
"""

import re
from collections.abc import Callable
from pathlib import Path

from cim_client import blocking
from tests.system.cluster import Cluster
from tests.system.people import PASSWORD
from tests.system.terminal.chats import AWAY, CONNECTED, Chat, friend, kill_servers, nobody_restarts, settings

COLUMNS, ROWS = 80, 18
TIME = "10:02"

_MASKS = (
    (re.compile(r"\b\d\d:\d\d\b"), TIME),
    (re.compile(r"connected to s\d"), "connected to s1"),
    (re.compile(r"reconnecting in \d+ s|reconnecting|connecting"), "reconnecting in 2 s"),
)


def screens(cluster: Cluster, data: Path) -> dict[str, str]:
    """Each part of the page by its name. The cluster is new."""
    with friend(cluster, "bob") as bob, friend(cluster, "carol") as carol:
        asked = {name: value for name, value in settings(cluster, data).items() if name != "CIM_PASSWORD"}
        chat = Chat("alice", asked, columns=COLUMNS, rows=ROWS)
        try:
            return {
                name: masked(scene(cluster, chat, bob, carol))
                for name, scene in (
                    ("first", _first),
                    ("talking", _talking),
                    ("elsewhere", _elsewhere),
                    ("away", _away),
                )
            }
        finally:
            chat.close()


def masked(screen: str) -> str:
    for pattern, constant in _MASKS:
        screen = pattern.sub(constant, screen)
    return "\n".join(row.rstrip() for row in screen.splitlines())


Scene = Callable[[Cluster, Chat, blocking.Client, blocking.Client], str]


def _first(cluster: Cluster, chat: Chat, bob: blocking.Client, carol: blocking.Client) -> str:
    """The first use of a name."""
    bob.send("lobby", "anyone here?")
    chat.until("Choose a password:")
    chat.type(f"{PASSWORD}\n")
    chat.until("The same again:")
    chat.type(f"{PASSWORD}\n")
    chat.until_bar(CONNECTED)
    chat.until_printed("anyone here?")
    chat.enter("good morning :coffee:")
    chat.until_stored("good morning")
    return "$ cim chat alice\n" + chat.until(lambda screen: "✓ stored" in screen)


def _talking(cluster: Cluster, chat: Chat, bob: blocking.Client, carol: blocking.Client) -> str:
    """What people do with messages."""
    seq = carol.send("lobby", "我们下午的会议改到明天, alice?").seq
    chat.until_printed("alice?")
    chat.enter("/reply ^ fine with me")
    chat.until_stored("fine with me")
    bob.react("lobby", seq, "👍")
    chat.until_printed(f"#{seq}", "👍")
    edited = bob.send("lobby", "I bring the caek").seq
    chat.until_printed("caek")
    bob.edit("lobby", edited, "I bring the cake")
    chat.until_printed("cake")
    bob.send("alice", "psst: it is her birthday")
    chat.until_printed("psst")
    chat.enter(":q 会议")
    chat.until_printed("carol → lobby")
    chat.type("/rea")
    screen = chat.until(lambda screen: "/react" in screen.splitlines()[-1] and "> /rea" in screen)
    return _since("#3 carol", screen)


def _elsewhere(cluster: Cluster, chat: Chat, bob: blocking.Client, carol: blocking.Client) -> str:
    """Another conversation, with the quick switch open."""
    chat.type("\x03")
    chat.enter("/to bob")
    chat.until("--- bob")
    chat.enter("I know")
    chat.until_stored("I know")
    bob.mark_read("alice", bob.send("alice", "of course you do").seq)
    chat.until_printed("of course")
    carol.send("lobby", "who brings candles?")
    chat.until_printed("candles")
    chat.type("half a line")
    chat.until("> half a line")
    chat.type("\x0b")
    chat.until(lambda screen: "lobby  1 new" in screen)
    return _since("--- bob", chat.until(lambda screen: "read" in screen.splitlines()[-1]))


def _away(cluster: Cluster, chat: Chat, bob: blocking.Client, carol: blocking.Client) -> str:
    """Without a connection."""
    chat.type("\x1b")
    chat.until(lambda screen: "go to" not in screen)
    with nobody_restarts(cluster):
        kill_servers(cluster)
        chat.until_bar(AWAY)
        chat.type(" that is sent later\r")
        chat.until("sent later  · pending")
        chat.type("and another ha")
        screen = chat.until(lambda screen: "> and another ha" in screen and "1 pending" in screen.splitlines()[-1])
    chat.until_stored("sent later")
    return _since("--- bob", screen)


def _since(beginning: str, screen: str) -> str:
    """The screen from the row on that holds the beginning."""
    rows = screen.splitlines()
    return "\n".join(rows[next(number for number, row in enumerate(rows) if beginning in row) :])


SCENES: dict[str, Scene] = {"first": _first, "talking": _talking, "elsewhere": _elsewhere, "away": _away}
"""In the order in which they are played."""
