"""HTTP calls draw on their user's budgets (I17)."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cim_common import ids
from cim_common.store import budgets as leases
from cim_common.store.budgets import REQUESTS, SENDS
from cim_common.store.flow import StoreUnavailable
from cim_common.wire.codes import Code
from cim_route.budgets import Budgets
from cim_route.problems import Problem
from cim_route.store import Store
from tests.real_servers import RealRedis

USER = ids.MIN_USER_ID + 5


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    made = Store(redis_url)
    yield made
    made.close()


def refusal(budgets: Budgets, count: int = 1) -> Problem:
    with pytest.raises(Problem) as refused:
        for _ in range(2 * REQUESTS.burst):
            budgets.charge(USER, REQUESTS, count)
    return refused.value


def test_two_routes_share_a_budget_and_say_when_to_come_back(store: Store) -> None:
    now = [1000.0]
    one, other = Budgets(store, lambda: now[0]), Budgets(store, lambda: now[0])
    spent = 0

    def spend_all(budgets: Budgets) -> None:
        nonlocal spent
        while True:
            budgets.charge(USER, REQUESTS)
            spent += 1

    for budgets in (one, other):
        with pytest.raises(Problem) as refused:
            spend_all(budgets)
        assert refused.value.code == Code.REQUEST_LIMIT
        assert refused.value.after_s is not None
        assert 0 < refused.value.after_s <= REQUESTS.burst / REQUESTS.per_s
    assert spent >= REQUESTS.burst - 2 * (REQUESTS.least + 1)
    one.charge(USER, SENDS)
    one.charge(USER + 1, REQUESTS)


def test_until_the_time_has_come_the_store_is_not_asked(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    budgets = Budgets(store, lambda: now[0])
    after_s = refusal(budgets).after_s
    assert after_s is not None
    asked: list[int] = []
    whole = leases.lease

    def counted(user: int, *rest: Any) -> Any:
        asked.append(user)
        return whole(user, *rest)

    monkeypatch.setattr(leases, "lease", counted)
    assert refusal(budgets).after_s == after_s
    assert asked == []
    now[0] += after_s + 0.001
    monkeypatch.setattr(store, "run", lambda flow: leases.Lease(5, 0))
    budgets.charge(USER, REQUESTS)


def test_threads_of_one_user_take_one_lease_at_a_time(store: Store) -> None:
    budgets = Budgets(store)
    spent: list[int] = []

    def spend() -> None:
        mine = 0
        try:
            for _ in range(REQUESTS.burst):
                budgets.charge(USER, REQUESTS)
                mine += 1
        except Problem:
            pass
        spent.append(mine)

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(spent) == 8
    assert sum(spent) >= REQUESTS.burst - 2 * REQUESTS.least


def test_without_a_store_the_call_fails_and_later_goes_on(new_redis: Callable[[], RealRedis]) -> None:
    redis = new_redis()
    store = Store(redis.url)
    budgets = Budgets(store)
    budgets.charge(USER, SENDS)
    redis.kill()
    with pytest.raises(StoreUnavailable):
        budgets.charge(USER, REQUESTS)
    budgets.charge(USER, SENDS)
    redis.start()
    budgets.charge(USER, REQUESTS)
    store.close()


def test_a_call_over_the_limit_is_answered_429(route: Any) -> None:
    alice = int(route.register("alice"))
    header = {"Authorization": f"Bearer {route.tokens.session(alice, 'd1', 1)}"}
    client = route.client()
    assert client.get("/v1/conversations", headers=header).status_code == 200
    budgets = route.app.parts.budgets
    now = budgets._monotonic()
    budgets._monotonic = lambda: now  # what is used up stays so, however slow this machine is
    with pytest.raises(Problem):
        while True:
            budgets.charge(alice, REQUESTS)
    refused = client.get("/v1/conversations", headers=header)
    assert refused.status_code == 429
    assert refused.json["code"] == Code.REQUEST_LIMIT
    assert int(refused.headers["Retry-After"]) >= 1
    sent = client.post("/v1/messages", json={"to": "lobby", "text": "still sends"}, headers=header)
    assert sent.status_code == 201
    assert route.client().get("/v1/conversations", headers=route.bearer("bob")).status_code == 200
