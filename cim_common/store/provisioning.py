"""Accounts that an operator makes, many at a time and without passwords.

They are accounts like others (`accounts.py`), with field `op`: nobody logs into them with a password, whoever makes
them gets their tokens. Each step is one pipeline for all names of a call, so a thousand cost a few round trips; what a
crash leaves half-way is what it leaves at a registration, and the same call again completes it.
"""

from collections.abc import Mapping, Sequence

from cim_common import ids
from cim_common.store import accounts, keys
from cim_common.store.accounts import Login, NoFreeId
from cim_common.store.flow import Command, Flow

MAX_AT_ONCE = 1_000
_TRIES = 8
"""Rounds of looking up and making; more than two mean that somebody else makes the same names, or an id was taken."""


class NamesTaken(Exception):
    """Accounts that no operator made have these names; none was touched."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def provision(shown: Mapping[str, str], device: str, unmetered: bool, now_ms: int) -> Flow[list[Login]]:
    """The accounts of these names (canonical -> display name, `MAX_AT_ONCE` at most), made where there are none.

    Returns each as it logs in on that device, in the order of the names. Afterwards all are unmetered, or none is.

    Raises:
        NamesTaken: names of accounts that were registered.
        NoFreeId: the random source is broken.
    """
    found: dict[str, Login] = {}
    for _ in range(_TRIES):
        missing = [name for name in shown if name not in found]
        found |= yield from _logins(missing, device)
        taken = [name for name, login in found.items() if not login.account.operators]
        if taken:
            raise NamesTaken(taken)
        if len(found) == len(shown):
            break
        yield from _make({name: shown[name] for name in missing if name not in found}, now_ms)
    else:
        raise NoFreeId
    yield from _settle([found[name] for name in shown], unmetered)
    return [_with_meter(found[name], unmetered) for name in shown]


def _logins(names: Sequence[str], device: str) -> Flow[dict[str, Login]]:
    """The logins of those names that have an account."""
    users = yield from accounts.ids_of(names)
    owned = [(name, user) for name, user in zip(names, users, strict=True) if user]
    logins = yield from accounts.logins([user for _, user in owned], device)
    return {name: login for (name, _), login in zip(owned, logins, strict=True) if login is not None}


def _make(shown: Mapping[str, str], now_ms: int) -> Flow[None]:
    """Make an account of each name, unless its id or its name is taken."""
    drawn = [(ids.new_user_id(), name) for name in shown]
    fresh = yield [("HSETNX", keys.user(user), "name", name) for user, name in drawn]
    ours = [pair for pair, is_fresh in zip(drawn, fresh, strict=True) if is_fresh]
    if not ours:
        return
    commands: list[Command] = []
    for user, name in ours:
        commands.append(("HSET", keys.user(user), "display", shown[name], "legacy", 0, "at", now_ms, "tv", 1, "op", 1))
        commands.append(("SET", keys.name(name), user, "NX"))
    replies = yield commands
    lost = [user for (user, _), won in zip(ours, replies[1::2], strict=True) if not won]
    if lost:
        yield [("DEL", keys.user(user)) for user in lost]


def _settle(logins: Sequence[Login], unmetered: bool) -> Flow[None]:
    """Write whether they are metered, where that changes, and the index for look-ups: it may have been left out."""
    members: list[str | int] = []
    commands: list[Command] = []
    for account in (login.account for login in logins):
        members += (0, accounts.index_member(account.name, account.id))
        if account.unmetered != unmetered:
            key = keys.user(account.id)
            commands.append(("HSET", key, "free", 1) if unmetered else ("HDEL", key, "free"))
    yield [*commands, ("ZADD", keys.NAMES, *members)]


def _with_meter(login: Login, unmetered: bool) -> Login:
    return login._replace(account=login.account._replace(unmetered=unmetered))
