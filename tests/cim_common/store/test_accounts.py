"""Account flows over a real Redis, driven by route's store."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from cim_common import ids
from cim_common.store import accounts, devices, keys
from cim_common.store.accounts import Account
from cim_common.store.flow import StoreUnavailable
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


def make(store: Store, name: str, password_hash: str | None = "hash", legacy: bool = False) -> Account:
    account = store.run(accounts.create(name, name.title(), password_hash, legacy, 1))
    assert account is not None
    return account


def test_an_account_is_found_by_name_and_id(store: Store) -> None:
    alice = make(store, "alice")
    assert alice == Account(alice.id, "alice", "Alice", "hash", False, 1)
    assert ids.MIN_USER_ID < alice.id < ids.MAX_USER_ID
    assert store.run(accounts.by_name("alice")) == alice
    assert store.run(accounts.by_id(alice.id)) == alice
    assert store.run(accounts.by_name("bob")) is None
    assert store.run(accounts.by_id(1)) is None


def test_a_legacy_account_has_no_password(store: Store) -> None:
    old = make(store, "old", None, True)
    assert old.legacy
    assert store.run(accounts.by_name("old")) == old
    assert old.password_hash is None


def test_a_taken_name_leaves_nothing_behind(store: Store, raw: Any) -> None:
    alice = make(store, "alice")
    assert store.run(accounts.create("alice", "Other", None, True, 2)) is None
    assert list(raw.scan_iter("user:*")) == [keys.user(alice.id).encode()]
    assert store.run(accounts.by_name("alice")) == alice


def test_an_id_in_use_is_never_overwritten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = make(store, "alice")
    given = [alice.id, alice.id, alice.id + 1]
    monkeypatch.setattr(ids, "new_user_id", lambda: given.pop(0))
    assert make(store, "bob").id == alice.id + 1
    assert store.run(accounts.by_id(alice.id)) == alice


def test_a_broken_random_source_ends_the_registration(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = make(store, "alice")
    monkeypatch.setattr(ids, "new_user_id", lambda: alice.id)
    with pytest.raises(accounts.NoFreeId):
        make(store, "bob")


def test_of_many_at_once_one_gets_the_name(store: Store, raw: Any) -> None:
    start = threading.Barrier(8)
    found: list[Account | None] = []

    def register() -> None:
        start.wait()
        found.append(store.run(accounts.create("alice", "Alice", "hash", False, 1)))

    threads = [threading.Thread(target=register) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [account for account in found if account is not None]
    assert len(found) == 8
    assert store.run(accounts.by_name("alice")) == winner
    assert len(list(raw.scan_iter("user:*"))) == 1


@pytest.mark.parametrize("name", ["../x", "{c1}", "a:b", "a*", "name:61", "张伟", "x" * 32])
def test_names_like_keys_and_paths_stay_names(store: Store, raw: Any, name: str) -> None:
    account = make(store, name)
    assert store.run(accounts.by_name(name)) == account
    assert set(raw.keys("*")) >= {keys.user(account.id).encode(), b"name:" + name.encode().hex().encode()}
    assert store.run(accounts.by_prefix(name, 5)) == [(account.id, name, name.title())]


def test_names_by_prefix(store: Store) -> None:
    for name in ("bob", "al", "alice", "alina", "álvaro", "алиса"):
        make(store, name)

    def names(prefix: str, limit: int = 100, after: str = "") -> list[str]:
        return [listed.name for listed in store.run(accounts.by_prefix(prefix, limit, after))]

    assert names("al") == ["al", "alice", "alina"]
    assert names("al", 2) == ["al", "alice"]
    assert names("а") == ["алиса"]
    assert names("") == ["al", "alice", "alina", "bob", "álvaro", "алиса"]
    assert names("c") == []
    assert names("al", 2, after="al") == ["alice", "alina"]
    assert names("al", 2, after="alina") == []


def test_a_missing_index_entry_is_written_again(store: Store, raw: Any) -> None:
    alice = make(store, "alice")
    raw.delete(keys.NAMES)
    assert store.run(accounts.by_prefix("a", 5)) == []
    store.run(accounts.index(alice))
    assert store.run(accounts.by_prefix("a", 5)) == [(alice.id, "alice", "Alice")]


def test_an_index_entry_without_account_is_not_shown(store: Store, raw: Any) -> None:
    raw.zadd(keys.NAMES, {"ghost\x0099": 0})
    assert store.run(accounts.by_prefix("", 5)) == []


def test_a_failure_in_between_leaves_the_name_free(store: Store) -> None:
    flow = accounts.create("alice", "Alice", "hash", False, 1)
    next(flow)
    flow.send([1])
    with pytest.raises(StoreUnavailable):
        flow.throw(StoreUnavailable("gone"))
    assert store.run(accounts.by_name("alice")) is None
    assert make(store, "alice").name == "alice"


def test_a_new_hash_replaces_the_old(store: Store) -> None:
    alice = make(store, "alice")
    store.run(accounts.set_password_hash(alice.id, "stronger"))
    assert store.run(accounts.by_id(alice.id)) == alice._replace(password_hash="stronger")


def version(store: Store, user: int, device: str) -> int:
    login = store.run(accounts.login(user, device))
    assert login is not None
    return login.version


def test_a_logout_ends_one_device(store: Store) -> None:
    alice = make(store, "alice")
    assert store.run(accounts.login(1, "d1")) is None
    before = version(store, alice.id, "d1")
    store.run(devices.logout(alice.id, "d1", 1, False))
    assert version(store, alice.id, "d1") > before
    assert version(store, alice.id, "d2") == before


def test_many_logouts_leave_a_small_account_and_revive_no_token(
    store: Store, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "MAX_LOGOUTS", 10)
    alice = make(store, "alice")
    ended: dict[str, set[int]] = {"d0": set(), "d1": set(), "d2": set()}
    for step in range(75):
        device = f"d{step % 3}"
        now = version(store, alice.id, device)
        assert now not in ended[device]
        ended[device].add(now)
        store.run(devices.logout(alice.id, device, 1, False))
        assert raw.hlen(keys.user(alice.id)) <= 10
    assert version(store, alice.id, "d9") > 1


def test_logging_out_everywhere_ends_all_devices(store: Store) -> None:
    alice = make(store, "alice")
    before = version(store, alice.id, "d1"), version(store, alice.id, "d2")
    store.run(accounts.logout_everywhere(alice.id))
    after = version(store, alice.id, "d1"), version(store, alice.id, "d2")
    assert after[0] > before[0]
    assert after[1] > before[1]
