"""Every key of the prompt in one table, with the name people know it by and what it does.

Bindings are made from it, and so is whatever lists the keys. Rows without `sequences` are prompt_toolkit's own, those
of readline and Emacs; they are told because people look for them.

No binding on a lone Escape in the line: a terminal sends Alt-Enter as Escape and Enter, and the Enter would send.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # prompt_toolkit takes 100 ms, which who only lists the keys need not pay
    from prompt_toolkit.filters import Filter
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

LINE, EMPTY, PICKER = "line", "empty", "picker"
"""Where a key means that: in the input line, in it when it is empty, in the quick switch."""

_ALT = "escape"
_DIGITS = tuple((_ALT, digit) for digit in "123456789")


class Key(NamedTuple):
    """A row: `sequences` as prompt_toolkit writes them, any of which runs the action of that name."""

    shown: str
    meaning: str
    action: str = ""
    sequences: tuple[tuple[str, ...], ...] = ()
    where: str = LINE


KEYS = (
    Key("Enter", "send", "enter", (("enter",),)),
    Key("Alt-Enter", "a line break", "line_break", ((_ALT, "enter"),)),
    Key("Tab", "complete; again: the next candidate", "complete", (("tab",),)),
    Key("Shift-Tab", "the candidate before", "complete_back", (("s-tab",),)),
    Key("Ctrl-G", "back to what was typed", "restore", (("c-g",),)),
    Key("Up, Down", "lines typed earlier"),
    Key("Ctrl-R", "search them; again: an older one"),
    Key("Ctrl-X Ctrl-E", "edit the line in $VISUAL or $EDITOR", "edit", (("c-x", "c-e"),)),
    Key("Ctrl-K", "quick switch: type a part of the name, Enter goes there", "pick", (("c-k",),)),
    Key("Alt-N", "to the next conversation with unread messages", "next_unread", ((_ALT, "n"),)),
    Key(
        "Alt-1 to Alt-9",
        "to the conversation that has this number in the quick switch",
        "go",
        _DIGITS,
    ),
    Key("Ctrl-C", "clear the line", "clear", (("c-c",),)),
    Key("Ctrl-D", "on an empty line: quit; else delete a character", "finish", (("c-d",),), EMPTY),
    Key("Ctrl-Z", "to the shell; fg comes back", "suspend", (("c-z",),)),
    Key("Ctrl-L", "draw the screen anew"),
    Key("Ctrl-A, Ctrl-E", "to the start, to the end of the line"),
    Key("Alt-B, Alt-F", "a word back, a word on"),
    Key("Ctrl-W, Ctrl-U", "delete the word, all before the cursor"),
    Key("Ctrl-Y", "put back what was deleted"),
    Key("Ctrl-_", "undo"),
    Key("Up, Shift-Tab", "the conversation above", "pick_up", (("up",), ("s-tab",), ("c-p",)), PICKER),
    Key("Down, Tab", "the one below", "pick_down", (("down",), ("tab",), ("c-n",)), PICKER),
    Key("Enter", "go there", "picked", (("enter",),), PICKER),
    Key("Esc, Ctrl-C", "stay", "unpick", ((_ALT,), ("c-c",), ("c-g",), ("c-k",), ("c-d",)), PICKER),
)


def bindings(actions: "Mapping[str, Callable[[KeyPressEvent], None]]", where: "Mapping[str, Filter]") -> "KeyBindings":
    """The table as bindings; a missing action or place is a KeyError."""
    from prompt_toolkit.key_binding import KeyBindings

    made = KeyBindings()
    for key in KEYS:
        for sequence in key.sequences:
            lone_escape = sequence == (_ALT,)
            made.add(*sequence, filter=where[key.where], eager=lone_escape)(actions[key.action])
    return made


def listing() -> list[tuple[str, str]]:
    """What each key does in the line, for people."""
    return [(key.shown, key.meaning) for key in KEYS if key.where != PICKER]
