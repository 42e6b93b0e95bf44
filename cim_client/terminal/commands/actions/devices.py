"""The devices of one's account."""

from cim_client.terminal.commands.context import Context
from cim_client.terminal.commands.syntax import Wrong
from cim_client.terminal.display.lines import note


async def devices(context: Context) -> None:
    rows = []
    for device in await context.me.devices():
        seen = "online" if device.online else f"last seen {device.last_seen.astimezone():%Y-%m-%d %H:%M}"
        about = [seen, *(["this one"] if device.current else []), *(["keeps nothing"] if device.ephemeral else [])]
        rows.append(f"{device.id}  {', '.join(about)}")
    await context.show([note(row) for row in rows])


async def logout(context: Context, which: str = "") -> None:
    """This device, or the one whose id begins so."""
    if not which:
        await context.me.logout_device(context.me.device)
        await context.note("this device is logged out: it needs the password to come back")
        return
    found = [device.id for device in await context.me.devices() if device.id.startswith(which)]
    if len(found) != 1:
        raise Wrong(f"{'several devices begin' if found else 'no device begins'} with {which}: /devices lists them")
    await context.me.logout_device(found[0])
    await context.note(f"{found[0]} is logged out: it needs the password to come back")
