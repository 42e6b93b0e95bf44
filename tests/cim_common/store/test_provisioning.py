"""Accounts made by an operator, over a real Redis."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from cim_common import ids
from cim_common.store import accounts, devices, keys, provisioning
from cim_common.store.accounts import Login
from cim_common.store.flow import Command
from cim_common.store.provisioning import MAX_AT_ONCE, NamesTaken
from cim_route.store import Store


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    made = Store(redis_url)
    yield made
    made.close()


@pytest.fixture
def raw(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def provision(store: Store, *names: str, unmetered: bool = False, device: str = "d1") -> list[Login]:
    return store.run(provisioning.provision({name: name.title() for name in names}, device, unmetered, 1))


def register(store: Store, name: str) -> None:
    assert store.run(accounts.create(name, name, "hash", False, 1)) is not None


def test_accounts_are_made_in_the_order_of_their_names_and_can_be_found(store: Store) -> None:
    logins = provision(store, "carl", "anna", "berta")
    found = [login.account for login in logins]
    assert [account.name for account in found] == ["carl", "anna", "berta"]
    assert all(ids.MIN_USER_ID < account.id < ids.MAX_USER_ID for account in found)
    assert [store.run(accounts.by_name(account.name)) for account in found] == found
    assert all(account.operators and account.password_hash is None and not account.legacy for account in found)
    assert [listed.name for listed in store.run(accounts.by_prefix("", 10))] == ["anna", "berta", "carl"]
    assert {login.version for login in logins} == {1}


def test_the_same_call_again_finds_them_and_makes_those_that_are_missing(store: Store) -> None:
    first = provision(store, "anna", "berta")
    store.run(devices.logout(first[0].account.id, "d1", 1, connected_once=False))
    again = provision(store, "anna", "berta", "carl")
    assert [login.account.id for login in again[:2]] == [login.account.id for login in first]
    assert [login.version for login in again] == [2, 1, 1]


def test_they_become_unmetered_and_metered_as_the_last_call_says(store: Store) -> None:
    for unmetered in (True, True, False):
        (login,) = provision(store, "anna", unmetered=unmetered)
        assert login.account.unmetered is unmetered
        assert store.run(accounts.by_name("anna")) == login.account


def test_the_name_of_a_registered_account_is_refused_and_nothing_is_made(store: Store, raw: Any) -> None:
    register(store, "berta")
    before = raw.dbsize()
    with pytest.raises(NamesTaken, match="berta"):
        provision(store, "anna", "berta")
    assert raw.dbsize() == before
    found = store.run(accounts.by_name("berta"))
    assert found is not None
    assert (found.operators, found.password_hash) == (False, "hash")


def test_an_id_in_use_is_never_overwritten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = provision(store, "anna")
    drawn = iter([first.account.id, ids.MIN_USER_ID + 7])
    monkeypatch.setattr(ids, "new_user_id", lambda: next(drawn))
    (second,) = provision(store, "berta")
    assert second.account.id == ids.MIN_USER_ID + 7
    assert store.run(accounts.by_id(first.account.id)) == first.account


def test_who_makes_the_same_names_at_once_gets_the_same_accounts(store: Store, raw: Any) -> None:
    names = [f"n{number}x" for number in range(200)]
    found: list[list[int]] = []

    def make() -> None:
        found.append([login.account.id for login in provision(store, *names)])

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(users == found[0] for users in found)
    assert len(list(raw.scan_iter("user:*", count=1_000))) == 200


def test_a_thousand_cost_a_few_commands_each_and_as_many_round_trips_as_one(
    store: Store, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipelines: list[int] = []
    execute = store._execute

    def counted(commands: list[Command]) -> list[Any]:
        pipelines.append(len(commands))
        return execute(commands)

    monkeypatch.setattr(store, "_execute", counted)
    provision(store, "anna")
    of_one, pipelines[:] = len(pipelines), []
    provision(store, *[f"n{number}x" for number in range(MAX_AT_ONCE)])
    assert len(pipelines) <= of_one
    assert sum(pipelines) <= 7 * MAX_AT_ONCE
    assert raw.zcard(keys.NAMES) == 1 + MAX_AT_ONCE
