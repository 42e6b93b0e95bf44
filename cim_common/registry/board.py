"""The list of servers as a registry knows it, their entries, and whoever wants to hear of changes."""

import json
import threading
from collections.abc import Callable, Iterable

from cim_common.registry import Server


class Board:
    """Keeps the last good list and tells changes, one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._servers: tuple[Server, ...] = ()
        self._known = False
        self._watchers: list[Callable[[tuple[Server, ...]], None]] = []

    def servers(self) -> tuple[Server, ...]:
        return self._servers

    def watch(self, changed: Callable[[tuple[Server, ...]], None]) -> None:
        with self._lock:
            self._watchers.append(changed)
            if self._known:
                changed(self._servers)

    def publish(self, servers: Iterable[Server]) -> None:
        """Take a new list; of several runs of one server the newest counts."""
        newest: dict[str, Server] = {}
        for server in servers:
            if server.id not in newest or newest[server.id].epoch < server.epoch:
                newest[server.id] = server
        listed = tuple(sorted(newest.values()))
        with self._lock:
            if listed == self._servers and self._known:
                return
            self._servers, self._known = listed, True
            for changed in self._watchers:
                changed(listed)


def record_of(server: Server) -> bytes:
    """A server as its registry entry holds it."""
    return json.dumps(server._asdict()).encode()


def parse_record(record: bytes) -> Server | None:
    """The server of an entry; None for entries of others, which may stand among ours."""
    try:
        fields = json.loads(record)
        return Server(
            str(fields["id"]),
            str(fields["epoch"]),
            str(fields["host"]),
            int(fields["tcp_port"]),
            int(fields["http_port"]),
            int(fields["load"]),
            str(fields["version"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
