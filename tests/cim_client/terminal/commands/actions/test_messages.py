"""Writing messages, and what is done to one that stands."""

import pytest

from cim_client.terminal.commands.syntax import Wrong
from tests.cim_client.terminal.recorder import BOB
from tests.cim_client.terminal.window import Commands, Said


async def test_said_where_one_is_or_elsewhere(commands: Commands) -> None:
    for line in ("hello :smile:", "/say :smile:", "bob;;a;;b :smile:", "/to bob again", "::smile:"):
        await commands.run(line)
    assert commands.window.said == [
        Said("lobby", "hello 😄"), Said("lobby", ":smile:"), Said("bob", "a;;b 😄"), Said("bob", "again"),
        Said("lobby", "😄"),
    ]  # fmt: skip
    assert commands.context.conversation == "lobby"
    await commands.run("/to bob")
    assert commands.context.conversation == BOB


@pytest.mark.parametrize(
    ("line", "call", "printed"),
    [
        ("/edit 17 other text :+1:", ("edit", "lobby", 17, "other text 👍"), "* #17 is edited"),
        ("/edit ^ other", ("edit", "lobby", 31, "other"), "* #31 is edited"),
        ("/recall ^", ("recall", "lobby", 31), "* #31 is recalled"),
        ("/react #17 :+1:", ("react", "lobby", 17, "👍"), "* 👍 is at #17"),
        ("/react ^ 👍", ("react", "lobby", 40, "👍"), "* 👍 is at #40"),
        ("/unreact 17 :+1:", ("react", "lobby", 17, "👍", ("remove", True)), "* 👍 is no longer at #17"),
        ("/pin 17", ("pin_message", "lobby", 17), "* #17 is pinned"),
        (":unpin 17", ("pin_message", "lobby", 17, ("remove", True)), "* #17 is not pinned any more"),
    ],
)
async def test_what_is_done_to_a_message(commands: Commands, line: str, call: tuple[object, ...], printed: str) -> None:
    commands.window.own, commands.window.shown = 31, 40
    assert await commands.run(line) == [printed]
    assert commands.me.calls == [call]


async def test_a_reply(commands: Commands) -> None:
    commands.window.shown = 40
    await commands.run("/reply ^ yes :+1:")
    await commands.run("/reply 17 no")
    assert commands.window.said == [Said("lobby", "yes 👍", 40), Said("lobby", "no", 17)]


async def test_no_such_message(commands: Commands) -> None:
    for line in ("/reply ^ yes", "/edit ^ yes", "/recall last", "/pin bob"):
        with pytest.raises(Wrong):
            await commands.run(line)
    assert (commands.window.said, commands.me.calls) == ([], [])


async def test_an_alias_of_no_emoji_is_put_to_nothing(commands: Commands) -> None:
    for line in ("/react 17 :nope:", "/unreact 17 :nope:"):
        with pytest.raises(Wrong, match="no emoji :nope:"):
            await commands.run(line)
    assert commands.me.calls == []


async def test_what_the_window_does(commands: Commands) -> None:
    await commands.run("/next")
    await commands.run("/retry")
    assert commands.window.done == ["next", "retry"]
