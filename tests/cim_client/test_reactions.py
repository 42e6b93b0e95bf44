"""Reactions of a kept message."""

from cim_client import reactions
from cim_client.types import Reaction
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Entry

ME, BOB = 1, 2


def entry(sender: int, emoji: str = "+1", removed: bool = False) -> Entry:
    return Entry(9, sender, "x", "d", 1, 0, emoji, Kind.REACTION, ref=1, removed=removed)


def after(kept: str, *entries: Entry) -> tuple[Reaction, ...]:
    for each in entries:
        kept = reactions.changed(kept, each, ME)
    return reactions.told(kept)


def test_of_counts_that_were_read_back_one_knows_only_ones_own() -> None:
    read = reactions.counted([("+1", 3, True)])
    assert after(read) == (Reaction("+1", 3, True),)
    assert after(read, entry(ME)) == (Reaction("+1", 3, True),)
    assert after(read, entry(ME, removed=True), entry(ME, removed=True)) == (Reaction("+1", 2, False),)
    assert after(read, entry(BOB), entry(BOB)) == (Reaction("+1", 4, True),)
    assert after(read, entry(BOB, removed=True)) == (Reaction("+1", 2, True),)


def test_the_last_one_takes_the_emoji_along() -> None:
    assert after("", entry(BOB), entry(BOB, removed=True)) == ()
    assert after("", entry(BOB, removed=True)) == ()


def test_bounds() -> None:
    emoji = [entry(BOB, f"e{number}") for number in range(reactions.MAX_EMOJI + 5)]
    assert len(after("", *emoji)) == reactions.MAX_EMOJI
    users = [entry(user) for user in range(10, reactions.MAX_KNOWN + 60)]
    assert after("", *users) == (Reaction("+1", reactions.MAX_KNOWN + 50, False),)
