"""The prompt in a terminal: what one sees, and that the terminal survives."""

from collections.abc import Callable
from typing import Any

Chat = Any
"""conftest.Terminal"""


def test_history_then_a_prompt(chat: Chat) -> None:
    rows = chat.until(lambda screen: "earlier 40" in screen and "connected to s1" in screen).splitlines()
    assert [row[6:] for row in rows[:3]] == ["#38 bob: earlier 38", "#39 bob: earlier 39", "#40 bob: earlier 40"]
    assert rows[3].strip() == ">"
    assert rows[4].strip() == "alice · lobby · connected to s1 · :all lists the commands"
    assert len(rows) == 5


def test_a_sent_message_is_printed_once_it_is_stored(chat: Chat) -> None:
    chat.type("hello\r")
    chat.until("me: hello  ✓")
    chat.type("bob;;psst\r")
    assert chat.until("me → bob: psst  ✓").count("hello") == 1


def test_pending_while_the_server_is_away(chat: Chat, reconnect: Callable[[Chat], None]) -> None:
    chat.type("@away\rare you there\r")
    screen = chat.until("2 pending")
    assert "me: are you there  · pending" in screen
    assert "reconnecting" in screen
    assert "✓" not in screen
    reconnect(chat)
    screen = chat.until("connected to s2")
    screen = chat.until("me: are you there  ✓")
    assert "pending" not in screen
    assert screen.count("are you there") == 1


def test_a_refused_message_says_why(chat: Chat) -> None:
    chat.type("@refuse\r")
    screen = chat.until("There is no user of that name.")
    assert "me: @refuse  ✗ not sent" in screen


def test_a_line_being_typed_stays_intact_while_messages_arrive(chat: Chat) -> None:
    chat.type("".join(f"@say bob message\\x20{n}\r" for n in range(8)) + "half a li")
    screen = chat.until("bob: message 7")
    chat.type("ne")
    screen = chat.until("> half a line")
    received = [row.split(" ", 2)[2] for row in screen.splitlines() if " bob: message" in row]
    assert received == [f"bob: message {n}" for n in range(8)]
    chat.type("\r")
    chat.until("me: half a line  ✓")


def test_commands_answer_in_place(chat: Chat) -> None:
    chat.type(":olu\r:nope\r/to\r:info\r")
    screen = chat.until("* route")
    assert "* 3 online: alice, bob, car␛[2Jol" in screen
    assert "* unknown command :nope (" in screen
    assert "* usage: /to NAME [TEXT]" in screen
    assert "* user id  4294967296" in screen
    assert "* state    connected to s1" in screen
    chat.type(":all\r")
    chat.until(":q!   ")


def test_foreign_text_is_only_shown(chat: Chat) -> None:
    for said, shown in (
        (r"eve \x1b[2J\x1b[1;1Hgone", "eve: ␛[2J␛[1;1Hgone"),
        (r"eve \x1b[6n\x1b[c\x05", "eve: ␛[6n␛[c␅"),
        (r"eve \x1b]0;owned\x07", "eve: ␛]0;owned␇"),
        (r"eve \x9b31mred", r"eve: \x9b31mred"),
        (r"eve a\r10:00\x20carol:\x20b", "eve: a\n      │ 10:00 carol: b"),
        (r"eve pay\x20\u202e001", r"eve: pay \u202e001"),
        (r"\x1b[31meve hi", "␛[31meve: hi"),
        (r"~eve hi", "~eve: hi"),
    ):
        chat.type(f"@say {said}\r")
        screen = chat.until(shown)
        assert "earlier 38" in screen.splitlines()[0]
    assert chat.emulator.answers == []
    assert chat.emulator.title == ""


def test_a_private_message_says_so(chat: Chat) -> None:
    chat.type("@whisper bob hi\r")
    chat.until("bob → me: hi")


def test_control_c_clears_the_line(chat: Chat) -> None:
    chat.type("never mind")
    chat.until("> never mind")
    chat.type("\x03")
    chat.until(lambda screen: "never mind" not in screen)
    chat.type("\x03")
    chat.until("* Ctrl-D or :q! quits")
    assert chat.process.poll() is None


def test_leaving_takes_the_prompt_away_and_nothing_else(chat: Chat) -> None:
    chat.type("hello\r")
    chat.until("me: hello  ✓")
    chat.type("/quit\r")
    assert chat.wait() == 0
    assert chat.is_sane()
    assert chat.text().splitlines()[-1].endswith("me: hello  ✓")


def test_control_d_on_a_line_deletes(chat: Chat) -> None:
    chat.type("ab\x01\x04\r")
    chat.until("me: b  ✓")


def test_a_terminal_that_goes_away_ends_the_chat(chat: Chat) -> None:
    chat.hang_up()
    assert chat.process.wait(10) == 0


def test_a_crash_leaves_a_sane_terminal(chat: Chat) -> None:
    chat.type("@crash\r")
    assert chat.wait() == 1
    assert chat.is_sane()
    assert "ZeroDivisionError" in chat.seen


def test_a_connection_closed_for_good_ends_the_chat(chat: Chat) -> None:
    chat.type("@close\r")
    assert chat.wait() == 1
    assert chat.is_sane()
    assert "cim chat: closed: The device has connected elsewhere." in chat.text()


def test_leaving_with_messages_under_way_says_so(chat: Chat) -> None:
    chat.type("@away\r")
    chat.until("1 pending")
    chat.type(":q!\r")
    assert chat.wait() == 1
    assert chat.is_sane()
    assert "1 not known to be stored" in chat.text()
