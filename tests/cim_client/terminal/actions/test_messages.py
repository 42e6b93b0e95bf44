"""Writing messages."""

from cim_client.terminal.actions import messages
from tests.cim_client.terminal.window import Commands, Said


async def test_said_where_one_is_or_elsewhere(commands: Commands) -> None:
    await messages.say(commands.context, "hello")
    await messages.whisper(commands.context, "bob", "psst")
    await messages.to(commands.context, "bob", "again")
    assert commands.window.said == [Said("lobby", "hello"), Said("bob", "psst"), Said("bob", "again")]
    assert commands.context.conversation == "lobby"
    await messages.to(commands.context, "bob")
    assert commands.context.current.name == "bob"
