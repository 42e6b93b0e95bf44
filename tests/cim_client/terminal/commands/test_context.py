"""Who a name means, and which message a reference means."""

import pytest

from cim_client.terminal.commands.syntax import Wrong
from cim_common import ids
from tests.cim_client.terminal.window import Commands

OPS = "g-0123456789abcdef0123"


@pytest.mark.parametrize(
    ("which", "to", "name"),
    [
        ("lobby", "lobby", "lobby"),
        ("bob", "bob", "bob"),
        ("@bob", "bob", "bob"),
        ("@lobby", "lobby", "lobby"),
        ("4294967300", "d-4294967296-4294967300", "4294967300"),
        ("ops", OPS, "ops"),
        ("#ops", OPS, "ops"),
        (OPS, OPS, "ops"),
        ("d-4294967296-4294967300", "d-4294967296-4294967300", "d-4294967296-4294967300"),
        ("1" * 5_000, "1" * 5_000, "1" * 5_000),
    ],
)
async def test_where_a_name_leads(commands: Commands, which: str, to: str, name: str) -> None:
    commands.me.groups["ops"] = OPS
    commands.me.strangers.add("ops")
    assert await commands.context.to(which) == (to, name)


async def test_a_group_named_like_a_user_gets_nothing_by_that_name(commands: Commands) -> None:
    commands.me.groups["bob"] = OPS
    with pytest.raises(Wrong, match="#bob for the group, @bob for the user"):
        await commands.context.to("bob")
    assert (await commands.context.to("#bob")).to == OPS
    assert (await commands.context.to("@bob")).to == "bob"


async def test_without_a_connection_a_group_is_not_taken_for_a_user(commands: Commands) -> None:
    commands.me.groups["ops"] = OPS
    commands.me.strangers.add("ops")
    commands.me.state = "reconnecting"
    with pytest.raises(Wrong, match="may be a user"):
        await commands.context.to("ops")


async def test_a_group_one_is_not_in(commands: Commands) -> None:
    with pytest.raises(Wrong, match="you are in no group ops"):
        await commands.context.to("#ops")


async def test_going_somewhere_learns_the_conversation(commands: Commands) -> None:
    await commands.context.switch("bob")
    assert commands.context.current.name == "bob"
    assert ids.direct_users(commands.context.conversation) is not None


async def test_without_a_connection_one_goes_by_the_name(commands: Commands) -> None:
    commands.me.state = "reconnecting"
    await commands.context.switch("bob")
    assert commands.context.conversation == "bob"


@pytest.mark.parametrize(("reference", "seq"), [("17", 17), ("#17", 17), ("^", 40)])
async def test_which_message(commands: Commands, reference: str, seq: int) -> None:
    commands.window.shown = 40
    assert await commands.context.message(reference) == seq


async def test_the_newest_of_ones_own(commands: Commands) -> None:
    commands.window.own = 31
    assert await commands.context.message("^", own=True) == 31
    assert commands.window.waited == 1


@pytest.mark.parametrize("reference", ["", "0", "#", "-1", "1.5", "17th", "^^", "٣", "9" * 5_000])
async def test_no_message(commands: Commands, reference: str) -> None:
    with pytest.raises(Wrong):
        await commands.context.message(reference)


async def test_there_is_no_newest_one(commands: Commands) -> None:
    with pytest.raises(Wrong, match="no message here"):
        await commands.context.message("^")
    with pytest.raises(Wrong, match="no message of yours"):
        await commands.context.message("^", own=True)
