"""Budgets leased from a real Redis (I17)."""

from typing import Any

from cim_common import ids
from cim_common.store import budgets, keys
from cim_common.store.budgets import REQUESTS, SENDS, SYNCS

USER = ids.MIN_USER_ID + 5
NOW = 1_700_000_000_000


def test_a_burst_is_leased_in_quarters_and_then_refused_with_a_time(store: Any) -> None:
    granted = [store.run(budgets.lease(USER, SENDS, 0, NOW)).granted for _ in range(4)]
    assert granted == [SENDS.burst // 4] * 4
    refused = store.run(budgets.lease(USER, SENDS, 0, NOW))
    assert (refused.granted, refused.after_ms) == (0, SENDS.least * 1000 / SENDS.per_s)
    assert store.run(budgets.lease(USER, SENDS, 0, NOW + refused.after_ms - 10)).granted == 0
    assert store.run(budgets.lease(USER, SENDS, 0, NOW + refused.after_ms)).granted == SENDS.least


def test_in_the_long_run_the_rate_is_kept(store: Any) -> None:
    total = sum(store.run(budgets.lease(USER, REQUESTS, 0, NOW + ms)).granted for ms in range(0, 60_000, 40))
    assert total <= REQUESTS.burst + 60 * REQUESTS.per_s
    assert total >= REQUESTS.burst + 60 * REQUESTS.per_s - 2 * REQUESTS.least


def test_what_was_spent_on_credit_comes_on_top_of_a_lease(store: Any) -> None:
    assert store.run(budgets.lease(USER, SENDS, 100, NOW)).granted == SENDS.lease + 100
    for _ in range(3):
        store.run(budgets.lease(USER, SENDS, 0, NOW))
    rest = SENDS.burst - 4 * SENDS.lease - 100
    refused = store.run(budgets.lease(USER, SENDS, 300, NOW))
    assert refused.after_ms >= (SENDS.least + 300 - SENDS.lease - rest) * 1000 / SENDS.per_s


def test_budgets_and_users_are_apart_and_forgotten_when_unused(store: Any) -> None:
    for _ in range(5):
        store.run(budgets.lease(USER, SENDS, 0, NOW))
    assert store.run(budgets.lease(USER, REQUESTS, 0, NOW)).granted == REQUESTS.lease
    assert store.run(budgets.lease(USER + 1, SENDS, 0, NOW)).granted == SENDS.lease
    assert 0 < store.command("PTTL", keys.limits(USER)) <= budgets.KEPT_MS
    for budget in (SENDS, REQUESTS, SYNCS):
        assert budget.burst / budget.per_s * 1000 < budgets.KEPT_MS
