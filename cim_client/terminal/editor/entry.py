"""The input line: its text, what was typed before, and completion. Used by the prompt's thread only.

Completion is computed at once, from what has been offered, so that keys typed behind a Tab find its result. While one
just types nothing pops up: candidates for commands and emoji stand in the bar below the line, where nothing moves.
"""

import asyncio
from collections.abc import Callable, Iterable

from prompt_toolkit.buffer import Buffer, CompletionState
from prompt_toolkit.completion import Completion
from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History
from prompt_toolkit.layout import BufferControl, ConditionalContainer, Container, Dimension, HSplit, Window
from prompt_toolkit.layout.controls import SearchBufferControl
from prompt_toolkit.layout.processors import (
    ConditionalProcessor,
    HighlightIncrementalSearchProcessor,
    TabsProcessor,
)

from cim_client.terminal.display.cells import cells, cut
from cim_client.terminal.display.sanitize import one_line
from cim_client.terminal.editor import completion
from cim_client.terminal.editor.completion import Found, Offers, Word

MAX_REMEMBERED = 1_000
"""Lines typed earlier that can be gone back to."""

ASK_AFTER_S = 0.2
"""A prefix of a name that has stood so long without being typed on is asked for."""

MAX_ASKED_CHARS = 64
"""No name is longer."""

_ROWS = Dimension(min=1, max=6)
_CONTINUED = "  "


class Entry:
    """`ask(prefix)` is called for a user's name nobody here knows; the answer comes as new `offers`. `label()` stands
    before the text, and a mark behind it."""

    def __init__(self, remembered: Iterable[str], ask: Callable[[str], None], label: Callable[[], str]) -> None:
        self._label = label
        self.offers = Offers()
        self.text = ""
        self._ask = ask
        self._asking: asyncio.TimerHandle | None = None
        self._hint: tuple[str, Offers, Found] = ("", self.offers, completion.NOTHING)
        self._remembered = _Remembered(remembered)
        self._buffer = Buffer(multiline=True, history=self._remembered)
        self._buffer.on_text_changed += self._changed
        self._search = SearchBufferControl(Buffer(multiline=False), ignore_case=True)
        self.container = self._layout()

    @property
    def focus(self) -> BufferControl:
        return self._control

    # the text

    def take(self, remember: bool = False) -> str:
        """The text, which is gone from the line then."""
        text = self._buffer.text
        if remember:
            self._buffer.append_to_history()
        self.put("")
        return text

    def put(self, text: str) -> None:
        """Replace the text; what was typed earlier can be gone back to from there."""
        self._buffer.reset()
        self._buffer.insert_text(text)
        self._changed(self._buffer)
        self._buffer.load_history_if_not_yet_loaded()

    def prepend(self, text: str) -> None:
        at = self._buffer.cursor_position + len(text)
        self._buffer.text = text + self._buffer.text
        self._buffer.cursor_position = at

    def insert(self, text: str) -> None:
        self._buffer.insert_text(text)

    # completion

    def complete(self, step: int) -> None:
        """The next (`step` 1) or previous (-1) candidate; the only one is taken with a space behind it."""
        if self._buffer.complete_state is None:
            found = completion.find(self._buffer.document.text_before_cursor, self.offers)
            self._ask_soon(found.asks if not found.candidates else "", 0)
            if not found.candidates:
                return
            if len(found.candidates) == 1:
                self._buffer.delete_before_cursor(found.length)
                self._buffer.insert_text(_closed(found.candidates[0].text))
                return
            made = [Completion(word.text, -found.length, display_meta=word.meaning) for word in found.candidates]
            self._buffer.complete_state = CompletionState(self._buffer.document, made)
        if step > 0:
            self._buffer.complete_next()
        else:
            self._buffer.complete_previous()

    def restore(self) -> None:
        """Give up completing: the text is as it was typed."""
        if self._buffer.complete_state is not None:
            self._buffer.cancel_completion()

    def bar(self, width: int) -> StyleAndTextTuples:
        """What the bar is to show instead of the state: candidates, or the form of the command being typed."""
        state = self._buffer.complete_state
        if state is not None:
            words = [Word(made.text, made.display_meta_text) for made in state.completions]
            return _row(words, state.complete_index, width)
        found = self._hinted()
        if found.candidates:
            return _row(found.candidates, None, width)
        return [("", " " + cut(found.usage, width - 2))] if found.usage else []

    def _hinted(self) -> Found:
        before = self._buffer.document.text_before_cursor
        if self._hint[:2] != (before, self.offers):
            self._hint = (before, self.offers, completion.hint(before, self.offers))
        return self._hint[2]

    def _changed(self, buffer: Buffer) -> None:
        self.text = buffer.text
        found = self._hinted()
        self._ask_soon(found.asks if not found.candidates else "", ASK_AFTER_S)

    def _ask_soon(self, prefix: str, after_s: float) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
        if 0 < len(prefix) <= MAX_ASKED_CHARS:
            self._asking = asyncio.get_running_loop().call_later(after_s, self._ask, prefix)

    # what it looks like

    def _layout(self) -> Container:
        self._control = BufferControl(
            self._buffer,
            input_processors=[
                HighlightIncrementalSearchProcessor(),
                ConditionalProcessor(TabsProcessor(char1=" ", char2=" "), filter=Condition(lambda: "\t" in self.text)),
            ],  # the second takes the text apart, which a long one without tabs is spared
            search_buffer_control=self._search,
            preview_search=True,
        )
        line = Window(
            self._control, height=_ROWS, wrap_lines=True, dont_extend_height=True, get_line_prefix=self._line_prefix
        )
        search = Window(self._search, height=1, get_line_prefix=lambda line, wrap: "typed earlier: ")
        return HSplit([line, ConditionalContainer(search, filter=is_searching)])

    def _line_prefix(self, line: int, wrap: int) -> StyleAndTextTuples:
        return [("class:prompt", self._label() + "> " if line == wrap == 0 else _CONTINUED)]


class _Remembered(History):
    """The lines typed earlier, made of those of earlier runs, oldest first."""

    def __init__(self, lines: Iterable[str]) -> None:
        super().__init__()
        self._loaded_strings = list(lines)[::-1][:MAX_REMEMBERED]
        self._loaded = True

    def load_history_strings(self) -> Iterable[str]:
        return ()

    def store_string(self, string: str) -> None:
        del self._loaded_strings[MAX_REMEMBERED:]


def _closed(text: str) -> str:
    return text if text.endswith((" ", ";;", ":")) else text + " "


def _row(words: Iterable[Word], chosen: int | None, width: int) -> StyleAndTextTuples:
    """As many candidates as the width holds, from the page of the chosen one on; the chosen one stands out."""
    pages: list[StyleAndTextTuples] = [[]]
    used = 0
    for index, word in enumerate(words):
        text = one_line(f"{word.text} {word.meaning}" if word.meaning else word.text)
        text = cut(text.strip(), max(width - 4, 8))
        if used + cells(text) + 4 > width:
            if chosen is None or index > chosen:
                pages[-1].append(("", " …"))
                break
            pages.append([])
            used = 0
        pages[-1] += [("", " "), ("class:chosen" if index == chosen else "", f" {text} ")]
        used += cells(text) + 3
    return pages[-1]
