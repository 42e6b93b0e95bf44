"""Which IM servers live: one small interface over ZooKeeper or over leases in Redis.

Both work on threads of their own, for Flask and trio alike; what they call back, they call on such a thread.
Losing the registry never empties a list: the last good one stands (I18).
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Server(NamedTuple):
    """One run of one IM server. `epoch` is new at each start and rises as text."""

    id: str
    epoch: str
    host: str
    tcp_port: int
    http_port: int
    load: int = 0
    version: str = ""

    @property
    def ref(self) -> str:
        return f"{self.id}:{self.epoch}"


class Registry(Protocol):
    """What a server registers with and everybody watches. No method waits for the registry's store but `deregister`
    and `close`, and these at most 2 s each."""

    def start(self) -> None:
        """Begin to connect, and to go on doing so."""

    def register(self, server: Server) -> None:
        """Keep an entry for this run alive until `deregister`, through outages and over stale entries."""

    def update(self, load: int) -> None:
        """Change the load of the own entry, soon."""

    def registered(self) -> bool:
        """Whether the own entry stands, as far as is known."""

    def deregister(self) -> None:
        """Remove the own entry."""

    def watch(self, changed: Callable[[tuple[Server, ...]], None]) -> None:
        """Have every new list told, beginning with the current one if there is one."""

    def servers(self) -> tuple[Server, ...]:
        """The last good list."""

    def close(self) -> None:
        """Deregister and end the threads; may be called again."""


def open_registry(redis_url: str, zookeeper: str | None) -> Registry:
    """ZooKeeper where hosts are given, leases in Redis otherwise."""
    if zookeeper:
        from cim_common.registry.zookeeper import ZooKeeperRegistry

        return ZooKeeperRegistry(zookeeper)
    from cim_common.registry.leases import LeaseRegistry

    return LeaseRegistry(redis_url)
