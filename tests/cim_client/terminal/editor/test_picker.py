"""The quick switch, and drafts that stay in their conversations."""

import signal

from tests.terminals import Terminal

CTRL_K = "\x0b"


def test_choosing_by_a_part_of_the_name(typist: Terminal) -> None:
    typist.type("half" + CTRL_K)
    screen = typist.until("go to:")
    assert [row.strip() for row in screen.splitlines()[:4]] == [
        "> 1 lobby",
        "2 ops  3 new",
        "3 bob",
        "4 运维  1 new",
    ]
    typist.type("b")
    typist.until(lambda screen: "ops  3 new" not in screen)
    typist.type("\x1b[B\x1b[A\x1b[B\t\r")  # bob, whose name begins so, and lobby
    typist.until("left lobby with 'half' for bob")
    assert "go to" not in typist.until("bob>")
    typist.type("/to lobby\r")
    typist.until("lobby> half")
    typist.type(" a line\r")
    typist.until("got 'half a line'")


def test_by_the_name_in_any_script(typist: Terminal) -> None:
    typist.type(CTRL_K + "维\r" + "hello\r")
    typist.until("left lobby with '' for g-2")
    typist.until("got 'hello'")


def test_nothing_fits(typist: Terminal) -> None:
    typist.type("half" + CTRL_K + "nobody")
    typist.until("no such conversation")
    typist.type("\r")
    typist.until("lobby> half")
    typist.type("\r")
    typist.until("got 'half'")


def test_somebody_new_writes_while_it_is_open(typist: Terminal) -> None:
    typist.type("@place carol\r")
    typist.until("waiting")
    typist.type(CTRL_K + "\t")
    typist.until("> 2 ops  3 new")
    typist.process.send_signal(signal.SIGUSR1)
    typist.until("carol  1 new")
    typist.until("> 2 ops  3 new")
    typist.type("car\r")
    typist.until("left lobby with '' for carol")


def test_leaving_it_changes_nothing(typist: Terminal) -> None:
    for key in ("\x1b", "\x03", CTRL_K):
        typist.type("ha" + CTRL_K)
        typist.until("go to:")
        typist.type(key)
        typist.until(lambda screen: "go to:" not in screen)
        typist.type("lf\x01\x0b\x07\x15")
    typist.type("\x05\x15done\r")
    typist.until("got 'done'")


def test_alt_and_a_digit(typist: Terminal) -> None:
    typist.type("half\x1b2")
    typist.until("left lobby with 'half' for g-1")
    typist.type("\x1b9")
    typist.until(lambda _: typist.emulator.bells == 1)


def test_numbers_stay_whatever_is_offered_later(typist: Terminal) -> None:
    typist.type("@turn\r")
    typist.until("turned")
    typist.type(CTRL_K)
    assert "> 4 运维  1 new\n  3 bob\n" in typist.until("go to:")
    typist.type("\x1b")
    typist.until(lambda screen: "go to:" not in screen)
    typist.type("\x1b2")
    typist.until("for g-1")


def test_next_unread_and_what_is_typed_at_once_behind_it(typist: Terminal) -> None:
    typist.type("half\x1bnhello\rmore")
    typist.until("left lobby with 'half' for bob")
    typist.until("got 'hello'")
    typist.until("bob> more")


def test_a_key_that_leads_nowhere_gives_the_text_back(typist: Terminal) -> None:
    typist.type("/to bob\rhalf\x1bn a line")
    typist.until("stayed")
    typist.until("bob> half a line")


def test_going_back_and_forth_in_one_breath(typist: Terminal) -> None:
    typist.type("one\x1b2two\x1b3three\x1b1")
    typist.until("left bob with 'three' for lobby")
    typist.until("lobby> one")
    typist.type("\x1b2")
    typist.until("g-1> two")
    typist.type("\x1b3")
    typist.until("bob> three")


def test_what_is_half_typed_is_known_at_any_time(typist: Terminal) -> None:
    typist.type("half\x1b2@half\rmore\x1b1")
    typist.until("half typed: ''")
    typist.until("left g-1 with 'more' for lobby")
    typist.process.terminate()
