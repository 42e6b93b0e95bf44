"""What becomes of typed lines: what is done in its turn, what beside the rest, and what is said when it fails."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from cim_client.errors import Refused
from cim_client.terminal.commands.answers import Rules
from cim_client.terminal.commands.context import THE_LOBBY, Address
from cim_client.terminal.commands.dispatch import MAX_WAITING, Dispatch
from cim_client.terminal.commands.registry import COMMANDS
from cim_common.wire.codes import Code
from tests.cim_client.terminal.recorder import OPS
from tests.cim_client.terminal.window import Commands, Said


@pytest.fixture
def dispatching(commands: Commands) -> Callable[[bool], AbstractAsyncContextManager[Dispatch]]:
    @asynccontextmanager
    async def run(interactive: bool) -> AsyncIterator[Dispatch]:
        async with trio.open_nursery() as nursery:
            yield Dispatch(commands.context, nursery, interactive)

    return run


Dispatching = Callable[[bool], AbstractAsyncContextManager[Dispatch]]


async def test_text_goes_where_one_is(commands: Commands, dispatching: Dispatching) -> None:
    async with dispatching(True) as dispatch:
        for line in ("hello", "/to bob", "psst", "lobby;;all", "more", "/to lobby", "::)"):
            await dispatch.line(line)
    bob = commands.window.said[1].to
    assert bob.startswith("d-")
    assert commands.window.said == [
        Said("lobby", "hello"), Said(bob, "psst"), Said("lobby", "all"), Said(bob, "more"), Said("lobby", ":)"),
    ]  # fmt: skip


async def test_what_is_not_understood_is_one_line(commands: Commands, dispatching: Dispatching) -> None:
    async with dispatching(True) as dispatch:
        await dispatch.line("/to")
        assert commands.printed() == ["* usage: /to NAME [TEXT]"]
        await dispatch.line("#ops;;hello")
        assert commands.printed() == ["* you are in no group ops"]
        await dispatch.line("   ")
        assert commands.printed() == []
    assert commands.window.said == []


async def test_what_the_cluster_refuses_is_one_line(commands: Commands, dispatching: Dispatching) -> None:
    async with dispatching(True) as dispatch:
        await dispatch.line("/to nobody")
    assert commands.printed() == ["* There is no user of that name."]
    assert commands.context.conversation == "lobby"


async def test_in_a_pipe_text_for_somebody_unreachable_goes_to_nobody(
    commands: Commands, dispatching: Dispatching
) -> None:
    async with dispatching(False) as dispatch:
        for line in ("one", "/to nobody", "secret", "bob;;two", "/to lobby", "three"):
            await dispatch.line(line)
    assert [said.text for said in commands.window.said] == ["one", "two", "three"]
    assert "* not done: you did not get to nobody" in commands.printed()


@pytest.mark.parametrize("line", ["#ops;;hello", "/bogus hello", "/reply x hello", "/to #ops hello"])
async def test_that_a_text_was_not_sent_is_known_at_the_end(
    commands: Commands, dispatching: Dispatching, line: str
) -> None:
    async with dispatching(False) as dispatch:
        await dispatch.line("hello")
        assert not dispatch.unsent
        await dispatch.line(line)
        assert dispatch.unsent


async def test_at_a_prompt_one_stays_where_one_was(commands: Commands, dispatching: Dispatching) -> None:
    async with dispatching(True) as dispatch:
        await dispatch.line("/to nobody")
        await dispatch.line("who is nobody?")
    assert commands.window.said == [Said("lobby", "who is nobody?")]


async def test_a_few_commands_wait_at_a_time(
    commands: Commands, dispatching: Dispatching, autojump_clock: trio.testing.MockClock
) -> None:
    asked = 0

    async def never() -> list[str]:
        nonlocal asked
        asked += 1
        await trio.sleep_forever()

    commands.me.online = never  # type: ignore[method-assign]
    async with dispatching(True) as dispatch:
        for _ in range(MAX_WAITING + 2):
            await dispatch.line(":olu")
        await dispatch.line("hello")
        assert commands.printed() == ["* not done: earlier commands still wait for their answers"] * 2
    assert asked == MAX_WAITING
    assert commands.window.said == [Said("lobby", "hello")]
    assert commands.printed() == ["* no answer to :olu within 10 s"] * MAX_WAITING


async def test_a_command_means_the_conversation_it_was_typed_in(commands: Commands, dispatching: Dispatching) -> None:
    async with dispatching(True) as dispatch:
        await dispatch.line("/recall 17")
        commands.window.current = Address("bob", "bob")  # before anything of it was done
    assert commands.me.calls == [("recall", "lobby", 17)]


async def test_in_a_pipe_a_command_waits_for_the_one_before(commands: Commands, dispatching: Dispatching) -> None:
    async def refused() -> list[str]:
        await trio.testing.wait_all_tasks_blocked()
        raise Refused(Code.BAD_REQUEST, "Not now.")

    commands.me.online = refused  # type: ignore[method-assign]
    async with dispatching(False) as dispatch:
        await dispatch.line(":olu")
        assert commands.printed() == ["* Not now."]


async def test_in_a_pipe_a_command_waits_for_what_was_written(commands: Commands, dispatching: Dispatching) -> None:
    commands.window.shown = 40
    for interactive, waited in ((False, 3), (True, 0)):
        commands.window.waited = 0
        async with dispatching(interactive) as dispatch:
            for line in ("hello", "bob;;hello", "/react ^ :+1:", "/reply ^ hello", "/history"):
                await dispatch.line(line)
        assert commands.window.waited == waited


_WORDS = (
    "bob",
    "nobody",
    "#ops",
    "ops",
    "#17",
    "^",
    "in",
    "at",
    "18:00",
    "10m",
    "5",
    "before",
    "--more",
    "on",
    "bell",
    "[",
)
_LINES = st.builds(
    lambda command, words: f"{command.names[0]} {' '.join(words)}",
    st.sampled_from([command for command in COMMANDS if command.names[0] != "/export"]),  # it would write files
    st.lists(st.sampled_from(_WORDS) | st.text(), max_size=4),
)


@given(st.text() | _LINES, st.booleans(), st.booleans())
def test_whatever_is_typed_does_one_thing_or_prints_a_line(line: str, interactive: bool, answering: bool) -> None:
    async def typed() -> Commands:
        commands = Commands()
        commands.me.groups["ops"] = OPS
        if answering:
            commands.context.answers = Rules()
        async with trio.open_nursery() as nursery:
            await Dispatch(commands.context, nursery, interactive).line(line)
        return commands

    commands = trio.run(typed, clock=trio.testing.MockClock(autojump_threshold=0))
    window = commands.window
    moved = window.current != THE_LOBBY
    did = len(window.said) + len(window.done) + len(window.printed) + len(commands.me.calls) + moved
    assert did >= 1 or not line.strip()
    assert len(window.said) + len(window.done) <= 1
    assert not (answering and window.said)
    assert not any(character in row for row in window.printed for character in "\n\x1b")
