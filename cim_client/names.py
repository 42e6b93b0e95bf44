"""Which conversation and which user is that name? Asked once, then remembered."""

from collections.abc import Sequence

import trio

from cim_client.errors import CimError
from cim_client.requests import Requests
from cim_common import ids
from cim_common.wire.messages import Resolve, Resolved

MAX_KNOWN = 10_000
MAX_ASKING = 32
"""Names asked for at the same time, for a group of many members."""


class Names:
    """What names stand for. A conversation id stands for itself."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._known: dict[str, Resolved] = {}
        self._asking = trio.CapacityLimiter(MAX_ASKING)

    def known(self, to: str) -> str | None:
        """The conversation, if one can tell without asking."""
        if to == ids.LOBBY or ids.direct_users(to) is not None or ids.is_group(to):
            return to
        found = self._known.get(to)
        return None if found is None else found.conversation

    async def conversation(self, to: str) -> str:
        """The conversation that a user name, "lobby" or a conversation id stands for.

        Raises:
            Refused: NO_SUCH_USER.
        """
        return self.known(to) or (await self.user(to)).conversation

    async def user(self, name: str) -> Resolved:
        """The user of that name: id, proper name, and the direct conversation with one."""
        found = self._known.get(name)
        if found is None:
            async with self._asking:
                found = await self._requests.ask(lambda request: Resolve(request, name))
            while len(self._known) >= MAX_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[name] = found
        return found

    async def users(self, names: Sequence[str]) -> list[int]:
        """The ids of users, several asked for at once."""
        found: dict[str, int] = {}
        errors: list[CimError] = []

        async def find(name: str) -> None:
            try:
                found[name] = (await self.user(name)).user
            except CimError as error:
                errors.append(error)

        wanted = list(dict.fromkeys(names))
        for start in range(0, len(wanted), MAX_ASKING):
            async with trio.open_nursery() as nursery:
                for name in wanted[start : start + MAX_ASKING]:
                    nursery.start_soon(find, name)
            if errors:
                raise errors[0]
        return [found[name] for name in wanted]
