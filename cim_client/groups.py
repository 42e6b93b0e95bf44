"""Groups: what a program does with one it takes part in."""

from collections.abc import Iterable, Iterator, Sequence

from cim_client.conversing import Conversing
from cim_client.types import Member, Receipt
from cim_common.wire.kinds import Kind
from cim_common.wire.limits import MAX_TARGETS


class Group:
    """A group by its id. All methods raise `Refused` with a code where the group does not allow it.

    Each change returns when it stands in the group's log, and every member sees it at the same place between the same
    messages.
    """

    __slots__ = ("_conversing", "id", "name")

    def __init__(self, conversing: Conversing, group: str, name: str) -> None:
        self._conversing = conversing
        self.id = group
        self.name = name

    def __repr__(self) -> str:
        return f"Group({self.id!r}, {self.name!r})"

    async def send(self, text: str, reply_to: int | None = None) -> Receipt:
        """Write a message to the group."""
        return await self._conversing.send(self.id, text, reply_to)

    async def members(self) -> list[Member]:
        """Everyone who takes part, by name."""
        return await self._conversing.members(self.id)

    async def invite(self, *names: str | Iterable[str]) -> None:
        """Make users members. Who is one already is passed over, unless all are (ALREADY_A_MEMBER)."""
        await self._about(Kind.JOINED, names)

    async def kick(self, *names: str | Iterable[str]) -> None:
        """Take members out; they may be invited again."""
        await self._about(Kind.KICKED, names)

    async def ban(self, *names: str | Iterable[str]) -> None:
        """Take users out, and let nobody invite them."""
        await self._about(Kind.BANNED, names)

    async def unban(self, *names: str | Iterable[str]) -> None:
        """Let them be invited again."""
        await self._about(Kind.UNBANNED, names)

    async def leave(self) -> None:
        """Take part no more. An owner is followed by the admin, else the member, of longest standing."""
        await self._conversing.change(self.id, Kind.LEFT)

    async def set_role(self, name: str, role: str) -> None:
        """Make a member "admin" or "member"; "owner" hands the group over."""
        (user,) = await self._conversing.users([name])
        await self._conversing.change(self.id, Kind.ROLE, targets=(user,), role=role)

    async def transfer(self, name: str) -> None:
        """Hand the group over; the owner becomes an admin."""
        await self.set_role(name, "owner")

    async def rename(self, name: str, topic: str = "") -> None:
        """Give the group another name and topic."""
        await self._conversing.rename(self.id, name, topic)
        self.name = name

    async def dissolve(self) -> None:
        """Nobody writes there any more; it can still be read."""
        await self._conversing.change(self.id, Kind.DISSOLVED)

    async def _about(self, kind: Kind, names: Sequence[str | Iterable[str]]) -> None:
        users = await self._conversing.users(list(flat(names)))
        for targets in chunks(users):
            await self._conversing.change(self.id, kind, targets=targets)


def id_of(conversation: Group | str) -> str:
    """A group by its id; whatever else names a conversation as it is."""
    return conversation.id if isinstance(conversation, Group) else conversation


def flat(names: Iterable[str | Iterable[str]]) -> Iterator[str]:
    """Names given one by one or as a list."""
    for name in names:
        if isinstance(name, str):
            yield name
        else:
            yield from name


def chunks(users: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """As many at a time as one change may concern."""
    for start in range(0, len(users), MAX_TARGETS):
        yield tuple(users[start : start + MAX_TARGETS])
