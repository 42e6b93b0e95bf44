"""What is printed while one types: all of it, in order, and the line stays as it is."""

import asyncio
import io
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pyte
from prompt_toolkit.application import Application
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.key_binding import KeyBindings

from cim_client.terminal.display.lines import note
from cim_client.terminal.editor.drawing import drawn
from cim_client.terminal.editor.entry import Entry
from cim_client.terminal.editor.picker import Picker
from cim_client.terminal.editor.printing import Printer, Surface, size
from tests.terminals import DEADLINE_S, Emulator, Terminal


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


class Screen(io.StringIO):
    """What is written, as each write has it, in a terminal where a shell has left `$ ` in the row."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []
        self.emulator = Emulator(80, 24)
        self._stream = pyte.Stream(self.emulator)
        self._stream.feed("$ ")

    def write(self, text: str) -> int:
        self.writes.append(text)
        self._stream.feed(text)
        return len(text)

    async def until(self, what: str) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not any(what in self.emulator.row(number) for number in range(24)):
                await asyncio.sleep(0.005)


class NoTrio:
    """Trio's side, which waits for nothing."""

    def run_sync_soon(self, do: object) -> None:
        pass


Script = Callable[[Screen, Printer, PipeInput], Awaitable[None]]


def prompted(script: Script, label: str) -> Screen:
    """A prompt in this process, and what is done there."""
    token: Any = NoTrio()
    screen, printer, entry = Screen(), Printer(token), Entry((), lambda prefix: None, lambda: label)

    async def act(app: Application[None], keyboard: PipeInput) -> None:
        try:
            await script(screen, printer, keyboard)
        finally:
            app.exit()

    async def run() -> None:
        with create_pipe_input() as keyboard:
            app = drawn(printer, entry, Picker(), KeyBindings(), keyboard, Surface(screen, size, term="xterm"))

            def begin() -> None:
                printer.start(app)
                acting.append(app.create_background_task(act(app, keyboard)))

            acting: list[asyncio.Task[None]] = []
            await app.run_async(pre_run=begin)
            await acting[0]

    asyncio.run(run())
    return screen


def test_no_write_leaves_the_prompt_away_or_bracketed_paste_off() -> None:
    async def show(screen: Screen, printer: Printer, keyboard: PipeInput) -> None:
        for number in range(5):
            await printer.show([note(f"message {number}.")])
            await screen.until(f"message {number}.")

    writes = prompted(show, "lobby").writes
    printing = [text for text in writes if "message" in text]
    assert printing
    for text in printing:
        assert "\x1b[?2004l" in text
        assert "lobby" in text[text.rindex("message") :]
        assert text.rindex("\x1b[?2004h") > text.rindex("\x1b[?2004l")
    assert sum("\x1b[?2004l" in text for text in writes) == len(printing) + 1  # the last one is the end


def test_it_begins_at_the_left_edge_wherever_the_shell_has_left_the_cursor() -> None:
    async def write(screen: Screen, printer: Printer, keyboard: PipeInput) -> None:
        await screen.until(">")
        keyboard.send_text("half a line")
        await screen.until("half a line")
        assert screen.emulator.row(0) == "> half a line"

    prompted(write, "")


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
