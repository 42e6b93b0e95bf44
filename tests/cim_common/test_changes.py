"""What a change has to look like by itself."""

import json

import pytest

from cim_common import changes, ids
from cim_common.wire.codes import Code
from cim_common.wire.kinds import FROM_CLIENTS, RULES, Kind
from cim_common.wire.limits import MAX_TARGETS
from cim_common.wire.messages import Change

GROUP = ids.new_group()
USER = ids.MIN_USER_ID + 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (Change(GROUP, 1, 0, Kind.CREATED, "ops"), None),
        (Change(GROUP, 1, 0, Kind.CREATED, "  "), Code.NAME_TOO_LONG),
        (Change(GROUP, 1, 0, Kind.CREATED, "x" * 65), Code.NAME_TOO_LONG),
        (Change(GROUP, 1, 0, Kind.CREATED, "o\x1bps"), Code.NAME_TOO_LONG),
        (Change(GROUP, 1, 0, Kind.RENAMED, "ops", topic="two\nlines"), Code.NAME_TOO_LONG),
        (Change("lobby", 1, 0, Kind.CREATED, "ops"), Code.BAD_REQUEST),
        (Change(GROUP, 1, 0, Kind.CREATED, "ops", history="some"), Code.BAD_REQUEST),
        (Change(GROUP, 1, 0, Kind.TEXT, "hi"), Code.BAD_REQUEST),
        (Change(GROUP, 1, 0, Kind.NOTICE, "hi"), Code.BAD_REQUEST),
        (Change(GROUP, 1, 0, 999, "hi"), Code.BAD_REQUEST),
        (Change(GROUP, 1, 0, Kind.JOINED), Code.BAD_REQUEST),
        (Change(GROUP, 1, 0, Kind.JOINED, targets=tuple(range(MAX_TARGETS + 1))), Code.BAD_REQUEST),
        (Change(GROUP, 1, 0, Kind.ROLE, targets=(USER, USER + 1), role="admin"), Code.BAD_REQUEST),
        (Change(GROUP, 1, 0, Kind.ROLE, targets=(USER,), role="king"), Code.BAD_REQUEST),
        (Change(GROUP, 1, 0, Kind.ROLE, targets=(USER,), role="admin"), None),
        (Change(GROUP, 1, 0, Kind.RECALLED), Code.NO_SUCH_MESSAGE),
        (Change(GROUP, 1, 0, Kind.EDITED, " ", ref=3), Code.EMPTY_TEXT),
        (Change(GROUP, 1, 0, Kind.REACTION, "👨‍👩‍👧", ref=3), None),
        (Change(GROUP, 1, 0, Kind.REACTION, "a b", ref=3), Code.BAD_REQUEST),
        (Change(GROUP, 1, 0, Kind.REACTION, "a\nb", ref=3), Code.BAD_REQUEST),
        (Change(GROUP, 1, 0, Kind.REACTION, "x" * 65, ref=3), Code.BAD_REQUEST),
    ],
)
def test_what_is_refused_by_itself(change: Change, code: Code | None) -> None:
    assert changes.refusal(changes.completed(change)) is code


def test_targets_count_once_and_ids_stay_exact() -> None:
    change = changes.completed(Change(GROUP, 1, 0, Kind.JOINED, targets=(2**53 - 1, 7, 2**53 - 1)))
    assert json.loads(changes.op_of(change))["targets"] == [str(2**53 - 1), "7"]


@pytest.mark.parametrize("kind", sorted(FROM_CLIENTS))
def test_what_a_kind_does_not_say_is_dropped(kind: Kind) -> None:
    """Nothing else bounds it, and nobody could read an entry longer than a frame."""
    junk = "z" * 60_000
    text = {
        Kind.EDITED: "new",
        Kind.REACTION: "+1",
        Kind.CREATED: " " * 60_000 + "ops",
        Kind.RENAMED: "ops" + " " * 60_000,
    }
    asked = Change(
        GROUP, 1, 0, kind, text.get(kind, junk), 3, (USER,), "admin" if kind == Kind.ROLE else junk,
        "topic" if kind in (Kind.CREATED, Kind.RENAMED) else junk, True,
        "all" if kind == Kind.CREATED else junk, "admins" if kind == Kind.CREATED else junk,
    )  # fmt: skip
    change = changes.completed(asked)
    assert changes.refusal(change) is None
    assert len(changes.content_of(change, ["name"] * len(change.targets))) < 100
    assert len(changes.op_of(change)) < 300


def test_every_kind_has_a_row_in_the_table() -> None:
    assert set(RULES) == set(Kind)
