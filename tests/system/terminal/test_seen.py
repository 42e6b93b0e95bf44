"""What others do, as it is seen: changes of what was shown, who types and reads, names called, hostile text."""

import unicodedata

import pytest

from tests.system.terminal.chats import STORED
from tests.system.terminal.scene import Scene


def test_changes_by_others_are_one_line_each(scene: Scene) -> None:
    """The message itself is never printed a second time."""
    seq = scene.said("original")
    before = scene.chat.above
    new = scene.unique("corrected")
    scene.tess.edit("lobby", seq, new)
    scene.chat.until_printed(f"#{seq}", new)
    scene.uma.react("lobby", seq, "🎉")
    scene.chat.until_printed(f"#{seq}", "🎉")
    scene.tess.recall("lobby", seq)
    scene.chat.until_read(lambda rows: len([row for row in rows.splitlines() if f"#{seq}" in row]) >= 4)
    after = scene.chat.above[len(before) :]
    assert [row[:1] for row in after] == ["*", "*", "*"], after
    assert [("tess" in row, "uma" in row) for row in after] == [(True, False), (False, True), (True, False)]


def test_who_types_and_who_has_read_is_in_the_bar(scene: Scene) -> None:
    scene.goes_to("tess")
    text = scene.unique("question")
    scene.chat.enter(text)
    scene.chat.until_stored(text)
    seq = scene.found("sam", text).seq
    scene.tess.mark_read("sam", seq)
    scene.chat.until_bar("✓✓ read")
    scene.tess.typing("sam")
    scene.chat.until_bar("tess is typing")


def test_ones_name_is_called(scene: Scene) -> None:
    """Highlighted, and with a bell if one wants; another word that holds the name is not."""
    scene.does("/set bell mine", "mine")
    rung = scene.chat.emulator.bells
    text = scene.unique("samovar")
    scene.tess.send("lobby", f"{text} is no name")
    scene.chat.until_printed(text)
    assert scene.chat.emulator.bells == rung
    text = scene.unique("call")
    scene.tess.send("lobby", f"{text}, sam!")
    scene.chat.until_printed(text)
    scene.chat.until(lambda _: scene.chat.emulator.bells == rung + 1)
    scene.does("/set bell off", "off")


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("\x1b[2J\x1b[1;1Hgone", "␛[2J␛[1;1Hgone"),
        ("\x1b]0;owned\x07\x1b[6n\x05\x9b31m", "␛]0;owned␇␛[6n␅\\x9b31m"),
        ("a\r\n23:59 #1 tess: forged", "│ 23:59 #1 tess: forged"),
        ("pay \u202e001", "pay \\u202e001"),
        ("zero\u200bwidth \ufeff\u2066", "zero\\u200bwidth \\ufeff\\u2066"),
        ("שלום עולם", "שלום עולם"),
        ("e" + "\u0301" * 20, unicodedata.normalize("NFC", "e\u0301")),
    ],
)
def test_hostile_text_is_only_shown(scene: Scene, sent: str, seen: str) -> None:
    before = scene.chat.above
    scene.tess.send("lobby", f"{scene.unique('hostile')} {sent}")
    scene.chat.until_printed(seen)
    assert scene.chat.above[: len(before)] == before
    assert scene.chat.emulator.answers == []
    assert scene.chat.emulator.title == ""


def test_a_line_of_ten_thousand_characters(scene: Scene) -> None:
    text = scene.unique("long")
    scene.tess.send("lobby", f"{text} " + "Wort " * 2_000 + "END")
    scene.chat.until_read(lambda rows: "END" in rows.split(text)[-1] or "more lines" in rows.split(text)[-1])
    rows = scene.chat.scrollback().split(text)[-1].splitlines()
    assert all(row.startswith("      │ ") for row in rows[1:10])
    wide = "汉" * 5_000
    scene.chat.type(f"\x1b[200~{text}{wide}\x1b[201~\r")
    scene.chat.until_read(lambda rows: f"汉  {STORED}" in rows.split(text)[-1])
    assert scene.found("lobby", text).text == text + wide


def test_what_came_while_one_was_elsewhere(scene: Scene) -> None:
    """Going back shows the last lines, with a line where the new ones begin."""
    scene.does("/set show current", "current")
    seen = scene.said("seen")
    scene.goes_to("uma")
    text = scene.unique("unseen")
    scene.tess.send("lobby", text)
    scene.chat.until_bar("lobby 1")
    assert not scene.chat.printed(text)
    rows = scene.does("/to lobby", text, "new since").splitlines()
    new = next(number for number, row in enumerate(rows) if "new since" in row)
    assert [row for row in rows[:new] if f"#{seen} " in row]
    assert text in rows[new + 1]
    scene.does("/set show all", "all")
