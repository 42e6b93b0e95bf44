"""What a device keeps: its id, its numbers, its positions, what it still has to send; messages, if it is to; and
what is the user's own (drafts, settings, typed lines).

On disk (`store/sqlite`), or in memory for an ephemeral device (`store/memory`).
"""

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from cim_client.store.messages import KeptMessages
from cim_client.store.own import OwnState
from cim_client.views import Keep, Passed, Position

T = TypeVar("T")


class Saved(NamedTuple):
    """A message that was posted and not yet settled. `id` is what `post` returned: it stays, whatever n becomes."""

    n: int
    to: str
    text: str
    id: str = ""
    reply_to: int = 0


class Kept(IntEnum):
    """Whether a message stands in the file. A write that failed may have got there all the same."""

    NO = 0
    PERHAPS = 1
    YES = 2


class Tables(NamedTuple):
    """What programs may read, and change of their own."""

    messages: KeptMessages
    own: OwnState


class LocalStore(Protocol):
    """What the SDK needs kept. All methods are quick and may be called on the event loop.

    `returning`: the device has been logged in before. `user`: who logged in last, 0 if nobody has. `keeps`: whether
    messages are handed over to be kept. `last_n` is the highest number given so far, `reserved` the highest that no
    other program will be given: above it nothing may be sent (`used_up`), the device has to become another one.
    `path`: the file, if there is one. `failure`: why it is not used any more, "" as long as all is well.
    """

    device: str
    ephemeral: bool
    returning: bool
    user: int
    keeps: bool

    @property
    def failure(self) -> str: ...
    @property
    def path(self) -> Path | None: ...
    @property
    def last_n(self) -> int: ...
    @property
    def reserved(self) -> int: ...
    @property
    def used_up(self) -> bool: ...
    def next_n(self) -> int: ...
    def position(self, conversation: str) -> Position | None: ...
    def set_positions(self, positions: Iterable[tuple[str, Position]], passed: Sequence[Keep] = ()) -> None:
        """Keep positions, and with them what was shown and passed on the way there: all of it or nothing (I25)."""

    def settle(self, n: int, message: Passed) -> None:
        """One's own message stands in its log: it is kept, and forgotten as one to be sent; both or neither (I26)."""

    def ask(self, act: Callable[[Tables], T]) -> T:
        """Read the messages kept, read or change what is the user's own."""

    def save(self, message: Saved) -> Kept:
        """Keep a message until it is forgotten; whether it is there for the next program."""

    def forget(self, n: int) -> None: ...
    def saved(self) -> list[Saved]: ...
    def logged_in(self, user: int) -> None:
        """The cluster knows this device from here on, as one of that user."""

    def new_device(self, renumbered: Iterable[tuple[int, Saved]] = ()) -> bool:
        """Take another device id; what was saved under an old n is saved under its new one, both or neither.

        False if it was neither: the device is another one, but what was saved still is under its old n and id.
        """

    def close(self) -> None: ...
