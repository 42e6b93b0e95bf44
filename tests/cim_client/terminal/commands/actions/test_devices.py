"""The devices of one's account."""

from datetime import UTC, datetime

import pytest

from cim_client.terminal.commands.syntax import Wrong
from tests.cim_client.terminal.window import Commands


async def test_the_list(commands: Commands) -> None:
    seen = datetime(2026, 1, 2, 3, 4, tzinfo=UTC).astimezone()
    assert await commands.run("/devices") == [
        "* d0  online, this one", f"* d1  last seen {seen:%Y-%m-%d %H:%M}", "* e1  online, keeps nothing",
    ]  # fmt: skip


async def test_logging_out(commands: Commands) -> None:
    await commands.run("/logout")
    await commands.run("/logout e")
    for line in ("/logout d", "/logout x"):
        with pytest.raises(Wrong, match="/devices lists them"):
            await commands.run(line)
    assert commands.me.calls == [("logout_device", "d0"), ("logout_device", "e1")]
