"""Which conversation and which user is that name? Asked once, then remembered."""

from collections.abc import Sequence
from functools import partial

from cim_client.errors import Refused
from cim_client.requests import Requests
from cim_common import ids
from cim_common.wire.codes import Code
from cim_common.wire.limits import MAX_TARGETS
from cim_common.wire.messages import Resolve, Resolved

MAX_KNOWN = 10_000


class Names:
    """What names stand for. A conversation id stands for itself."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._known: dict[str, Resolved] = {}

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
            found = await self._requests.ask(lambda request: Resolve(request, name))
            while len(self._known) >= MAX_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[name] = found
        return found

    async def users(self, names: Sequence[str]) -> list[int]:
        """The ids of users, many asked for at once.

        Raises:
            Refused: NO_SUCH_USER, if there is none of one of the names.
        """
        wanted = list(dict.fromkeys(names))
        found: dict[str, int] = {}
        for start in range(0, len(wanted), MAX_TARGETS):
            part = tuple(wanted[start : start + MAX_TARGETS])
            answer: Resolved = await self._requests.ask(partial(Resolve, name="", names=part))
            found.update((name, user.user) for name, user in zip(part, answer.users, strict=True))
        if not all(found.values()):
            missing = next(name for name, user in found.items() if not user)
            raise Refused(Code.NO_SUCH_USER, f"There is no user {missing!r}.")
        return [found[name] for name in wanted]
