"""Identifiers."""

import pytest

from cim_common import ids

LOW, HIGH = ids.MIN_USER_ID + 5, ids.MIN_USER_ID + 9


def test_user_ids_stay_in_their_range() -> None:
    made = {ids.new_user_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(ids.MIN_USER_ID < user < ids.MAX_USER_ID for user in made)


def test_a_direct_conversation_has_one_id() -> None:
    assert ids.direct(LOW, HIGH) == ids.direct(HIGH, LOW) == f"d-{LOW}-{HIGH}"
    assert ids.direct_users(ids.direct(HIGH, LOW)) == (LOW, HIGH)
    assert ids.direct_users(ids.direct(LOW, LOW)) == (LOW, LOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lobby",
        f"d-{HIGH}-{LOW}",
        "d-1-2",
        f"d-{LOW}-{HIGH} ",
        f"d-0{LOW}-{HIGH}",
        f"d-{LOW}",
        "d-٣١٤٧٤٨٣٦٥٣-٣١٤٧٤٨٣٦٥٤",
    ],
)
def test_what_is_no_direct_conversation(text: str) -> None:
    assert ids.direct_users(text) is None


def test_device_ids() -> None:
    assert ids.is_device_id(ids.new_device_id())
    for text in ("", "A", "a b", "a:b", "x" * 33, "ä", "٣"):
        assert not ids.is_device_id(text)


def test_buckets_are_fixed() -> None:
    assert ids.conversation_bucket("lobby") == 503
    assert ids.user_bucket(1024 + 7) == 7


def test_a_scheduled_message_has_an_id_of_its_own() -> None:
    user = ids.MIN_USER_ID + 5
    same = ids.scheduled_message_id(user, 1, "s1")
    assert same == ids.scheduled_message_id(user, 1, "s1")
    others = {ids.scheduled_message_id(*other) for other in ((user + 1, 1, "s1"), (user, 2, "s1"), (user, 1, "s2"))}
    assert len(others | {same}) == 4
