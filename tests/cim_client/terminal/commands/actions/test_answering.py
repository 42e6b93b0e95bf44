"""Talking to the program."""

import pytest

from cim_client.terminal.commands.syntax import Wrong
from tests.cim_client.terminal.window import Commands, Said


async def test_nothing_is_sent_meanwhile(commands: Commands) -> None:
    (row,) = await commands.run(":ai")
    assert "sent to nobody" in row
    assert commands.context.answering
    assert await commands.run("你好吗？") == ["* AI: 我好!"]
    with pytest.raises(Wrong, match="talking to the AI, :qai ends that"):
        await commands.run("/to bob psst")
    await commands.run(":qai")
    await commands.run("hello")
    assert commands.window.said == [Said("lobby", "hello")]


async def test_it_has_to_have_begun(commands: Commands) -> None:
    assert await commands.run(":qai") == ["* you are not talking to the AI; :ai begins that"]
