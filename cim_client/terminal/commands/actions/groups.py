"""Groups: making one, who is in it, what it is called.

Where a command does not name a group it means the current one. Each change returns when it stands in the group's log.
"""

from cim_client import Group, is_group
from cim_client.terminal.commands.actions.people import listed
from cim_client.terminal.commands.context import Context
from cim_client.terminal.commands.syntax import Wrong
from cim_client.terminal.display.conversations import OUT
from cim_client.terminal.display.lines import note
from cim_client.terminal.display.sanitize import one_line, shown_name


async def create(context: Context, name: str, members: list[str] | None = None) -> None:
    """Make it and go there."""
    group = await context.me.create_group(name, [member.removeprefix("@") for member in members or []])
    await context.note(f"group {shown_name(name)} is made" + (f", with {listed(members)}" if members else ""))
    await context.switch(group.id)


async def list_(context: Context) -> None:
    groups = [found for found in await context.me.conversations() if is_group(found.id) and found.role not in OUT]
    rows = [
        f"{shown_name(found.title)}: {found.role}, {found.members} members"
        + (f", {found.unread} unread" if found.unread else "")
        + (", muted" if found.muted else "")
        + (", dissolved" if found.dissolved else "")
        + (f" - {found.topic}" if found.topic else "")
        for found in groups
    ]
    await context.show([note(row) for row in rows or ["you are in no group; /group create NAME makes one"]])


async def invite(context: Context, names: list[str], which: str = "") -> None:
    group = _group(context, which)
    await group.invite(_plain(names))
    await context.note(f"{listed(names)} invited to {shown_name(group.name)}")


async def kick(context: Context, names: list[str], which: str = "") -> None:
    group = _group(context, which)
    await group.kick(_plain(names))
    await context.note(f"{listed(names)} taken out of {shown_name(group.name)}")


async def ban(context: Context, names: list[str], which: str = "") -> None:
    group = _group(context, which)
    await group.ban(_plain(names))
    await context.note(f"{listed(names)} banned from {shown_name(group.name)}: nobody can invite them")


async def unban(context: Context, names: list[str], which: str = "") -> None:
    group = _group(context, which)
    await group.unban(_plain(names))
    await context.note(f"{listed(names)} may be invited to {shown_name(group.name)} again")


async def role(context: Context, name: str, wanted: str, which: str = "") -> None:
    group = _group(context, which)
    await group.set_role(name.removeprefix("@"), wanted)
    await context.note(f"{shown_name(name)} is {wanted} of {shown_name(group.name)}")


async def leave(context: Context, which: str = "") -> None:
    group = _group(context, which)
    await group.leave()
    await context.note(f"you have left {shown_name(group.name)}")


async def dissolve(context: Context, which: str) -> None:
    """It has to be named: there is no way back."""
    group = _group(context, which)
    await group.dissolve()
    await context.note(f"{shown_name(group.name)} is dissolved: it can be read, and nobody writes there")


async def rename(context: Context, name: str) -> None:
    group = _group(context, "")
    await group.rename(name.strip(), await _topic(context, group))
    context.window.renamed(group.id, group.name)
    await context.note(f"the group is called {shown_name(group.name)}")


async def topic(context: Context, text: str) -> None:
    group = _group(context, "")
    await group.rename(group.name, text.strip())
    await context.note(f"the topic of {shown_name(group.name)} is: {one_line(text.strip())}")


async def _topic(context: Context, group: Group) -> str:
    return next((found.topic for found in await context.me.conversations() if found.id == group.id), "")


def _group(context: Context, which: str) -> Group:
    """The group of that name, or the current one.

    Raises:
        Wrong: one is in none.
    """
    if which:
        return context.group(which.removeprefix("#"))
    if not is_group(context.conversation):
        raise Wrong("this is no group: go to one with /to, or name one")
    return context.group(context.conversation)


def _plain(names: list[str]) -> list[str]:
    return [name.removeprefix("@") for name in names]
