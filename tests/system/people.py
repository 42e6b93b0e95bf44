"""People of system tests: clients of the SDK, and waiting for what they see."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import trio

from cim_client import Client, Event, Message, connect
from tests.real_servers import SLOWNESS
from tests.system.cluster import Cluster

PASSWORD = "correct horse battery"


def person(cluster: Cluster, name: str, data_dir: Path | None = None) -> AbstractAsyncContextManager[Client]:
    """A connected device of a user, who is registered by it if need be."""
    return connect(cluster.route, name=name, password=PASSWORD, register=True, data_dir=data_dir)


async def next_messages(client: Client, count: int) -> list[Message]:
    """What the program is shown next."""
    found: list[Message] = []
    with trio.fail_after(20 * SLOWNESS):
        async for message in client.messages():
            found.append(message)
            if len(found) == count:
                break
    return found


async def texts(client: Client, count: int) -> list[str]:
    return [message.text for message in await next_messages(client, count)]


async def event(client: Client, kind: str, wanted: Callable[[Event], bool] = lambda found: True) -> Event:
    """The next event of a kind that is wanted; what comes before it is passed over."""
    with trio.fail_after(20 * SLOWNESS):
        async for found in client.events():
            if found.kind == kind and wanted(found):
                return found
    raise AssertionError(f"the client ended without an event {kind!r}")


async def on_two_servers(cluster: Cluster, one: Client, other: Client) -> None:
    """Bring two clients to different servers."""
    with trio.fail_after(30 * SLOWNESS):
        while one.server == other.server:
            other._core.link.reconnect()
            await event(other, "connection", lambda found: found.state == "connected")
