"""What stays on the machine over an end, as one sees it: the last lines, half-typed text, settings."""

import signal

from tests.system.cluster import Cluster
from tests.system.terminal.chats import AWAY, OpenChat, friend, kill_servers, nobody_restarts, until_whole


def test_half_typed_text_is_there_again(open_chat: OpenChat, cluster: Cluster) -> None:
    with friend(cluster, "draft-bob"):
        chat = open_chat("draft-alice")
        chat.type("half for all")
        chat.until("> half for all")
        chat.type("\x1b1")  # the first conversation of the list, which is this one: nothing changes
        chat.process.send_signal(signal.SIGTERM)
        chat.wait()
        chat = open_chat("draft-alice")
        chat.until("> half for all")
        chat.type("\x03/to draft-bob\r")
        chat.until("draft-bob>")
        chat.type("half for bob")
        chat.until("draft-bob> half for bob")
        chat.process.send_signal(signal.SIGTERM)
        chat.wait()
        chat = open_chat("draft-alice")
        chat.type("/to draft-bob\r")
        chat.until("draft-bob> half for bob")
        chat.type("\r")
        chat.until_stored("half for bob")


def test_settings_are_as_they_were(open_chat: OpenChat) -> None:
    chat = open_chat("set-alice")
    chat.enter("/set numbers off")
    chat.until("* numbers")
    chat.leave()
    chat = open_chat("set-alice")
    chat.enter("without a number")
    row = chat.until_stored("without a number")
    assert "#" not in row


def test_the_last_lines_are_there_without_a_cluster(open_chat: OpenChat, cluster: Cluster) -> None:
    with friend(cluster, "last-bob") as bob:
        chat = open_chat("last-alice")
        bob.send("lobby", "last to all")
        bob.send("last-alice", "last in private")
        chat.until_printed("last to all")
        chat.until_printed("last in private")
        chat.enter("/to last-bob")
        chat.until("last-bob>")
        chat.enter("last of mine")
        chat.until_stored("last of mine")
        chat.enter("/to lobby")
        chat.until(lambda screen: "last-bob>" not in screen)
        chat.leave()
        with nobody_restarts(cluster):
            kill_servers(cluster)
            chat = open_chat("last-alice", wait=False)
            chat.until_bar(AWAY)
            chat.until_printed("last-bob: last to all")
            chat.enter("typed away")
            chat.until("typed away  · pending")
        chat.until_stored("typed away")
        for text in ("last to all", "typed away"):
            assert len([row for row in chat.scrollback().splitlines() if text in row]) == 1, chat.scrollback()
        until_whole(cluster)
