"""About the program itself."""

import pytest

from cim_client.terminal.commands.syntax import Wrong
from tests.cim_client.terminal.window import Commands


async def test_info(commands: Commands) -> None:
    assert await commands.run(":info") == [
        "* name     alice",
        "* user id  4294967296",
        "* device   d0",
        "* server   s1",
        "* state    connected to s1",
        "* route    http://127.0.0.1:1",
    ]


async def test_five_emoji_a_page(commands: Commands) -> None:
    first, second = await commands.run(":emoji"), await commands.run(":emoji 2")
    assert [len(first), len(second)] == [5, 5]
    assert all(row.startswith("* :") for row in first + second)
    assert not set(first) & set(second)
    with pytest.raises(Wrong, match="there are pages 1 to "):
        await commands.run(":emoji 100000")


async def test_leaving(commands: Commands) -> None:
    await commands.run(":q!")
    assert commands.window.done == ["quit"]
