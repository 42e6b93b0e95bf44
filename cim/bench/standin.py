"""Accounts written straight into the store, until the operator endpoint is there."""

import time
from typing import Any, NamedTuple

import redis

from cim.bench.target import Target
from cim_common import ids
from cim_common.store import keys
from cim_common.tokens import ConnectClaims, Tokens


class Account(NamedTuple):
    user: int
    name: str
    device: str
    token: str
    connect_token: str
    host: str
    port: int


def make(target: Target, count: int) -> list[Account]:
    assert target.redis_url
    assert target.secret
    tokens = Tokens(target.secret)
    pool: Any = redis.ConnectionPool.from_url(target.redis_url, protocol=2, retry=None)
    client = redis.Redis(connection_pool=pool)
    prefix = f"b{time.time_ns() // 1000 % 10**9}x"
    made = []
    pipe: Any = client.pipeline(transaction=False)
    for number in range(count):
        user, name = ids.new_user_id(), f"{prefix}{number}"
        pipe.execute_command(
            "HSET", keys.user(user), "name", name, "display", name, "legacy", 0, "at", time.time_ns() // 10**6, "tv", 1
        )
        pipe.execute_command("SET", keys.name(name), user)
        server = target.servers[number % len(target.servers)]
        token = tokens.connect(ConnectClaims(user, name, "bench", 1), 7200)
        made.append(Account(user, name, "bench", "", token, server.host, server.port))
    pipe.execute()
    client.close()
    return made
