"""Where the history ends and new messages begin."""

import re
import time
from typing import Any

from cim_common import ids
from tests.cim_client.terminal.conftest import PASSWORD, command
from tests.terminals import DEADLINE_S, ROWS


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


def direct(name: str) -> str:
    return ids.direct(2**32, 2**32 + len(name))


def test_going_to_a_conversation_shows_where_one_left_it(chat: Any) -> None:
    chat.type("@whisper bob one\r")
    chat.until(lambda screen: "bob → me: one" in screen and "bob 1" in screen)
    chat.type("/to bob\r")
    chat.until("bob>")
    assert "--- bob (private) ---" in chat.text()
    chat.type("hello\r")
    screen = chat.until("me: hello  ✓")
    assert "bob 1" not in screen
    chat.type("/to lobby\r@whisper bob two\r")
    chat.until(lambda screen: "bob → me: two" in screen and "bob>" not in screen)
    chat.type("/next\r")
    screen = chat.until("bob>")
    recap = [row.split(" ", 2)[-1] for row in screen.splitlines()]
    begin = len(recap) - recap[::-1].index("(private) ---")
    assert recap[begin : begin + 4] == ["bob: one", "me: hello  ✓", "since you left ---", "bob: two"]


def test_going_where_one_is_repeats_nothing(chat: Any) -> None:
    chat.type("/to lobby\r@say bob next\r")
    screen = chat.until("bob: next")
    assert "--- lobby ---" in screen
    assert screen.count("earlier 40") == 1


def test_a_half_typed_line_stays_where_it_was_typed(chat: Any) -> None:
    chat.type("@whisper bob one\r")
    chat.until("bob 1")
    chat.type("for all")
    chat.until("> for all")
    chat.type("\x1bn")
    chat.until(lambda screen: "bob>" in screen and "for all" not in screen)
    chat.type("for bob")
    chat.until("bob> for bob")
    chat.type("\x1b1")
    screen = chat.until("> for all")
    assert "for bob" not in screen


def test_others_are_told_that_one_types_unless_it_is_to_everyone(chat: Any) -> None:
    chat.type("for all")
    chat.until("> for all")
    chat.type("\x03/to bob\r")
    chat.until("bob>")
    deadline = time.monotonic() + DEADLINE_S
    while direct("bob") not in chat.text():  # looked at once a second
        assert time.monotonic() < deadline, chat.text()
        chat.type("some words")
        time.sleep(0.3)
        chat.type("\x03/to lobby\r@typed\r/to bob\r")
        chat.read(0.3)
    assert "'lobby'" not in chat.text()


def test_the_bar_tells_who_types(chat: Any) -> None:
    chat.type("@typing bob\r")
    chat.until("bob is typing")
    chat.type("@say bob done\r")
    chat.until(lambda screen: "bob: done" in screen and "typing ·" not in screen.splitlines()[-1])


def test_a_bell_rings_for_what_is_ones_own_business(chat: Any) -> None:
    chat.type("/set bell mine\r@say bob hi\r")
    chat.until("bob: hi")
    assert chat.emulator.bells == 0
    chat.type("@say bob hi,\\x20Alice\r")
    chat.until("hi, Alice")
    chat.until(lambda screen: chat.emulator.bells == 1)


def test_what_was_refused_is_sent_again_on_request(chat: Any) -> None:
    chat.type("@refuse\r")
    chat.until("/retry sends it again")
    chat.type("/retry\r")
    chat.until(lambda screen: screen.count("@refuse  ✗ not sent") == 2)


def test_names_are_asked_for_while_one_types_them(chat: Any) -> None:
    chat.type("/to zo\t")
    chat.until(lambda screen: "zora" in screen and "zoë" in screen)


def test_losing_the_connection_changes_the_bar_and_nothing_else(chat: Any, reconnect: Any) -> None:
    chat.type("@away\r")
    chat.until("reconnecting")
    before = chat.text().splitlines()[:3]
    reconnect(chat)
    chat.until("connected to s2")
    chat.until("@away  ✓")
    rows = chat.text().splitlines()
    assert rows[:3] == before
    assert [row.split(" ", 2)[-1] for row in rows[3:-2]] == ["me: @away  ✓"]


def test_without_colours_nothing_but_attributes_is_written(terminals: Any, tmp_path: Any) -> None:
    chat = terminals(command(tmp_path), CIM_PASSWORD=PASSWORD, NO_COLOR="1")
    chat.until("earlier 40")
    assert not re.search(r"\x1b\[[0-9;]*(?:3[0-9]|4[0-9]|9[0-7])[;m]", chat.seen)


def test_colours_can_be_turned_off_while_it_runs(chat: Any) -> None:
    assert re.search(r"38;5;[0-9]+", chat.seen)
    chat.type("/set colours off\r")
    chat.until(lambda screen: "* colours" in screen)
    chat.type("@say bob pale\r")
    chat.until("bob: pale")
    row = next(number for number in range(ROWS) if "bob: pale" in chat.emulator.row(number))
    assert {chat.emulator.buffer[row][column].fg for column in range(20)} == {"default"}
