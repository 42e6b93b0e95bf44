"""Who is there."""

from cim_client.terminal.actions import people
from tests.cim_client.terminal.window import Commands


async def test_online(commands: Commands) -> None:
    await people.online(commands.context)
    assert commands.printed() == ["* 3 online: alice, bob, car␛[2Jol"]


def test_many_names_are_counted() -> None:
    assert people.listed([f"user{n:04}" for n in range(1_000)]).endswith("user0199, and 800 more")
