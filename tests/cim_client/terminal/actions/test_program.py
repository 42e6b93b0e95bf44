"""About the program itself."""

from cim_client.terminal.actions import program
from tests.cim_client.terminal.window import Commands


async def test_info(commands: Commands) -> None:
    await program.info(commands.context)
    assert commands.printed() == [
        "* name     alice",
        "* user id  4294967296",
        "* device   d0",
        "* server   s1",
        "* state    connected to s1",
        "* route    http://127.0.0.1:1",
    ]


async def test_leaving(commands: Commands) -> None:
    await program.leave(commands.context)
    assert commands.window.done == ["quit"]
