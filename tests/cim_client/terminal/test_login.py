"""Accounts on this machine, and asking for passwords."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cim_client.store.contract import Saved
from cim_client.store.opening import open_store
from cim_client.terminal.login import Account, LoginFailed, known_accounts, known_password, name_taken, new_password
from tests.cim_client.kept import file_limit


def answers(*typed: str) -> tuple[list[str], Callable[[str], str]]:
    """Someone who types these; what was asked."""
    asked: list[str] = []
    left = iter(typed)

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return next(left)

    return asked, ask


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_token_is_for_its_owner_only(tmp_path: Path) -> None:
    account = Account(str(tmp_path), "http://h:1", "alice")
    account.claim()
    assert account.token() is None
    account.keep_token("first")
    account.keep_token("second")
    assert account.token() == "second"
    assert account.device_folder is not None
    assert {file.name for file in account.device_folder.iterdir()} == {"lock", "token"}
    assert mode(account.device_folder / "token") == 0o600
    assert {mode(account.folder), mode(account.device_folder)} == {0o700}
    account.forget_token()
    account.forget_token()
    assert account.token() is None
    account.release()


def test_without_a_claim_nothing_is_written(tmp_path: Path) -> None:
    nowhere = Account(str(tmp_path), "http://h:1", "alice")
    nowhere.keep_token("x")
    nowhere.forget_token()
    assert nowhere.token() is None
    assert list(tmp_path.iterdir()) == []
    kept = Account(str(tmp_path), "http://h:1", "alice")
    kept.claim()
    kept.keep_token("of the first device")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert nowhere.token() == "of the first device"
    nowhere.forget_token()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    kept.release()


def test_a_token_that_cannot_be_written_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(str(tmp_path), "http://h:1", "alice")
    account.claim()
    account.keep_token("before")
    with file_limit(0):
        with pytest.raises(OSError, match="File too large"):
            account.keep_token("after")
        again = Account(str(tmp_path), "http://h:1", "alice")
        again.claim()  # what it would write is there already
        again.release()
    assert account.token() == "before"
    assert known_accounts(str(tmp_path), "http://h:1") == ["alice"]
    assert {path.name for path in account.folder.rglob("*")} == {"account.json", "0", "1", "lock", "token"}
    account.release()


def test_each_open_chat_is_a_device_of_its_own(tmp_path: Path) -> None:
    first, second, third = (Account(str(tmp_path), "http://h:1", "alice") for _ in range(3))
    first.claim()
    first.keep_token("of the first")
    second.claim()
    assert second.token() is None
    first.release()
    third.claim()
    assert third.token() == "of the first"
    second.release()
    third.release()


def test_a_device_with_something_to_send_goes_first(tmp_path: Path) -> None:
    first, second, alone = (Account(str(tmp_path), "http://h:1/", "alice") for _ in range(3))
    first.claim()
    second.claim()
    store = open_store(second.device_folder, "http://h:1", "alice")
    store.save(Saved(store.next_n(), "bob", "waits to be sent"))
    store.close()
    first.release()
    second.release()
    alone.claim()
    assert alone.device_folder == second.device_folder
    store = open_store(alone.device_folder, "http://h:1", "alice")
    store.forget(1)
    store.close()
    alone.release()
    alone.claim()
    assert alone.device_folder == first.device_folder
    alone.release()


def test_one_folder_per_route_and_name(tmp_path: Path) -> None:
    folders = {
        Account(str(tmp_path), route, name).folder
        for route in ("http://h:1", "http://h:2")
        for name in ("alice", "../alice", "Алиса", "a/b", "", "x" * 300, "\udcff")
    }
    assert len(folders) == 14
    assert {folder.parent for folder in folders} == {tmp_path / "chat"}
    assert Account(str(tmp_path), "http://h:1/", "a").folder == Account(str(tmp_path), "http://h:1", "a").folder


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Account(None, "http://h:1", "alice").folder.parent == tmp_path / "cim" / "chat"


def test_a_new_password_is_asked_twice() -> None:
    asked, ask = answers("secret words", "secret words")
    assert new_password("alice", ask) == "secret words"
    assert asked == ["alice is a new name. Choose a password: ", "The same again: "]


def test_a_mismatch_starts_again_three_times_at_most() -> None:
    asked, ask = answers("a", "b", "c", "c")
    assert new_password("alice", ask) == "c"
    asked, ask = answers("a", "b", "a", "b", "a", "b", "a", "a")
    with pytest.raises(LoginFailed):
        new_password("alice", ask)
    assert len(asked) == 6


def test_a_known_name_is_asked_once() -> None:
    asked, ask = answers("secret")
    assert known_password("al\x1bice", ask) == "secret"
    assert asked == ["Password for al␛ice: "]


@pytest.mark.parametrize("taken", [True, False])
def test_the_route_says_whether_a_name_is_taken(route: Any, taken: bool) -> None:
    route.answer = (200, b'{"taken": %s}' % str(taken).lower().encode())
    assert name_taken(route.url, "a/ü b") is taken
    assert route.paths == ["/v1/names/a%2F%C3%BC%20b"]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((400, b'{"title": "Bad", "detail": "That is not a usable\\u001b[2J user name."}'), "usable␛[2J user name."),
        ((502, b"<html>"), "answered 502"),
        ((200, b"<html>"), "is not a CIM route"),
        ((200, b"[]"), "is not a CIM route"),
    ],
)
def test_other_answers_are_one_sentence(route: Any, answer: tuple[int, bytes], sentence: str) -> None:
    route.answer = answer
    with pytest.raises(LoginFailed) as failed:
        name_taken(route.url, "alice")
    assert sentence in str(failed.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[", "ftp:/x", "nonsense", "http://127.0.0.1:99999"])
def test_no_route_is_one_sentence(url: str) -> None:
    with pytest.raises(LoginFailed) as failed:
        name_taken(url, "alice")
    assert "\n" not in str(failed.value)
