"""The quick switch: a list of conversations above the line, narrowed down by typing. Used by the prompt's thread only.

It has a line of its own, so the half-typed message is not touched by it.
"""

from prompt_toolkit.application import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import BufferControl, ConditionalContainer, Dimension, FormattedTextControl, HSplit, Window
from prompt_toolkit.layout.layout import FocusableElement

from cim_client.terminal.display.sanitize import shown_name
from cim_client.terminal.editor.completion import Place, matching

ROWS = 8
"""Conversations shown at a time."""

_LABEL = "go to: "


NUMBERED = 9
"""Conversations with a key of their own."""


class Picker:
    """Shown while it has the focus.

    The conversations offered first have numbers, and keep them whatever happens in them.
    """

    def __init__(self) -> None:
        self._places: tuple[Place, ...] = ()
        self._numbered: list[str] = []
        self._chosen = 0
        self._back: FocusableElement | None = None
        self._typed = Buffer(multiline=False)
        self._typed.on_text_changed += self._narrow
        control = BufferControl(self._typed)
        self.has_focus: Condition = Condition(has_focus(self._typed))
        rows = Window(FormattedTextControl(self._rows), height=self._height, dont_extend_height=True)
        line = Window(control, height=1, get_line_prefix=lambda line, wrap: [("class:prompt", _LABEL)])
        self.container = ConditionalContainer(HSplit([rows, line]), filter=self.has_focus)

    def offered(self, places: tuple[Place, ...]) -> None:
        """What may be chosen has changed; what is chosen stays so, if it is still there."""
        chosen = self.chosen
        self._places = places
        found = [place.address for place in self._found()]
        self._chosen = found.index(chosen.address) if chosen and chosen.address in found else 0
        for place in places:
            if len(self._numbered) < NUMBERED and place.address not in self._numbered:
                self._numbered.append(place.address)

    def number(self, number: int) -> str:
        """The address of the conversation of that number, from 1 on; "" if there is none."""
        return self._numbered[number - 1] if number <= len(self._numbered) else ""

    def open(self) -> None:
        self._typed.reset()
        self._chosen = 0
        self._back = get_app().layout.current_control
        get_app().layout.focus(self._typed)

    def close(self) -> None:
        if self._back is not None:
            get_app().layout.focus(self._back)
            self._back = None

    @property
    def chosen(self) -> Place | None:
        """If anything fits what was typed."""
        found = self._found()
        return found[self._chosen] if found else None

    def move(self, step: int) -> None:
        count = len(self._found())
        self._chosen = (self._chosen + step) % count if count else 0

    def _found(self) -> list[Place]:
        return matching(self._typed.text, self._places)

    def _narrow(self, buffer: Buffer) -> None:
        self._chosen = 0

    def _height(self) -> Dimension:
        count = min(len(self._found()), ROWS) or 1
        return Dimension(min=0, preferred=count, max=count)

    def _rows(self) -> StyleAndTextTuples:
        found = self._found()
        if not found:
            return [("class:note", "  no such conversation")]
        first = max(0, min(self._chosen - ROWS // 2, len(found) - ROWS))
        rows: StyleAndTextTuples = []
        for index, place in enumerate(found[first : first + ROWS], first):
            key = f"{self._numbered.index(place.address) + 1} " if place.address in self._numbered else "  "
            unread = f"  {place.unread} new" if place.unread else ""
            chosen = index == self._chosen
            text = f"{'>' if chosen else ' '} {key}{shown_name(place.name)}{unread} \n"
            rows.append(("class:chosen" if chosen else "", text))
        rows[-1] = (rows[-1][0], rows[-1][1][:-1])
        return rows
