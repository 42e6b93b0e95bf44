"""Who is there, and who may disturb."""

from collections.abc import Iterable

from cim_client import Member, direct_users, is_group
from cim_client.terminal.commands.context import Address, Context
from cim_client.terminal.display.sanitize import shown_name

MAX_NAMES_SHOWN = 200
MAX_FOUND = 100
"""Names a look-up by prefix brings at most."""


async def online(context: Context) -> None:
    names = await context.me.online()
    await context.note(f"{len(names)} online: {listed(sorted(names))}")


async def beginning(context: Context, prefix: str) -> None:
    """Whose names begin so."""
    names = await context.me.users(prefix, MAX_FOUND)
    if not names:
        await context.note(f"no name begins with {prefix}")
    elif len(names) < MAX_FOUND:
        await context.note(f"{len(names)} {'begins' if len(names) == 1 else 'begin'} with {prefix}: {listed(names)}")
    else:
        await context.note(f"the first {MAX_FOUND} that begin with {prefix}: {listed(names)}")


async def who(context: Context, which: str = "") -> None:
    """Of the lobby: who is online; of a group: its members; of a user: whether he is there."""
    address = await context.to(which) if which else context.current
    if address.is_lobby:
        await online(context)
    elif is_group(address.to):
        members = await context.me.members(address.to)
        await context.note(f"{len(members)} in {shown_name(address.name)}: {_row([*map(_with_role, members)])}")
    else:
        await _presence(context, await _user_name(context, address))


async def _presence(context: Context, name: str) -> None:
    presence = await context.me.presence(name)
    if presence.online:
        await context.note(f"{shown_name(name)} is online")
    elif presence.last_seen is None:
        await context.note(f"{shown_name(name)} is not online")
    else:
        seen = presence.last_seen.astimezone()
        await context.note(f"{shown_name(name)} is not online, last seen {seen:%Y-%m-%d %H:%M}")


async def _user_name(context: Context, address: Address) -> str:
    """The name of the other one in a private conversation, which may have been named by a number."""
    if direct_users(address.to) is None:
        return address.name
    members = await context.me.members(address.to)
    return next((member.name for member in members if member.user_id != context.me.user_id), context.me.name)


async def block(context: Context, name: str) -> None:
    await context.me.block(name.removeprefix("@"))
    await context.note(f"{shown_name(name)} cannot write to you any more; /unblock takes it back")


async def unblock(context: Context, name: str) -> None:
    await context.me.unblock(name.removeprefix("@"))
    await context.note(f"{shown_name(name)} can write to you again")


async def mute(context: Context, which: str = "") -> None:
    await _mute(context, which, True)


async def unmute(context: Context, which: str = "") -> None:
    await _mute(context, which, False)


async def _mute(context: Context, which: str, on: bool) -> None:
    address = await context.to(which) if which else context.current
    await context.me.mute(address.to, on)
    name = shown_name(address.name)
    await context.note(f"{name} is muted: it does not disturb" if on else f"{name} is not muted any more")


def listed(names: Iterable[str]) -> str:
    """Names in a row; the rest is counted."""
    return _row([shown_name(name) for name in names])


def _row(words: list[str]) -> str:
    more = [f"and {len(words) - MAX_NAMES_SHOWN} more"] if len(words) > MAX_NAMES_SHOWN else []
    return ", ".join(words[:MAX_NAMES_SHOWN] + more)


def _with_role(member: Member) -> str:
    name = shown_name(member.name)
    return name if member.role in ("", "member") else f"{name} ({member.role})"
