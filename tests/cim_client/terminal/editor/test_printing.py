"""What is printed while one types: all of it, in order, and the line stays as it is."""

import asyncio
import io
import re
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.key_binding import KeyBindings

from cim_client.terminal.display.lines import note
from cim_client.terminal.editor.drawing import drawn
from cim_client.terminal.editor.entry import Entry
from cim_client.terminal.editor.picker import Picker
from cim_client.terminal.editor.printing import Printer, Surface, size
from tests.terminals import DEADLINE_S, Terminal


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


class Written(io.StringIO):
    """What is written, as each write has it."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


class NoTrio:
    """Trio's side, which waits for nothing."""

    def run_sync_soon(self, do: object) -> None:
        pass


def test_no_write_leaves_the_prompt_away_or_bracketed_paste_off() -> None:
    token: Any = NoTrio()
    written, printer, entry = Written(), Printer(token), Entry((), lambda prefix: None, lambda: "lobby")

    async def show(app: Application[None]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            for number in range(5):
                await printer.show([note(f"message {number}.")])
                while f"message {number}." not in written.getvalue():
                    await asyncio.sleep(0.005)
        app.exit()

    async def run() -> None:
        with create_pipe_input() as keyboard:
            app = drawn(printer, entry, Picker(), KeyBindings(), keyboard, Surface(written, size, term="xterm"))
            app.create_background_task(show(app))
            await app.run_async(pre_run=lambda: printer.start(app))

    asyncio.run(run())
    printing = [text for text in written.writes if "message" in text]
    assert printing
    for text in printing:
        assert "\x1b[?2004l" in text
        assert "lobby" in text[text.rindex("message") :]
        assert text.rindex("\x1b[?2004h") > text.rindex("\x1b[?2004l")
    assert sum("\x1b[?2004l" in text for text in written.writes) == len(printing) + 1  # the last one is the end


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
