"""Messages that wait for their time."""

from datetime import datetime

import pytest

from cim_client.terminal.commands.context import Address
from cim_client.terminal.commands.syntax import Wrong
from tests.cim_client.terminal.recorder import BOB, OPS
from tests.cim_client.terminal.window import Commands


@pytest.mark.parametrize(
    ("line", "call"),
    [
        (":delay hello 5", ("schedule", "lobby", "hello", 5.0)),
        (":delay bob;;many words;; here 1.5", ("schedule", "bob", "many words;; here", 1.5)),
        ('/later "tea?" in 1h30m', ("schedule", "lobby", "tea?", 5_400.0)),
        ("/later bob;;tea at 2030-12-01 18:00", ("schedule", "bob", "tea", datetime(2030, 12, 1, 18).astimezone())),
        ("/later look at :smile: in 10m", ("schedule", "lobby", "look at 😄", 600.0)),
    ],
)
async def test_a_message_waits(commands: Commands, line: str, call: tuple[object, ...]) -> None:
    (row,) = await commands.run(line)
    assert commands.me.calls == [call]
    assert row.endswith("/scheduled cancel ab0d takes it back")
    assert f"goes to {call[1]} at " in row


async def test_it_goes_where_one_is(commands: Commands) -> None:
    await commands.run("/to bob")
    await commands.run(":delay hello 5")
    assert commands.me.calls == [("schedule", BOB, "hello", 5.0)]


async def test_a_group_cannot_pass_for_a_user(commands: Commands) -> None:
    commands.me.groups["bob"] = OPS
    commands.window.current = Address(OPS, "bob")
    (row,) = await commands.run(":delay hello 5")
    assert "goes to #bob at " in row


async def test_what_waits(commands: Commands) -> None:
    assert await commands.run("/scheduled") == ["* no message waits"]
    await commands.run(":delay one\nmore 5")
    await commands.run("/later two at 2030-12-01 18:00")
    first, second = await commands.run("/scheduled list")
    assert first.startswith("* ab0d  ")
    assert first.endswith(" to lobby: one␊more")
    assert second == "* ab1d  2030-12-01 18:00  to lobby: two"


async def test_taking_one_back(commands: Commands) -> None:
    await commands.run(":delay one 5")
    await commands.run(":delay two 5")
    with pytest.raises(Wrong, match="several messages wait as ab"):
        await commands.run("/scheduled cancel ab")
    with pytest.raises(Wrong, match="no message waits as x"):
        await commands.run("/scheduled cancel x")
    assert await commands.run("/scheduled cancel ab1") == ["* not sent: two"]
    assert commands.me.calls[2:] == [("cancel", "ab1d77")]
