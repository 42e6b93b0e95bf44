"""Sockets of ours among those that waitress polls."""

from typing import TypeAlias

import structlog

log = structlog.get_logger()


class Polled:
    """What waitress' loop (`wasyncore`, `polling.py`) asks of what is in its map, in the thread of the network only.

    It polls for what `readable` and `writable` say before each poll, and calls `handle_*` for what has come.
    """

    accepting = False

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None: ...

    def handle_write_event(self) -> None: ...

    def handle_expt_event(self) -> None:
        """Urgent data; neither the store nor a server sends any."""

    def handle_close(self) -> None:
        """The other side has gone, or there is an error on the socket."""

    def handle_error(self) -> None:
        """An exception of the others is being handled: a bug of ours, which is told."""
        log.exception("inline_failed")
        self.handle_close()

    def close(self) -> None:
        """The server has ended."""
        self.handle_close()


Sockets: TypeAlias = dict[int, Polled]
"""By descriptor; waitress' own stand there too."""
