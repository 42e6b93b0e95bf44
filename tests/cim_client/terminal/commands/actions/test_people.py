"""Who is there, and who may disturb."""

from datetime import UTC, datetime

import pytest

from cim_client.terminal.commands.actions import people
from cim_client.types import Presence
from tests.cim_client.terminal.recorder import OPS
from tests.cim_client.terminal.window import Commands


async def test_online(commands: Commands) -> None:
    assert await commands.run(":olu") == ["* 3 online: alice, bob, car␛[2Jol"]
    assert await commands.run("/who") == ["* 3 online: alice, bob, car␛[2Jol"]


def test_many_names_are_counted() -> None:
    assert people.listed(f"user{n:04}" for n in range(1_000)).endswith("user0199, and 800 more")


async def test_whose_names_begin_so(commands: Commands) -> None:
    assert await commands.run(":pu bo") == ["* 2 begin with bo: bob, bo-张伟"]
    assert await commands.run(":qu a") == ["* 1 begins with a: alice"]
    assert await commands.run("/users 张") == ["* no name begins with 张"]
    commands.me.known = [f"user{n:03}" for n in range(150)]
    (row,) = await commands.run(":pu user")
    assert row.startswith("* the first 100 that begin with user: user000, ")


async def test_who_is_in_a_group(commands: Commands) -> None:
    commands.me.groups["ops"] = OPS
    assert await commands.run("/who #ops") == ["* 2 in ops: alice (owner), bob"]
    await commands.run("/to #ops")
    assert await commands.run("/group members") == ["* 2 in ops: alice (owner), bob"]


@pytest.mark.parametrize(
    ("presence", "printed"),
    [
        (Presence(True, None), "* bob is online"),
        (Presence(False, None), "* bob is not online"),
        (
            Presence(False, datetime(2026, 1, 2, tzinfo=UTC)),
            f"* bob is not online, last seen {datetime(2026, 1, 2, tzinfo=UTC).astimezone():%Y-%m-%d %H:%M}",
        ),
    ],
)
async def test_whether_a_user_is_there(commands: Commands, presence: Presence, printed: str) -> None:
    commands.me.presences = presence
    assert await commands.run("/who bob") == [printed]
    assert await commands.run("/who 4294967303") == [printed]
    await commands.run("/to bob")
    assert await commands.run("/who") == [printed]
    assert commands.me.calls == [("presence", "bob")] * 3


async def test_blocking_and_muting(commands: Commands) -> None:
    for line in ("/block @bob", "/unblock bob", "/mute", "/mute bob", "/unmute lobby"):
        (row,) = await commands.run(line)
        assert row.startswith("* ")
    assert commands.me.calls == [
        ("block", "bob"), ("unblock", "bob"), ("mute", "lobby", True), ("mute", "bob", True), ("mute", "lobby", False),
    ]  # fmt: skip
