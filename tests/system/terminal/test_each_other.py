"""What one sees of others and they of one in the real program: conversations, receipts, typing, changes, news."""

import re
import time
from collections.abc import Callable

import pytest

from cim_client import blocking
from tests.system.cluster import Cluster
from tests.system.terminal.chats import CONNECTED, Chat, OpenChat, friend
from tests.terminals import DEADLINE_S


def take(client: blocking.Client, count: int) -> list[str]:
    """What is shown to a program next."""
    found: list[str] = []
    for message in client.messages(timeout_s=DEADLINE_S):
        found.append(message.text)
        if len(found) == count:
            break
    return found


def rows(chat: Chat, *words: str) -> list[str]:
    return [row for row in chat.scrollback().splitlines() if all(word in row for word in words)]


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_how_far_a_message_has_got(cluster: Cluster, open_chat: OpenChat) -> None:
    with friend(cluster, "seen-bob") as bob:
        chat = open_chat("seen-alice", columns=120)
        chat.enter("/to seen-bob")
        chat.until("--- seen-bob (private) ---")
        chat.enter("can you read this?")
        chat.until_printed("can you read this?", "✓")
        chat.until_bar("✓")
        assert take(bob, 1) == ["can you read this?"]
        bob.mark_read("seen-alice", 1)
        chat.until_bar("✓✓ read by seen-bob")
        chat.enter("and this?")
        chat.until_printed("and this?", "✓")
        chat.until(lambda screen: "read by" not in screen.splitlines()[-1])


def test_typing_is_seen_on_both_sides(cluster: Cluster, open_chat: OpenChat) -> None:
    with friend(cluster, "type-bob") as bob:
        chat = open_chat("type-alice", columns=120)
        chat.enter("type-bob;;hello")
        chat.until_printed("hello", "✓")
        take(bob, 1)
        chat.enter("/to type-bob")
        chat.until("type-bob>")

        def sees_it() -> bool:
            chat.type("x")
            chat.read(0.2)
            return any(event.kind == "typing" and event.user == "type-alice" for event in bob.events(timeout_s=0.3))

        until(sees_it)

        def is_seen() -> bool:
            bob.typing("type-alice")
            chat.read(0.3)
            return "type-bob is typing" in chat.text().splitlines()[-1]

        until(is_seen)
        bob.send("type-alice", "done")
        chat.until(lambda screen: "type-bob: done" in screen and "is typing" not in screen.splitlines()[-1])


def test_what_happens_to_messages_is_one_line_each(cluster: Cluster, open_chat: OpenChat) -> None:
    with friend(cluster, "happen-bob") as bob:
        chat = open_chat("happen-alice")
        first = bob.send("lobby", "happen frist").seq
        chat.until_printed("happen frist")
        bob.edit("lobby", first, "happen first")
        chat.until_printed(f"* happen-bob edited #{first}: happen first")
        chat.enter(f"/reply {first} happen answer")
        chat.until_printed("happen answer", "✓")
        assert rows(chat, f"↳ happen-bob #{first}: happen first")
        second = int(rows(chat, "happen answer", "✓")[0].split("#")[1].split()[0])
        bob.react("lobby", second, "👍")
        chat.until_printed(f"* happen-bob put 👍 to #{second}")
        bob.recall("lobby", first)
        chat.until_printed(f"* happen-bob took back #{first}")
    assert len(rows(chat, "happen frist")) == 1


def test_groups_are_told_apart_counted_and_gone_to(cluster: Cluster, open_chat: OpenChat) -> None:
    with friend(cluster, "group-bob") as bob:
        chat = open_chat("group-alice", columns=100)
        group = bob.create_group("me", members=["group-alice"])
        chat.until_printed("* #me: group-bob made the group with you")
        group.send("group one")
        chat.until_printed("group-bob → #me: group one")
        chat.until_bar("me 1")
        chat.type("\x1bn")
        chat.until("#me>")
        group.send("group two")
        chat.until_printed("group-bob: group two")
        assert "me 1" not in chat.text().splitlines()[-1]
        chat.enter("/mute")
        chat.until_printed("* me is muted")
        chat.enter("/to lobby")
        chat.until(lambda screen: "#me>" not in screen)
        tries = iter(range(1_000))

        def is_quiet() -> bool:
            number = next(tries)
            group.send(f"muted {number}")
            bob.send("lobby", f"in between {number}")
            chat.until_printed(f"in between {number}")
            return not rows(chat, f"muted {number}")

        until(is_quiet)
        assert "me" not in chat.bar.split("connected")[1]


def test_a_group_is_a_place_to_go_while_one_takes_part(cluster: Cluster, open_chat: OpenChat) -> None:
    with friend(cluster, "part-bob") as bob:
        chat = open_chat("part-alice")

        def is_offered() -> bool:
            chat.type("\x0b")
            screen = chat.until("go to:")
            chat.type("\x1b")
            chat.until(lambda screen: "go to:" not in screen)
            return re.search(r"^[> ] \d+ #parted", screen, re.MULTILINE) is not None

        group = bob.create_group("parted", members=["part-alice"])
        until(is_offered)
        chat.enter("/group leave #parted")
        chat.until_printed("* you have left parted")
        until(lambda: not is_offered())
        group.invite(["part-alice"])
        until(is_offered)
        group.kick(["part-alice"])
        until(lambda: not is_offered())


def test_what_came_while_one_was_away_is_new(cluster: Cluster, open_chat: OpenChat) -> None:
    with friend(cluster, "away-bob") as bob:
        chat = open_chat("away-alice")
        bob.send("lobby", "away before")
        chat.until_printed("away before")
        chat.leave()
        for number in range(3):
            bob.send("lobby", f"away {number}")
            bob.send("away-alice", f"away private {number}")
        again = open_chat("away-alice")
        again.until_printed("away private 2")
        again.until_printed("away 2")
        seen = [row.split(" ", 2)[-1] for row in again.scrollback().splitlines() if "away" in row or "new since" in row]
        lobby = [row for row in seen if "private" not in row and "connected" not in row]
        assert lobby[-5:] == ["away-bob: away before", "since you left ---", *[f"away-bob: away {n}" for n in range(3)]]
        for number in range(3):
            assert len(rows(again, f"away-bob → me: away private {number}")) == 1
        again.until_bar("away-bob 3")
        again.enter("/next")
        again.until("away-bob>")
        screen = again.until("--- new since you left ---")
        assert screen.rindex("new since you left") < screen.rindex("away private 0")


@pytest.mark.parametrize("columns", [30, 60])
def test_a_bar_that_is_too_narrow_for_all_shows_the_most_important(
    cluster: Cluster, open_chat: OpenChat, columns: int
) -> None:
    chat = open_chat("narrow", columns=columns, wait=False)
    chat.until_bar("lobby")
    chat.until_bar(CONNECTED)
    assert len(chat.bar) <= columns
