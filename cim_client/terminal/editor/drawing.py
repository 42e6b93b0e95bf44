"""What the prompt looks like: rows of pending messages, the quick switch, the input line, the bar."""

from prompt_toolkit.application import Application
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.layout import ConditionalContainer, Dimension, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.styles import Style

from cim_client.terminal.display import colours
from cim_client.terminal.editor.entry import Entry
from cim_client.terminal.editor.picker import Picker
from cim_client.terminal.editor.printing import Printer, Surface, size, styled

_ESCAPE_S = 0.1
"""A lone Escape is one if nothing follows so long; over a slow line the rest of an arrow key may come late."""

_MIN_ROWS_WITH_BAR = 3


def drawn(
    printer: Printer, entry: Entry, picker: Picker, bindings: KeyBindings, keyboard: Input, surface: Surface
) -> Application[None]:
    """The Application of a whole session. Where there are few rows, the input line comes first."""

    def pending() -> StyleAndTextTuples:
        return styled([*row, ("", "\n")] for row in printer.around.pending)[:-1]

    def pending_rows() -> Dimension:
        count = len(printer.around.pending)
        return Dimension(min=0, preferred=count, max=count)

    def bar() -> StyleAndTextTuples:
        return entry.bar(size().columns) or [("", printer.around.toolbar)]

    above = Window(FormattedTextControl(pending), height=pending_rows, dont_extend_height=True)
    below = Window(FormattedTextControl(bar), height=1, style="class:toolbar")
    with_bar = ConditionalContainer(below, filter=Condition(lambda: size().rows >= _MIN_ROWS_WITH_BAR))
    app: Application[None] = Application(
        layout=Layout(HSplit([above, picker.container, entry.container, with_bar]), focused_element=entry.focus),
        key_bindings=bindings,
        style=Style.from_dict(colours.STYLES),
        erase_when_done=True,
        input=keyboard,
        output=surface,
    )
    app.ttimeoutlen = _ESCAPE_S
    app.after_render += lambda _: surface.release()
    return app
