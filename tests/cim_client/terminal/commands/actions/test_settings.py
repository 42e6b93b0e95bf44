"""`/set`."""

import pytest

from cim_client.terminal.commands.settings import SETTINGS
from cim_client.terminal.commands.syntax import Wrong
from tests.cim_client.terminal.window import Commands


async def test_all_of_them_or_one(commands: Commands) -> None:
    rows = await commands.run("/set")
    assert [row.split()[1] for row in rows] == list(SETTINGS)
    assert await commands.run("/set numbers") == [row for row in rows if " numbers " in row]


async def test_choosing(commands: Commands) -> None:
    (row,) = await commands.run("/set numbers off")
    assert row.startswith("* numbers    off")
    assert not commands.settings.numbers
    assert commands.me.calls == []


async def test_what_others_see_is_changed_in_the_cluster(commands: Commands) -> None:
    await commands.run("/set receipts off")
    await commands.run("/set last_seen on")
    assert commands.me.calls == [("set_receipts", False), ("set_last_seen", True)]
    assert commands.settings["receipts"] == "off"


async def test_the_right_form(commands: Commands) -> None:
    with pytest.raises(Wrong, match=r"^there is no setting font: numbers, show, "):
        await commands.run("/set font")
    with pytest.raises(Wrong, match=r"^usage: /set bell off\|mine\|all$"):
        await commands.run("/set bell loud")
    with pytest.raises(Wrong, match=r"^usage: /set "):
        await commands.run("/set bell all now")
