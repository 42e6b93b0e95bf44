"""The table of keys: what it promises is what is bound."""

import subprocess
import sys

import pytest
from prompt_toolkit.filters import Always

from cim_client.terminal.editor import keys
from cim_client.terminal.editor.keys import EMPTY, KEYS, LINE, PICKER
from tests.terminals import Terminal

WHERE = {LINE: Always(), EMPTY: Always(), PICKER: Always()}


def actions() -> dict[str, object]:
    return {key.action: lambda event: None for key in KEYS if key.action}


def test_every_sequence_is_bound() -> None:
    bound = keys.bindings(actions(), WHERE).bindings  # type: ignore[arg-type]
    assert len(bound) == sum(len(key.sequences) for key in KEYS)


@pytest.mark.parametrize("missing", sorted(actions()))
def test_an_action_that_is_missing_is_noticed(missing: str) -> None:
    some = {name: action for name, action in actions().items() if name != missing}
    with pytest.raises(KeyError):
        keys.bindings(some, WHERE)  # type: ignore[arg-type]


def test_in_one_place_a_sequence_means_one_thing() -> None:
    for where in (LINE, EMPTY, PICKER):
        sequences = [sequence for key in KEYS if key.where == where for sequence in key.sequences]
        assert len(set(sequences)) == len(sequences)


def test_no_lone_escape_in_the_line() -> None:
    assert not any(sequence == ("escape",) for key in KEYS if key.where != PICKER for sequence in key.sequences)


def test_the_listing_names_each_key_once() -> None:
    shown = [name for name, _ in keys.listing()]
    assert len(set(shown)) == len(shown)
    assert {"Enter", "Alt-Enter", "Tab", "Ctrl-K", "Ctrl-R"} <= set(shown)


def test_listing_them_costs_no_prompt_toolkit() -> None:
    code = "import sys, cim_client.terminal.commands.registry as c; sys.exit('prompt_toolkit' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_keys_of_readline(typist: Terminal) -> None:
    """Rows of the table that prompt_toolkit binds."""
    typist.type("one two three\x17four\x01zero \x05 five\x1bb\x1bd\x19\x15\x19!\x1f\r")
    typist.until("got 'zero one two four five'")


def test_control_l_draws_the_screen_anew(typist: Terminal) -> None:
    typist.type("hello\rhalf")
    typist.until("got 'hello'")
    typist.type("\x0c")
    typist.until(lambda screen: screen == "lobby> half\n bar")
