"""Servers and route are killed while people chat: visible in the bar, quiet above it, nothing lost, twice or moved."""

import os
import signal

from tests.real_servers import eventually
from tests.system.cluster import Cluster
from tests.system.terminal.chats import (
    AWAY,
    CONNECTED,
    OpenChat,
    friend,
    kill_server,
    kill_servers,
    nobody_restarts,
    texts_of,
    until_whole,
)


def test_servers_killed_and_back(cluster: Cluster, open_chat: OpenChat) -> None:
    chat = open_chat("ida")
    with friend(cluster, "jon") as jon:
        for number in range(5):
            jon.send("lobby", f"before-{number}.")
        chat.until_printed("before-4.")
        chat.type("half a line")
        chat.until("> half a line")
        printed = chat.above
        with nobody_restarts(cluster):
            kill_servers(cluster)
            chat.until_bar(AWAY)
            assert chat.above == printed
            chat.until("> half a line")
        chat.until_bar(CONNECTED)
        chat.until("> half a line")
        assert chat.above == printed
        for number in range(5):
            jon.send("lobby", f"after-{number}.")
        chat.until_printed("after-4.")
    texts = [row.split(": ", 1)[1] for row in chat.above[len(printed) :]]
    assert texts == [f"after-{number}." for number in range(5)]


def test_typed_while_away_is_sent_once_and_in_order(cluster: Cluster, open_chat: OpenChat) -> None:
    chat = open_chat("kim")
    wanted = [f"offline-{number}." for number in range(8)]
    with nobody_restarts(cluster):
        kill_servers(cluster)
        chat.until_bar(AWAY)
        for text in wanted:
            chat.enter(text)
        chat.until("8 pending")
    chat.until_stored(wanted[-1])
    chat.until(lambda screen: "pending" not in screen)
    assert [row.split(": ", 1)[1].split("  ")[0] for row in chat.printed("offline-")] == wanted
    with friend(cluster, "liz") as liz:
        assert texts_of(liz, "lobby", "offline-") == wanted


def test_a_server_killed_again_and_again_while_two_write(cluster: Cluster, open_chat: OpenChat) -> None:
    chat = open_chat("max", rows=50)
    with friend(cluster, "ned") as ned:
        for number in range(60):
            ned.post("lobby", f"ned-{number}.")
            chat.enter(f"max-{number}.")
            if number % 20 == 10:
                kill_server(cluster, number // 20 % 2)
                chat.read(0.3)
        chat.until_stored("max-59.")
        chat.until_printed("ned-59.")
    for who in ("ned", "max"):
        shown = [row.split(": ", 1)[1].split()[0] for row in chat.printed(f" {who}-")]
        assert shown == [f"{who}-{number}." for number in range(60)]
    until_whole(cluster)


def test_the_route_killed_and_back(cluster: Cluster, open_chat: OpenChat) -> None:
    """Who is connected sees nothing of it, also with the servers away besides: then it is the bar that says so."""
    chat = open_chat("oda")
    with friend(cluster, "pia") as pia:
        pia.send("lobby", "with-a-route.")
        chat.until_printed("with-a-route.")
        printed = chat.above
        with nobody_restarts(cluster):
            os.kill(cluster.pid_of("route"), signal.SIGKILL)
            pia.send("lobby", "without-a-route.")
            chat.until_printed("without-a-route.")
            chat.enter("nor-here.")
            chat.until_stored("nor-here.")
            assert CONNECTED in chat.bar
            kill_servers(cluster)
            chat.until_bar(AWAY)
        chat.until_bar(CONNECTED)
        assert len(chat.above) == len(printed) + 2
        pia.send("lobby", "back-again.")
        chat.until_printed("back-again.")
    eventually(lambda: cluster.ready["route_pid"])
    until_whole(cluster)
