"""The registry kept in Redis: leases that their owners renew, for a cluster without ZooKeeper.

One hash holds for each server its record and, by Redis' clock, when the lease ends. A single thread renews the
own lease and reads the list. While Redis is away the last list stands; after it is back, owners have one lease's
time to renew before anybody is missed.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import redis
import structlog

from cim_common.registry import Server
from cim_common.registry.board import Board, parse_record, record_of
from cim_common.store import keys

log = structlog.get_logger()

LEASE_MS = 4_000
RENEW_S = 1.0
TIMEOUT_S = 1.5
BACK_OFF_S = 0.5

_RENEW = """#!lua flags=allow-oom
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[1] ~= '' then redis.call('HSET', KEYS[1], ARGV[1], (now + ARGV[3]) .. ' ' .. ARGV[2]) end
local live = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local ends, record = string.match(all[i + 1], '^(%d+) (.*)$')
  if ends and tonumber(ends) > now - tonumber(ARGV[4]) then
    live[#live + 1] = record
  elseif not ends or tonumber(ends) < now - 60000 then
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return live
"""
"""KEYS: the hash. ARGV: own ref or "", own record, lease in ms, ms of grace. Returns the records of the living.

It may write at the memory limit: a lease that ends there would mean "no servers" (I18), and renewing one takes none."""


class LeaseRegistry:
    """A registry in Redis; see `cim_common.registry.Registry` for the contract."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(
            redis_url, protocol=2, retry=None, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )
        self._board = Board()
        self._own: Server | None = None
        self._registered = False
        self._changed = threading.Event()
        self._closed = False
        self._lost_at: float | None = None
        self._grace_until = 0.0
        self._thread = threading.Thread(target=self._work, name="leases", daemon=True)

    def start(self) -> None:
        if not self._thread.is_alive() and not self._closed:
            self._thread.start()

    def register(self, server: Server) -> None:
        self._own = server
        self._changed.set()

    def update(self, load: int) -> None:
        own = self._own
        if own is not None:
            self._own = own._replace(load=load)

    def registered(self) -> bool:
        return self._registered

    def deregister(self) -> None:
        own, self._own = self._own, None
        self._registered = False
        if own is not None:
            try:
                self._redis.hdel(keys.SERVERS, own.ref)
            except redis.RedisError as error:
                log.warning("deregister_failed", error=str(error))

    def watch(self, changed: Callable[[tuple[Server, ...]], None]) -> None:
        self._board.watch(changed)

    def servers(self) -> tuple[Server, ...]:
        return self._board.servers()

    def close(self) -> None:
        if self._closed:
            return
        self.deregister()
        self._closed = True
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join(TIMEOUT_S + 0.5)
        self._redis.close()

    def _work(self) -> None:
        while not self._closed:
            self._changed.clear()
            try:
                self._round()
            except redis.RedisError as error:
                if self._lost_at is None:
                    log.warning("registry_lost", error=str(error))
                    self._lost_at = time.monotonic()
                self._registered = False
                self._changed.wait(BACK_OFF_S)
            else:
                self._changed.wait(RENEW_S)

    def _round(self) -> None:
        own = self._own
        now = time.monotonic()
        if self._lost_at is not None:
            self._grace_until = now + LEASE_MS / 1000
        grace_ms = 3_600_000 if now < self._grace_until else 0
        arguments = (own.ref, record_of(own)) if own else ("", "")
        records: Any = self._redis.eval(_RENEW, 1, keys.SERVERS, *arguments, LEASE_MS, grace_ms)
        if self._lost_at is not None:
            self._lost_at = None
            log.info("registry_back")
        self._registered = own is not None and own.ref == (self._own.ref if self._own else None)
        self._board.publish(filter(None, map(parse_record, records)))
        if own is not None and self._own is None:
            self._redis.hdel(keys.SERVERS, own.ref)
