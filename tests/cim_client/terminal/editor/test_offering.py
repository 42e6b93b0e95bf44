"""What can be completed, as one window knows it."""

import pytest

from cim_client.terminal.commands.registry import COMMANDS
from cim_client.terminal.commands.settings import SETTINGS, Settings
from cim_client.terminal.display.conversations import Conversations
from cim_client.terminal.display.recent import Recent
from cim_client.terminal.editor import offering
from cim_client.terminal.editor.completion import Place, Word, find
from cim_client.terminal.editor.offering import Offering
from cim_client.types import Message
from cim_common import ids

ME = 2**32
DIRECT = ids.direct(ME, ME + 7)
OPS, TEAM = ids.new_group(), ids.new_group()


def some() -> Conversations:
    known = Conversations(Settings())
    known.named(OPS, "ops")
    known.named(TEAM, "the team")
    known.named(DIRECT, "bob")
    return known


def texts(words: tuple[Word, ...]) -> list[str]:
    return [word.text for word in words]


def test_places_are_reached_by_what_nobody_else_can_have() -> None:
    known = some()
    known.arrived(OPS, 1, own=False)
    assert Offering(COMMANDS).offers(known, Recent()).places == (
        Place("#ops", OPS, 1),
        Place("bob", DIRECT),
        Place("#the team", TEAM),
        Place("lobby", "lobby"),
    )


def test_people_met_last_come_first_then_those_one_has_talked_to() -> None:
    offered = Offering(COMMANDS)
    offered.met(["carol", "dave"])
    offered.met(["carol"])
    words = offered.offers(some(), Recent()).words
    assert texts(words["user"]) == ["carol", "dave", "bob"]
    assert texts(words["group"]) == ["the team", "ops"]
    assert texts(words["conversation"]) == ["lobby", "carol", "dave", "bob", "the team", "ops"]


def test_conversations_without_a_name_are_not_words() -> None:
    known = Conversations(Settings())
    known.chat(DIRECT)
    words = Offering(COMMANDS).offers(known, Recent()).words
    assert texts(words["conversation"]) == ["lobby"]


@pytest.mark.parametrize("name", ["b\x1b[2Jb", "b b", "a\u202eb", "x" * 500])
def test_what_cannot_be_shown_as_it_is_is_not_put_into_the_line(name: str) -> None:
    known = some()
    known.named(OPS, name if " " not in name else 'a "b')
    offered = Offering(COMMANDS)
    offered.met([name])
    words = offered.offers(known, Recent()).words
    assert texts(words["user"]) == ["bob"]
    assert texts(words["group"]) == ["the team"]


def test_messages_of_where_one_is() -> None:
    recent = Recent()
    for seq in (1, 2, 3):
        recent.add(Message("lobby", seq, "bob", 7, f"text {seq}", "", 0, False))
    recent.add(Message(OPS, 9, "bob", 7, "elsewhere", "", 0, False))
    words = Offering(COMMANDS).offers(some(), recent).words
    assert words["message"] == (Word("3", "bob: text 3"), Word("2", "bob: text 2"), Word("1", "bob: text 1"))


def test_settings_and_their_values() -> None:
    words = Offering(COMMANDS).offers(some(), Recent()).words
    assert texts(words["setting"]) == list(SETTINGS)
    assert texts(words["value bell"]) == ["off", "mine", "all"]


def test_they_are_found_by_what_is_typed() -> None:
    offered = Offering(COMMANDS)
    offered.met(["zora"])
    offers = offered.offers(some(), Recent())
    assert texts(find("/to zo", offers).candidates) == ["zora"]
    assert texts(find("/to the", offers).candidates) == ['"the team"']
    assert texts(find("/set bell m", offers).candidates) == ["mine"]


def test_all_of_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offering, "MAX_PEOPLE", 2)
    monkeypatch.setattr(offering, "MAX_PLACES", 3)
    monkeypatch.setattr(offering, "MAX_MESSAGES", 1)
    recent = Recent()
    for seq in (1, 2):
        recent.add(Message("lobby", seq, "bob", 7, "x" * 1_000, "", 0, False))
    offered = Offering(COMMANDS)
    offered.met(["carol", "dave", "eve"])
    offers = offered.offers(some(), recent)
    assert len(offers.places) == 3
    assert texts(offers.words["user"])[:2] == ["eve", "dave"]
    assert offers.words["message"] == (Word("2", "bob: " + "x" * offering.MAX_WORDS_CHARS),)
