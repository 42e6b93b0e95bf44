"""Colours can be read on every ground, and stay with their names."""

import subprocess
import sys
from pathlib import Path

import pytest
from prompt_toolkit.styles import Style

from cim_client.terminal.display.colours import MIN_CONTRAST, SENDERS, STYLES, sender, without_colours


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("style", STYLES)
def test_every_colour_is_readable_on_black_and_on_white(style: str) -> None:
    for word in STYLES[style].split():
        if word.startswith("#"):
            light = luminance(word)
            assert min(1.05 / (light + 0.05), (light + 0.05) / 0.05) >= MIN_CONTRAST, word


def test_colours_are_of_the_cube_and_differ() -> None:
    assert len(set(SENDERS)) == len(SENDERS)
    assert all(colour[at : at + 2] in ("00", "5f", "87", "af", "d7", "ff") for colour in SENDERS for at in (1, 3, 5))


def test_prompt_toolkit_knows_the_styles() -> None:
    style = Style.from_dict(STYLES)
    assert style.get_attrs_for_style_str(f"class:{sender('bob')}").color == STYLES[sender("bob")].split("#")[1]


def test_without_colours_what_stands_out_still_does() -> None:
    line = [("time", "12:00 "), (sender("bob"), "bob"), ("mark", ": "), ("mention", "alice"), ("", " hi")]
    plain = without_colours(line)
    assert [text for _, text in plain] == [text for _, text in line]
    looks = [STYLES.get(style, "") for style, _ in plain]
    assert looks == ["", "bold", "", "bold reverse", ""]
    for style in STYLES:
        ((left, _),) = without_colours([(style, "x")])
        assert "#" not in STYLES.get(left, "")


def test_a_name_has_one_colour_in_every_run() -> None:
    names = [f"user{n}" for n in range(50)]
    program = f"from cim_client.terminal.display.colours import sender; print(*map(sender, {names}))"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == [sender(name) for name in names]
    assert len({sender(name) for name in names}) > len(SENDERS) // 2
