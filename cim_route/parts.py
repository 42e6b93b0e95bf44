"""What the blueprints of route work with; made once, in `cim_route.app`."""

from dataclasses import dataclass
from typing import Protocol

from cim_common.registry import Registry
from cim_common.store.presence import Directory
from cim_common.tokens import Tokens
from cim_route.acceptor import Body, Stored
from cim_route.attempts import Attempts
from cim_route.budgets import Budgets
from cim_route.passwords import Passwords
from cim_route.placement import Placement
from cim_route.store import Store
from cim_route.watcher import Watcher


class Accepts(Protocol):
    """The accept operation as route drives it (`cim_route.acceptor`)."""

    @property
    def waiting(self) -> int:
        """Appends that no batch has taken yet."""
        ...

    def append(
        self,
        sender: int,
        sender_name: str,
        conversation: str,
        body: Body,
        *,
        message_key: str,
        own_key: bool = False,
        unmetered: bool = False,
        timeout_s: float = 10.0,
    ) -> Stored:
        """Returns when the entry is durable; raises Refused."""
        ...

    def send_all(
        self,
        sender: int,
        sender_name: str,
        conversation: str,
        texts: list[str],
        *,
        message_key: str,
        own_key: bool = False,
        unverified: bool = False,
        timeout_s: float = 10.0,
    ) -> list[Stored]:
        """The same for several texts, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """Shared by all request threads; every part may be used by several at once."""

    store: Store
    registry: Registry
    tokens: Tokens
    acceptor: Accepts
    passwords: Passwords
    attempts: Attempts
    placement: Placement
    directory: Directory
    budgets: Budgets
    watcher: Watcher
