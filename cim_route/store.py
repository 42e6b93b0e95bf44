"""Route's way to the store: flows driven over a bounded pool of blocking connections."""

from typing import Any

import redis
import structlog
from redis import exceptions
from redis.connection import BlockingConnectionPool

from cim_common.store import metadata
from cim_common.store.flow import Command, Flow, StoreError, StoreUnavailable, T, drive
from cim_common.store.metadata import StoreMismatch
from cim_common.store.scripts import SCRIPTS

log = structlog.get_logger()

SOCKET_TIMEOUT_S = 2.0
POOL_TIMEOUT_S = 2.0
"""How long a request waits for a free connection."""

MAX_CONNECTIONS = 24

_ERRORS: tuple[tuple[type[Exception], type[StoreError] | type[StoreUnavailable]], ...] = (
    (exceptions.OutOfMemoryError, StoreUnavailable),
    (exceptions.ReadOnlyError, StoreUnavailable),
    (exceptions.TryAgainError, StoreUnavailable),
    (exceptions.ClusterDownError, StoreUnavailable),
    (exceptions.MasterDownError, StoreUnavailable),
    (exceptions.AuthenticationError, StoreUnavailable),
    (exceptions.ResponseError, StoreError),
    (exceptions.ConnectionError, StoreUnavailable),
    (exceptions.TimeoutError, StoreUnavailable),
    (exceptions.RedisError, StoreUnavailable),
    (OSError, StoreUnavailable),
)
"""What an error of the client library means to us; the first that fits."""

_NOT_NOW = ("MISCONF", "LOADING", "BUSY ")
"""Replies that the library knows by no class of their own and that pass."""


def translate(error: Exception) -> StoreError | StoreUnavailable:
    """A Redis or socket error as one of ours."""
    if str(error).startswith(_NOT_NOW):
        return StoreUnavailable(str(error))
    kind = next(ours for theirs, ours in _ERRORS if isinstance(error, theirs))
    return kind(str(error))


def blocking_pool(redis_url: str, max_connections: int) -> Any:
    """A bounded pool whose connections never repeat a command by themselves: the first try may have worked."""
    return BlockingConnectionPool.from_url(
        redis_url,
        protocol=2,
        retry=None,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=SOCKET_TIMEOUT_S,
        decode_responses=False,
        max_connections=max_connections,
        timeout=POOL_TIMEOUT_S,
    )


class Store:
    """Runs store operations; any number of threads may do so at once."""

    def __init__(self, redis_url: str, max_connections: int = MAX_CONNECTIONS) -> None:
        self._pool = blocking_pool(redis_url, max_connections)
        self._checked = False

    def check(self) -> None:
        """Make sure that the store is one we understand; needed once, before anything else.

        Raises:
            StoreMismatch: it is not.
            StoreUnavailable: it cannot be asked.
        """
        drive(metadata.check(), self._execute)
        self._checked = True

    @property
    def checked(self) -> bool:
        return self._checked

    def run(self, flow: Flow[T]) -> T:
        """The result of a flow.

        Raises:
            StoreUnavailable, StoreError: what ended it.
        """
        if not self._checked:
            try:
                self.check()
            except StoreMismatch as mismatch:
                log.error("store_mismatch", reason=str(mismatch))
                raise StoreError(str(mismatch)) from mismatch
        return drive(flow, self._execute)

    def close(self) -> None:
        self._pool.disconnect()

    def _execute(self, commands: list[Command]) -> list[Any]:
        try:
            connection = self._pool.get_connection()
        except (exceptions.RedisError, OSError) as error:
            raise translate(error) from error
        try:
            replies = _exchange(connection, commands)
            _rerun_unknown_scripts(connection, commands, replies)
        except BaseException as error:
            connection.disconnect()
            if isinstance(error, exceptions.RedisError | OSError):
                raise translate(error) from error
            raise
        finally:
            self._pool.release(connection)
        for reply in replies:
            if isinstance(reply, exceptions.RedisError):
                raise translate(reply) from reply
        return replies


def _exchange(connection: Any, commands: list[Command]) -> list[Any]:
    connection.send_packed_command(connection.pack_commands(commands))
    replies = []
    for _ in commands:
        try:
            replies.append(connection.read_response())
        except redis.ResponseError as error:
            replies.append(error)
    return replies


def _rerun_unknown_scripts(connection: Any, commands: list[Command], replies: list[Any]) -> None:
    """Redis was restarted: give it the scripts, then run those calls again that it did not know."""
    unknown = [index for index, reply in enumerate(replies) if isinstance(reply, exceptions.NoScriptError)]
    if not unknown:
        return
    _exchange(connection, [("SCRIPT", "LOAD", script.source) for script in SCRIPTS])
    for index, reply in zip(unknown, _exchange(connection, [commands[index] for index in unknown]), strict=True):
        replies[index] = reply
