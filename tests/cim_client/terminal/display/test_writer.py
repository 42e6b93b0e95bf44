"""Messages as one window writes them; what depends on the order of things is in test_screen.py."""

import datetime

from cim_client.terminal.commands.settings import Settings
from cim_client.terminal.display import colours
from cim_client.terminal.display.conversations import Conversations
from cim_client.terminal.display.lines import plain
from cim_client.terminal.display.outgoing import Pending, Settlement
from cim_client.terminal.display.writer import Writer
from cim_client.types import Message, Reaction
from cim_common import ids

NOON = datetime.datetime(2024, 5, 6, 12, 0).timestamp()
OPS = ids.new_group()


def writer(width: int | None = 80) -> Writer:
    settings = Settings()
    return Writer("alice", Conversations(settings), settings, lambda: width, lambda: NOON)


def said(text: str = "hi", sender: str = "bob") -> Message:
    return Message("lobby", 17, sender, 7, text, "", int(NOON * 1000), False)


def test_a_sender_has_its_colour() -> None:
    (line,) = writer().message(said(), own=False)
    assert (colours.sender("bob"), "bob") in line


def test_reactions_stand_behind_the_text_and_are_harmless() -> None:
    (line,) = writer().message(
        said()._replace(reactions=(Reaction("👍", 2, True), Reaction("\x1b[2J", 1, False))), False
    )
    assert plain(line) == "12:00 #17 bob: hi  👍 2  ␛[2J 1"


def test_ones_own_name_is_not_set_off_in_ones_own_messages() -> None:
    (line,) = writer().message(said("alice was here", "alice"), own=True)
    assert all(style != "mention" for style, _ in line)


def test_a_reason_is_folded_like_everything_else() -> None:
    rows = writer(40).settled(Pending("lobby", "lobby", "hi", 0, NOON), Settlement("word " * 20))
    assert all(len(plain(row)) < 40 for row in rows)
    assert plain(rows[2]).startswith("      │ ")


def test_a_message_of_ones_own_to_a_group() -> None:
    message = Pending(OPS, "ops", "hi", 0, NOON)
    assert plain(writer().pending(message)) == "12:00 me → #ops: hi  · pending"
    assert [plain(row) for row in writer().settled(message, Settlement(conversation=OPS, seq=4))] == [
        "12:00 #4 me → #ops: hi  ✓"
    ]
