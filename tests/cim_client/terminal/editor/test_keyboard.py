"""Lines typed as fast as the terminal takes them: none is lost, none runs into the next."""

import re
import signal

from tests.terminals import Terminal


def type_all(terminal: Terminal, text: str) -> None:
    """More than a terminal buffers: what comes out has to be read meanwhile."""
    for start in range(0, len(text), 500):
        terminal.type(text[start : start + 500])
        terminal.read(0.001)


def got(terminal: Terminal) -> list[str]:
    return re.findall(r"got '(.*)'", terminal.scrollback())


def test_lines_typed_in_one_breath_while_messages_come(typist: Terminal) -> None:
    """Each Enter is taken in the moment in which the next line is typed already."""
    lines = [f"line {number}" for number in range(600)]
    type_all(typist, "@flood 2000\r" + "\r".join(lines) + "\r")
    typist.until_read(f"got '{lines[-1]}'")
    assert got(typist) == lines


def test_an_enter_that_is_not_taken_yet_loses_nothing(typist: Terminal) -> None:
    """More lines than wait to be taken: the keyboard is not read, the terminal keeps what is typed."""
    lines = [f"line {number}" for number in range(250)]
    typist.type("@hold\r")
    typist.until("holding")
    type_all(typist, "\r".join(lines) + "\rhalf a line")
    typist.until("lobby> line 100")
    typist.process.send_signal(signal.SIGUSR1)
    typist.until("lobby> half a line")
    typist.until_read("got 'line 249'")
    assert got(typist) == lines


def test_keys_in_many_pieces(typist: Terminal) -> None:
    """A character, and the sequence of a key, may come byte by byte."""
    for byte in "né\x1b[D\x1b[D字\r".encode():
        typist.type_bytes(bytes([byte]))
        typist.read(0.01)
    typist.until("got '字né'")


def test_the_keyboard_is_read_while_someone_leaves(typist: Terminal) -> None:
    typist.type("@hold\r")
    typist.until("holding")
    type_all(typist, "line\r" * 120)
    typist.until("lobby> line")
    typist.process.send_signal(signal.SIGUSR1)
    typist.type("\x04")
    assert typist.wait() == 0
    assert typist.is_sane()
    assert len(got(typist)) == 120
