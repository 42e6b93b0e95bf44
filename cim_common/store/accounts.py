"""Accounts: who exists, under which name, and which of their logins are still good.

The name is the truth (`name:<hex>` holds the id); the user's hash is written before the name is taken, so that
a name never points at nothing. What a crash in between leaves is a hash that no name points to. The index
for look-ups by prefix is written last and again at each login.

Fields of a user's hash: `name`, `display`, `pw` (argon2id, absent for accounts without a password), `legacy`,
`at` (ms), `tv` (token version), `t:<device>` (how often that device was logged out), `outs` (how many of these since
`tv` last moved on), `seen` (ms: last use of any device), `no_receipts` and `no_seen` (1: switched off), `op` (1: an
operator made it; it has no password, its tokens come from operators only), `free` (1: unmetered, I17).

A session or connect token is good while its version equals `tv + t:<device>`. Logging a device out
(`store/devices.py`) raises the second; after `MAX_LOGOUTS` of them `tv` is raised past anything given out and the
counters are dropped: an account stays small, at the price that all its devices then log in again. A counter is never
dropped alone, not even with its device: what was logged out would be good again.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from cim_common import ids
from cim_common.store import keys
from cim_common.store.flow import Command, Flow
from cim_common.store.sessions import pairs

MAX_LOGOUTS = 1_000
MAX_LISTED = 100
_TRIES = 8
"""Random ids tried at a registration; two accounts of 2^53 meet once in a lifetime."""

_FIELDS = ("name", "display", "pw", "legacy", "tv", "op", "free")


class Account(NamedTuple):
    """One account.

    `password_hash` is None for a legacy account, which can be used by anyone who knows its id, and for one that an
    operator made, which can be used with tokens from an operator only. `unmetered` accounts are not limited (I17).
    """

    id: int
    name: str
    display: str
    password_hash: str | None
    legacy: bool
    token_version: int
    operators: bool = False
    unmetered: bool = False


class Listed(NamedTuple):
    """What a look-up by prefix shows of an account."""

    id: int
    name: str
    display: str


class Login(NamedTuple):
    """An account as one of its devices logs in: session tokens carry `version`."""

    account: Account
    version: int


class NoFreeId(Exception):
    """No unused user id was found: the random source is broken."""


def create(name: str, display: str, password_hash: str | None, legacy: bool, now_ms: int) -> Flow[Account | None]:
    """Make an account with a canonical name; None if the name is taken.

    If the store fails in between, the account may exist all the same: a login tells.
    """
    user = yield from _claim_id(name)
    fields: list[Any] = ["display", display, "legacy", int(legacy), "at", now_ms, "tv", 1]
    if password_hash is not None:
        fields += ["pw", password_hash]
    yield [("HSET", keys.user(user), *fields)]
    (won,) = yield [("SET", keys.name(name), user, "NX")]
    if not won:
        yield [("DEL", keys.user(user))]
        return None
    yield [_index(name, user)]
    return Account(user, name, display, password_hash, legacy, 1)


def _claim_id(name: str) -> Flow[int]:
    for _ in range(_TRIES):
        user = ids.new_user_id()
        (fresh,) = yield [("HSETNX", keys.user(user), "name", name)]
        if fresh:
            return user
    raise NoFreeId


def by_name(canonical: str) -> Flow[Account | None]:
    """The account that owns a canonical name."""
    (user,) = yield [("GET", keys.name(canonical))]
    if user is None:
        return None
    return (yield from by_id(int(user)))


def by_id(user: int) -> Flow[Account | None]:
    (fields,) = yield [("HMGET", keys.user(user), *_FIELDS)]
    return _account(user, fields)


def names(users: Sequence[int]) -> Flow[list[str]]:
    """The canonical name of each user, "" where there is none."""
    if not users:
        return []
    found = yield [("HGET", keys.user(user), "name") for user in users]
    return [(name or b"").decode() for name in found]


def ids_of(canonical_names: Sequence[str]) -> Flow[list[int]]:
    """The user id that owns each canonical name, 0 where there is none."""
    if not canonical_names:
        return []
    found = yield [("GET", keys.name(name)) for name in canonical_names]
    return [int(user or 0) for user in found]


def named(canonical_names: Sequence[str]) -> Flow[list[tuple[int, str]]]:
    """Id and canonical name of the account that owns each name, (0, "") where there is none."""
    users = yield from ids_of(canonical_names)
    return [(user, name if user else "") for user, name in zip(users, canonical_names, strict=True)]


def login(user: int, device: str) -> Flow[Login | None]:
    """The account and the version a session token of that device must have; None if there is no such account."""
    (found,) = yield from logins([user], device)
    return found


def login_and_id(user: int, device: str, name: str) -> Flow[tuple[Login | None, int]]:
    """`login`, and the id of the user who owns a canonical name, 0 if nobody does: one round trip for both."""
    fields, other = yield [("HMGET", keys.user(user), *_FIELDS, f"t:{device}"), ("GET", keys.name(name))]
    return _login(user, fields), int(other or 0)


def logins(users: Sequence[int], device: str) -> Flow[list[Login | None]]:
    """The same for several users who have that device."""
    if not users:
        return []
    replies = yield [("HMGET", keys.user(user), *_FIELDS, f"t:{device}") for user in users]
    return [_login(user, fields) for user, fields in zip(users, replies, strict=True)]


def login_fields(user: int, device: str) -> Command:
    """Asks for what changes when a device is logged out; for those who watch it."""
    return ("HMGET", keys.user(user), "tv", f"t:{device}")


def logout_everywhere(user: int) -> Flow[None]:
    """End every session token of a user.

    In one transaction, and by more than any device's counter holds: no version is ever good again.
    """
    (flat,) = yield [("HGETALL", keys.user(user))]
    fields = dict(pairs(flat))
    counters = [field for field in fields if field.startswith(b"t:")]
    rise = int(fields.get(b"outs", 0)) + MAX_LOGOUTS
    yield [
        ("MULTI",),
        ("HINCRBY", keys.user(user), "tv", rise),
        ("HDEL", keys.user(user), "outs", *counters),
        ("EXEC",),
    ]


def set_password_hash(user: int, password_hash: str) -> Flow[None]:
    """Replace the hash by another of the same password (stronger parameters)."""
    yield [("HSET", keys.user(user), "pw", password_hash)]


def index(account: Account) -> Flow[None]:
    """Write the prefix index again; at each login, for a crash may have come between name and index."""
    yield [_index(account.name, account.id)]


def by_prefix(canonical_prefix: str, limit: int, after: str = "") -> Flow[list[Listed]]:
    """Accounts whose canonical name begins so and comes after `after`, by name, at most `limit` (100)."""
    start = canonical_prefix.encode()
    first = b"(" + after.encode() + b"\0\xff" if after else b"[" + start
    (members,) = yield [
        ("ZRANGE", keys.NAMES, first, b"(" + start + b"\xff", "BYLEX", "LIMIT", 0, min(limit, MAX_LISTED))
    ]
    users = [int(member.rpartition(b"\0")[2]) for member in members]
    return (yield from _listed(users))


def _listed(users: Sequence[int]) -> Flow[list[Listed]]:
    if not users:
        return []
    replies = yield [("HMGET", keys.user(user), "name", "display") for user in users]
    return [
        Listed(user, name.decode(), display.decode())
        for user, (name, display) in zip(users, replies, strict=True)
        if name and display
    ]


def _index(name: str, user: int) -> Command:
    return ("ZADD", keys.NAMES, 0, index_member(name, user))


def index_member(name: str, user: int) -> str:
    """How a name stands in the index for look-ups by prefix."""
    return f"{name}\0{user}"


def _login(user: int, fields: Sequence[bytes | None]) -> Login | None:
    account = _account(user, fields)
    if account is None:
        return None
    return Login(account, account.token_version + int(fields[-1] or 0))


def _account(user: int, fields: Sequence[bytes | None]) -> Account | None:
    name, display, password_hash, legacy, version, operators, unmetered = fields[: len(_FIELDS)]
    if name is None or display is None:
        return None
    return Account(
        user,
        name.decode(),
        display.decode(),
        password_hash.decode() if password_hash is not None else None,
        legacy == b"1",
        int(version or 1),
        operators == b"1",
        unmetered == b"1",
    )
