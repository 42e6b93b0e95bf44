"""Groups: names in any form, and many of them in steps."""

from cim_client.groups import chunks, flat
from cim_common.wire.limits import MAX_TARGETS


def test_names_are_given_one_by_one_or_as_a_list() -> None:
    assert list(flat(["ann", ["bob", "eve"], ("tom",)])) == ["ann", "bob", "eve", "tom"]


def test_no_change_concerns_too_many() -> None:
    users = range(2 * MAX_TARGETS + 1)
    parts = list(chunks(users))
    assert [len(part) for part in parts] == [MAX_TARGETS, MAX_TARGETS, 1]
    assert [user for part in parts for user in part] == list(users)
    assert list(chunks([])) == []
