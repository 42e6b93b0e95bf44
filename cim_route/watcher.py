"""Who waits for events, and what wakes them.

A waiting request asks the store nothing. While there is at least one, a thread reads what has grown, the versions of
the waiting users' lists, and whether their logins are still good, in one pipeline every `PERIOD_S`, and wakes those
concerned. It ends with the last of them.

A request enters, waits until the thread has read once (`primed`), looks for itself, and then waits: what comes
after its look is above what the thread has seen before it.
"""

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import structlog

from cim_common.store import accounts, keys
from cim_common.store.flow import Flow, StoreError, StoreUnavailable
from cim_common.store.recent import Grown, RecentReader, hash_of
from cim_route.store import Store

log = structlog.get_logger()

PERIOD_S = 0.25
PRIMED_WITHIN_S = 2.0
MAX_WAITING = 64
"""Requests that wait at a time; each has a thread of its own beside those of the other calls (`serve.py`)."""


class TooManyWaiting(Exception):
    """`MAX_WAITING` requests are waiting already."""


class News(NamedTuple):
    """What may have grown, and whether the user's list has moved on."""

    conversations: frozenset[str]
    listed: bool


class Waiting:
    """One request that waits. Its watcher's lock guards everything but the event."""

    def __init__(self, user: int, device: str, lock: threading.Condition) -> None:
        self.user, self.device = user, device
        self.version = 0
        self.conversations: frozenset[str] = frozenset()
        self.hashes: dict[int, list[str]] = {}
        self.primed = False
        self.over = False
        self.grown: set[str] = set()
        self.listed = False
        self.login: Any = None
        self._lock = lock
        self._woken = threading.Event()

    def follow(self, conversations: Collection[str], version: int) -> None:
        """Wake this request for these conversations from here on, and for a list above that version."""
        if conversations == self.conversations:
            with self._lock:
                self.version = version
            return
        hashes: dict[int, list[str]] = {}
        for conversation in conversations:  # several may have the same, by chance or because somebody wanted it
            hashes.setdefault(hash_of(conversation), []).append(conversation)
        with self._lock:
            self.conversations, self.hashes, self.version = frozenset(conversations), hashes, version

    def next(self, timeout_s: float) -> News | None:
        """What has happened since the last call; None when the time is over, or the waiting is."""
        self._woken.wait(max(timeout_s, 0))
        with self._lock:
            if self.over or not self._woken.is_set():
                return None
            news = News(frozenset(self.grown), self.listed)
            self._forget()
            return news

    def fresh(self) -> None:
        """Forget what has been told: all is looked at now."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self.grown, self.listed = set(), False
        if not self.over:
            self._woken.clear()

    def wake(self) -> None:
        self._woken.set()


class Watcher:
    """The waiting requests of one route process."""

    def __init__(self, store: Store, period_s: float = PERIOD_S) -> None:
        self._store = store
        self._period_s = period_s
        self._recent = RecentReader()
        self._changed = threading.Condition()
        self._waiting: list[Waiting] = []
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._away = False
        self.reads = 0

    @property
    def count(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    @contextmanager
    def waiting(self, user: int, device: str, conversations: Collection[str], version: int) -> Iterator[Waiting]:
        """Wait as this device; an older request of the same one is over.

        Raises:
            TooManyWaiting
        """
        waiting = Waiting(user, device, self._changed)
        waiting.follow(conversations, version)
        self._enter(waiting)
        try:
            with self._changed:
                self._changed.wait_for(lambda: waiting.primed or waiting.over, PRIMED_WITHIN_S)
            waiting.fresh()
            yield waiting
        finally:
            with self._changed:
                self._waiting.remove(waiting)
                self._changed.notify_all()

    def close(self) -> None:
        """Let everybody who waits go."""
        with self._changed:
            self._stopping = True
            for waiting in self._waiting:
                self._end(waiting)
            self._changed.notify_all()

    def _enter(self, waiting: Waiting) -> None:
        with self._changed:
            for other in self._waiting:
                if (other.user, other.device) == (waiting.user, waiting.device):
                    self._end(other)
            if sum(not other.over for other in self._waiting) >= MAX_WAITING:
                raise TooManyWaiting
            self._waiting.append(waiting)
            if self._stopping:
                self._end(waiting)
            elif self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _end(self, waiting: Waiting) -> None:
        waiting.over = True
        waiting.wake()

    # -- the watching thread -----------------------------------------------------------------------------

    def _watch(self) -> None:
        try:
            while self._turn():
                pass
        except Exception:
            # A bug of ours: told. Those who wait find nothing; whoever comes next starts another thread.
            log.exception("watcher_failed")
            with self._changed:
                self._thread = None

    def _turn(self) -> bool:
        """Read once and let the period pass, or as much of it as nobody new comes; False when nobody waits any more."""
        with self._changed:
            if not self._waiting or self._stopping:
                self._thread = None
                return False
            waiting = list(self._waiting)
        due = time.monotonic() + self._period_s
        self._read(waiting)
        with self._changed:
            self._changed.notify_all()
            self._changed.wait_for(self._is_called, max(due - time.monotonic(), 0))
        return True

    def _is_called(self) -> bool:
        """Whether somebody new waits, or nobody any more. While the store is away the period is kept."""
        new = any(not one.primed for one in self._waiting)
        return self._stopping or not self._waiting or (new and not self._away)

    def _read(self, waiting: list[Waiting]) -> None:
        try:
            grown, states = self._store.run(self._news(waiting))
        except (StoreUnavailable, StoreError) as error:
            if not self._away:
                log.warning("store_lost", link="events", error=str(error))
            self._away = True
            self._recent.forget()
            return
        self._away = False
        self.reads += 1
        with self._changed:
            for one, (version, login) in zip(waiting, states, strict=True):
                if one.login not in (None, login):
                    self._end(one)  # logged out: whoever waits looks at its token again
                one.login = login
                self._tell(one, grown, version)

    def _tell(self, one: Waiting, grown: Grown, version: int) -> None:
        one.primed = True
        if grown.everything:
            one.grown.update(one.conversations)
        else:
            for found in grown.hashes & one.hashes.keys():
                one.grown.update(one.hashes[found])
        one.listed = one.listed or version > one.version
        if one.grown or one.listed:
            one.wake()

    def _news(self, waiting: list[Waiting]) -> Flow[tuple[Grown, list[tuple[int, Any]]]]:
        reply, *replies = yield [
            self._recent.command(),
            *[("ZSCORE", keys.conversations(one.user), "#") for one in waiting],
            *[accounts.login_fields(one.user, one.device) for one in waiting],
        ]
        grown = Grown()
        self._recent.take(reply, grown)
        while self._recent.more:
            (reply,) = yield [self._recent.command()]
            self._recent.take(reply, grown)
        versions = [int(float(version or 0)) for version in replies[: len(waiting)]]
        return grown, list(zip(versions, replies[len(waiting) :], strict=True))
