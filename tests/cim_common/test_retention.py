"""What operators may say about retention, and what it means."""

import pytest

from cim_common import ids
from cim_common.retention import EVERYTHING, BadKeep, Keep, Rule, kind_of

DAY_MS = 86_400_000
A, B = ids.MIN_USER_ID + 1, ids.MIN_USER_ID + 2


def test_rules_of_each_kind() -> None:
    keep = Keep.parse(["lobby=30d", "group=365d,100000", "direct=5000", "self=90s"])
    assert keep.rule("lobby") == Rule(30 * DAY_MS, 0)
    assert keep.rule(ids.new_group()) == Rule(365 * DAY_MS, 100_000)
    assert keep.rule(ids.direct(A, B)) == Rule(0, 5_000)
    assert keep.rule(ids.direct(A, A)) == Rule(90_000, 0)
    assert keep.shortest_age_ms == 90_000
    assert Keep.parse(["group=7,2h"]).rule(ids.new_group()) == Rule(7_200_000, 7)


def test_without_a_rule_everything_is_kept() -> None:
    keep = Keep.parse(["lobby=1h"])
    assert keep
    assert keep.rule(ids.direct(A, B)) == EVERYTHING
    assert not Keep()
    assert Keep().shortest_age_ms == 0


@pytest.mark.parametrize(
    "word",
    ["", "lobby", "lobby=", "lobby=0", "lobby=-1", "lobby=30 d", "lobby=30w", "lobby=1d,2d", "lobby=1,2",
     "lobby=1d,", "everything=1d", "Lobby=1d", "lobby=1.5d", "lobby=1d;5"],
)  # fmt: skip
def test_nonsense_is_refused_in_one_sentence(word: str) -> None:
    with pytest.raises(BadKeep) as refused:
        Keep.parse([word])
    assert "as in" in str(refused.value)


def test_a_kind_is_given_once() -> None:
    with pytest.raises(BadKeep, match="twice"):
        Keep.parse(["lobby=1d", "lobby=100"])


def test_kinds_of_ids() -> None:
    assert [kind_of(c) for c in ("lobby", ids.direct(A, B), ids.direct(A, A), ids.new_group())] == [
        "lobby", "direct", "self", "group",
    ]  # fmt: skip
