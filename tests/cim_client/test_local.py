"""`Client.local`: what programs see of what a device keeps, over both stores (details: `store/test_contract`)."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from cim_client.conversing import Conversing
from cim_client.groups import Group
from cim_client.local import Local
from cim_client.store.contract import LocalStore
from cim_client.store.failing import open_or_memory
from cim_client.store.memory import MemoryStore
from cim_client.store.reading import PAGE
from cim_common import ids
from tests.cim_client.kept import ROUTE, keep, numbered, opened, text

GROUP = ids.new_group()


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalStore]:
    made: LocalStore = opened(tmp_path) if request.param == "file" else MemoryStore(keeps=True)
    yield made
    made.close()


def test_a_group_is_as_good_as_its_id(store: LocalStore) -> None:
    local, group = Local(store), Group(cast(Conversing, None), GROUP, "ops")
    keep(store, text(1, "hello", GROUP), text(2, "there", GROUP), text(1, "hello", ids.LOBBY))
    assert [message.text for message in local.messages(group)] == ["there", "hello"]
    assert local.messages(group, 1) == local.messages(GROUP, 1)
    assert [hit.message.conversation for hit in local.search("hello", group)] == [GROUP]
    assert len(local.search("hello")) == 2
    assert [message.seq for message in local.export(group)] == [1, 2]
    local.set_draft(group, "half")
    assert (local.draft(GROUP), local.draft(ids.LOBBY)) == ("half", "")


def test_the_newest_message_of_a_conversation(store: LocalStore) -> None:
    local = Local(store)
    assert local.latest("c") is None
    keep(store, *numbered(1, 5))
    newest = local.latest("c")
    assert newest is not None
    assert newest.seq == 5


def test_an_export_has_everything_once(store: LocalStore) -> None:
    keep(store, *numbered(1, 2 * PAGE), *numbered(1, 7, "d"))
    local = Local(store)
    assert [message.seq for message in local.export("c")] == list(range(1, 2 * PAGE + 1))
    assert len({(message.conversation, message.seq) for message in local.export()}) == 2 * PAGE + 7
    assert list(local.export("unheard of")) == []


def test_settings_and_typed_lines(store: LocalStore) -> None:
    local = Local(store)
    local.set_setting("bell", "on")
    local.add_typed("/to bob")
    local.add_typed("hello")
    assert (local.setting("bell"), local.setting("other")) == ("on", None)
    assert (local.typed(), local.typed(1)) == (["/to bob", "hello"], ["hello"])
    assert local.failure == ""


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = open_or_memory(tmp_path / "file", ROUTE, "alice", keep_messages=True)
    local = Local(store)
    assert "is not kept" in local.failure
    local.set_draft("c", "in memory")
    assert local.draft("c") == "in memory"
    store.close()
