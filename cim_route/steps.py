"""What a call does, without I/O: steps that a thread of its own takes (`Parts.run`), or the network's (`inline.py`).

Steps are a flow (`cim_common/store/flow.py`) that may ask for more than replies of the store. What is yielded, and what
comes back for it:

===========  ============================================================================
a list       of commands: the list of their replies; StoreError, StoreUnavailable
`Charge`     nothing; Problem when the user has spent the budget
`Probe`      whether that IM server takes connections now
`Appending`  where the entry stands, once it is durable; Refused
===========  ============================================================================
"""

from collections.abc import Callable, Generator, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

from pydantic import BaseModel

from cim_common.registry import Server
from cim_common.store.budgets import Budget
from cim_common.store.flow import Command
from cim_route.appending import Appending

T = TypeVar("T")


class Charge(NamedTuple):
    """A call of a user, to be counted (I17)."""

    user: int
    budget: Budget


class Probe(NamedTuple):
    server: Server


Wait: TypeAlias = list[Command] | Charge | Probe | Appending
Steps: TypeAlias = Generator[Wait, Any, T]


class Asked(NamedTuple):
    """A request as it was read: names of headers in capitals with `_` for `-`."""

    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What is written back; Content-Length and the like are the server's."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


InlineCall: TypeAlias = Callable[[Asked], Steps[Answer] | None]
"""A call that can do without a thread; None when this request of it cannot."""


def answer(status: int, document: BaseModel) -> Answer:
    """A document as it is given out, and to no cache: it is about one user."""
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    return Answer(status, headers, document.model_dump_json().encode())
