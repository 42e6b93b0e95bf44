"""Connections to Redis outside a pool, for those who own one each."""

from collections.abc import Callable
from typing import Any

from redis.connection import ConnectionPool


def dialer(url: str, timeout_s: float) -> Callable[[], Any]:
    """What makes a connection, not connected yet, each time it is called.

    A pool's own `make_connection` counts all it has ever made and makes no more after `max_connections`: whoever
    tries again through it gives up for ever after a hundred tries, which is an outage of a minute or two.
    """
    pool = ConnectionPool.from_url(
        url,
        protocol=2,
        retry=None,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        decode_responses=False,
    )
    return lambda: pool.connection_class(**pool.connection_kwargs)
