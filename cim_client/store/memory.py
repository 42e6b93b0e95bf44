"""What an ephemeral device keeps: it goes with the program."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from cim_client.store.contract import Kept, Saved, T, Tables
from cim_client.store.messages import MAX_IN_MEMORY, KeptMessages
from cim_client.store.own import OwnState
from cim_client.store.schema import prepare
from cim_client.views import Keep, Passed, Position
from cim_common import ids


class MemoryStore:
    """An ephemeral device: what it keeps goes with it."""

    path = None
    ephemeral = True
    used_up = False
    failure = ""

    def __init__(self, keeps: bool = False) -> None:
        self.keeps = keeps
        self.device = ids.new_device_id()
        self.returning = False
        self.user = 0
        self.last_n = 0
        self._positions: dict[str, Position] = {}

    @property
    def reserved(self) -> int:
        return self.last_n

    def next_n(self) -> int:
        self.last_n += 1
        return self.last_n

    def position(self, conversation: str) -> Position | None:
        return self._positions.get(conversation)

    def set_positions(self, positions: Iterable[tuple[str, Position]], passed: Sequence[Keep] = ()) -> None:
        self._positions.update(positions)
        if passed:
            self._keep(passed)

    def settle(self, n: int, message: Passed) -> None:
        self._keep((message,))

    def _keep(self, passed: Sequence[Keep]) -> None:
        self.messages.take(passed)
        if self.messages.untidy:
            self.messages.tidy()

    @cached_property
    def _db(self) -> sqlite3.Connection:
        """Made when it is needed: most programs without a folder keep nothing."""
        db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        prepare(db)
        return db

    @cached_property
    def messages(self) -> KeptMessages:
        return KeptMessages(self._db, False, MAX_IN_MEMORY)

    @cached_property
    def own(self) -> OwnState:
        return OwnState(self._db)

    def ask(self, act: Callable[[Tables], T]) -> T:
        return act(Tables(self.messages, self.own))

    def save(self, message: Saved) -> Kept:
        """Nothing outlives the process."""
        return Kept.NO

    def forget(self, n: int) -> None:
        """Nothing was kept."""

    def saved(self) -> list[Saved]:
        return []

    def logged_in(self, user: int) -> None:
        self.returning, self.user = True, user
        if self.keeps:
            self.messages.me = user

    def new_device(self, renumbered: Iterable[tuple[int, Saved]] = ()) -> bool:
        self.device = ids.new_device_id()
        self.returning = False
        return True

    def close(self) -> None:
        if "_db" in self.__dict__:
            self._db.close()
