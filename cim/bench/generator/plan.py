"""What a generator process is told to do, as JSON carries it."""

from typing import NamedTuple, TypedDict

MAX_IN_FLIGHT = 64
"""Unanswered sends a conversation allows (`cim_common/wire/limits.py`); LOGIN_OK says the same."""


class Member(NamedTuple):
    """One connection: who it is, where it connects, what it syncs, whether it sends, and whose messages it gets.

    `slot` is its number in the run, which its texts carry. Without a conversation it is logged in and idle.
    """

    slot: int
    user: int
    device: str
    token: str
    host: str
    port: int
    conversation: str | None = None
    sends: bool = False
    hears: tuple[int, ...] = ()
    cursor: int = 0


class Plan(TypedDict):
    """The members of one process. `began_ns` is the monotonic clock when the run began, the same for all of them."""

    members: list[Member]
    text_bytes: int
    began_ns: int
