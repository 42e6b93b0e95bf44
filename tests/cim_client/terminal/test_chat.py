"""Where the history ends and new messages begin."""

import time
from typing import Any

from cim_common import ids
from tests.terminals import DEADLINE_S


def test_what_the_history_showed_is_not_shown_again(chat: Any) -> None:
    chat.type("@replay 38 41\r")
    screen = chat.until("bob: earlier 41")
    assert [screen.count(f"earlier {seq}") for seq in (38, 39, 40, 41)] == [1, 1, 1, 1]
    assert "not shown" not in screen


def test_missed_messages_older_than_the_history_are_counted(chat: Any) -> None:
    chat.type("@replay 31 42\r")
    screen = chat.until("bob: earlier 42")
    assert "* 7 earlier messages of lobby are not shown" in screen
    assert "earlier 37" not in screen
    chat.type("@say bob next\r")
    assert chat.until("bob: next").count("not shown") == 1


def test_private_messages_are_never_taken_for_old_ones(chat: Any) -> None:
    chat.type("@whisper bob one\r@whisper bob two\r")
    screen = chat.until("bob → me: two")
    assert "bob → me: one" in screen


def test_what_is_on_the_screen_is_read_also_when_the_line_was_away(chat: Any, reconnect: Any) -> None:
    chat.type("@whisper bob one\r@away\r")
    chat.until("reconnecting")
    chat.type("@say bob two\r")
    chat.until("bob: two")
    reconnect(chat)
    chat.until("connected to s2")
    deadline = time.monotonic() + DEADLINE_S
    while f"'{ids.direct(2**32, 2**32 + 3)}': 41" not in chat.text():
        assert time.monotonic() < deadline, chat.text()
        before = chat.scrollback().count("marks: {")
        chat.type("@marks\r")
        chat.until_read(lambda seen, before=before: seen.count("marks: {") > before)
        time.sleep(0.4)
    assert "'lobby': " in chat.text()
