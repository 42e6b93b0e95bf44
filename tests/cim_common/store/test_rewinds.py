"""A log that is shorter than somebody knows it, on a real Redis (I22)."""

from typing import Any

import pytest

from cim_common.store import keys, pages, rewinds
from tests.cim_common.store.conftest import DIRECT


@pytest.mark.invariant("I22")
def test_a_shorter_log_is_another_one_once(store: Any, committer: Any) -> None:
    committer.commit(*[committer.append(n, n - 1, f"text {n}") for n in (1, 2, 3)])
    incarnation = int(store.command("HGET", keys.conv(DIRECT), "i"))
    head, other = store.run(rewinds.rewind(DIRECT, incarnation, 5))
    assert head == 3
    assert other != incarnation
    assert store.run(rewinds.rewind(DIRECT, incarnation, 9)) == (3, other)
    page = store.run(pages.page_up(DIRECT, 0))
    assert (page.incarnation, page.rewound_at) == (other, 3)


@pytest.mark.invariant("I22")
@pytest.mark.parametrize("known", [2, 3])
def test_a_head_that_was_read_too_early_sets_nothing_back(store: Any, committer: Any, known: int) -> None:
    committer.commit(*[committer.append(n, n - 1, f"text {n}") for n in (1, 2, 3)])
    incarnation = int(store.command("HGET", keys.conv(DIRECT), "i"))
    assert store.run(rewinds.rewind(DIRECT, incarnation, known)) == (3, incarnation)
    assert store.run(pages.page_up(DIRECT, 0)).rewound_at == 0


def test_where_there_is_no_log(store: Any) -> None:
    assert store.run(rewinds.rewind(DIRECT, 1, 1)) is None
