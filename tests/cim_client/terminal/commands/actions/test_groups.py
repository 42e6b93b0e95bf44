"""Groups."""

import pytest

from cim_client.terminal.commands.syntax import Wrong
from tests.cim_client.terminal.recorder import OPS, listed
from tests.cim_client.terminal.window import Commands


async def test_a_group_is_made_and_one_is_there(commands: Commands) -> None:
    assert await commands.run('/group create "release team" bob @carol') == [
        "* group release␣team is made, with bob, @carol"
    ]
    assert commands.me.calls == [("create_group", "release team", ["bob", "carol"])]
    assert commands.context.current == (OPS, "release team")


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("/group invite bob @carol in ops", ("invite", ["bob", "carol"])),
        ("/group kick bob in #ops", ("kick", ["bob"])),
        ("/group ban bob in ops", ("ban", ["bob"])),
        ("/group unban bob in ops", ("unban", ["bob"])),
        ("/group role bob admin in ops", ("set_role", "bob", "admin")),
        ("/group leave ops", ("leave",)),
        ("/group dissolve ops", ("dissolve",)),
    ],
)
async def test_a_group_by_its_name_or_the_current_one(commands: Commands, line: str, call: tuple[object, ...]) -> None:
    commands.me.groups["ops"] = OPS
    (row,) = await commands.run(line)
    assert "ops" in row
    if "dissolve" not in line:
        await commands.run("/to #ops")
        await commands.run(line.removesuffix("ops").removesuffix(" in #").removesuffix(" in "))
        assert commands.me.calls == [call, call]
    with pytest.raises(Wrong, match="in no group dev"):
        await commands.run(line.replace("ops", "dev"))


async def test_no_current_group(commands: Commands) -> None:
    for line in ("/group leave", "/group invite bob", "/group rename x", "/group topic x"):
        with pytest.raises(Wrong, match="this is no group"):
            await commands.run(line)
    assert commands.me.calls == []


async def test_name_and_topic_do_not_touch_each_other(commands: Commands) -> None:
    commands.me.groups["ops"] = OPS
    commands.me.listed = [listed(OPS, "ops", topic="what runs")]
    await commands.run("/to #ops")
    assert await commands.run("/group rename night ops") == ["* the group is called night␣ops"]
    assert await commands.run("/group topic meet in Berlin") == ["* the topic of ops is: meet in Berlin"]
    assert commands.me.calls == [("rename", "night ops", "what runs"), ("rename", "ops", "meet in Berlin")]


async def test_the_list(commands: Commands) -> None:
    assert await commands.run("/group list") == ["* you are in no group; /group create NAME makes one"]
    commands.me.listed = [
        listed("lobby", "lobby"),
        listed(OPS, "ops\x1b", role="admin", topic="what runs\x1b", unread=3),
        listed("g-0123456789abcdef0124", "old", role="left"),
    ]
    assert await commands.run("/group list") == ["* ops␛: admin, 2 members, 3 unread - what runs␛"]
