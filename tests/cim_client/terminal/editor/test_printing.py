"""What is printed while one types: all of it, in order, and the line stays as it is."""

import re

from tests.terminals import Terminal


def test_a_flood_is_printed_whole_and_in_order(typist: Terminal) -> None:
    typist.type("@flood 3000\rhalf a ")
    typist.until("message")
    typist.type("line")
    typist.until("flooded")
    typist.until("lobby> half a line")
    printed = [int(number) for number in re.findall(r"^\* message (\d+)$", typist.scrollback(), re.MULTILINE)]
    assert printed == list(range(3000))
    assert typist.text().splitlines()[-1] == " bar 2999"


def test_many_lines_are_one_write(typist: Terminal) -> None:
    """Drawing the prompt for each line would take the time of whoever types."""
    typist.type("@flood 1000\r")
    typist.until("flooded")
    assert typist.seen.count("\x1b[?2004h") < 300


def test_bracketed_paste_is_never_seen_off(typist: Terminal) -> None:
    """Between two reads of the terminal it is on, whatever is printed."""
    typist.type("@flood 300\r")
    typist.until("flooded")
    last_off, last_on = typist.seen.rfind("\x1b[?2004l"), typist.seen.rfind("\x1b[?2004h")
    assert last_on > last_off


def test_the_bell(typist: Terminal) -> None:
    typist.type("@bell\r")
    typist.until(lambda _: typist.emulator.bells == 1)


def test_what_else_prints_stands_above_the_prompt(typist: Terminal) -> None:
    typist.type("@stray\r")
    assert typist.until("something stray").splitlines()[-2:] == ["lobby>", " bar"]


def test_resizing_keeps_the_line(typist: Terminal) -> None:
    typist.type("half a line of some length")
    typist.until("length")
    for columns in (30, 100, 20, 80):
        typist.resize(columns, 24)
        typist.until(lambda screen: "".join(screen.split()).endswith("lobby>halfalineofsomelengthbar"))
    typist.type("\r")
    typist.until("got 'half a line of some length'")


def test_a_terminal_with_few_rows_shows_the_line(typist: Terminal) -> None:
    typist.type("@pending 5\rhalf a line")
    typist.until("pending 4")
    for rows, shown in ((24, 7), (6, 6), (3, 3), (2, 2), (1, 1)):
        typist.resize(80, rows)
        screen = typist.until(lambda screen, shown=shown: len(screen.splitlines()) == shown)  # type: ignore[misc]
        assert "lobby> half a line" in screen
    typist.resize(80, 24)
    typist.until(lambda screen: screen.endswith("pending 4\nlobby> half a line\n bar"))
