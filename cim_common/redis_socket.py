"""A connection to Redis for those who have a loop of their own: bytes out, replies back in order.

redis-py makes the connection (`dial.py`: TLS, AUTH, database); from then on its socket is ours. There is no retry here:
what was in flight when a connection broke is reported as unknown, for a silent second try could append twice.
"""

import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis

from cim_common.store.flow import StoreUnavailable

RECEIVE_BYTES = 262_144

Done = Callable[[list[Any] | StoreUnavailable], None]
"""Gets the replies of a pipeline, errors of Redis among them (`resp.first_error`), or why there are none."""


class RedisSocket:
    """One connection, until it is lost. It never waits, and is used by one thread.

    `flush` and `receive` return why it is lost, or None; it is for the caller to close it then.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._sock: socket.socket = connection._sock
        self._sock.setblocking(False)
        self._reader = hiredis.Reader()
        self._out: list[bytes] = []
        self._waiting: deque[tuple[int, list[Any], Done, float]] = deque()

    def fileno(self) -> int:
        return self._sock.fileno()

    @property
    def waiting(self) -> int:
        """Pipelines without all their replies."""
        return len(self._waiting)

    @property
    def unwritten(self) -> bool:
        """Whether a `flush` has something to do."""
        return bool(self._out)

    def overdue(self, now: float) -> bool:
        """Whether the oldest pipeline should have had its replies."""
        return bool(self._waiting) and self._waiting[0][3] < now

    def write(self, data: bytes, replies: int, done: Done, due: float) -> None:
        """Have commands with so many replies, at least one, in the next `flush`. `done` is called once, by `receive`
        or by `close`."""
        assert replies > 0
        self._waiting.append((replies, [], done, due))
        self._out.append(data)

    def flush(self) -> str | None:
        """Write what there is in one system call, as much of it as the kernel takes."""
        if not self._out:
            return None
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            sent = 0
        except OSError as error:
            return str(error)
        self._out = [data[sent:]] if sent < len(data) else []
        return None

    def receive(self) -> str | None:
        """Read what has come, and hand on the replies that are complete."""
        try:
            data = self._sock.recv(RECEIVE_BYTES)
            while isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
                data += self._sock.recv(RECEIVE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except OSError as error:
            return str(error)
        if not data:
            return "closed by the store"
        self._reader.feed(data)
        while self._waiting:
            count, replies, done, _ = self._waiting[0]
            try:
                while len(replies) < count:
                    reply = self._reader.gets()
                    if reply is False:
                        return None
                    replies.append(reply)
            except hiredis.ProtocolError as error:
                return str(error)
            self._waiting.popleft()
            done(replies)
            for reply in replies:
                if type(reply) is hiredis.ReplyError and str(reply).startswith("NOSCRIPT"):
                    return "the store has forgotten the scripts"
        return None

    def close(self, why: str) -> None:
        """Disconnect; whoever waits for replies is told that there are none."""
        self._connection.disconnect()
        self._out = []
        waiting, self._waiting = self._waiting, deque()
        for _, _, done, _ in waiting:
            done(StoreUnavailable(why))
