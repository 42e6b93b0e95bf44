"""About the program itself."""

from cim_client.terminal.context import Context
from cim_client.terminal.lines import note


async def info(context: Context) -> None:
    """Who and where one is."""
    me = context.me
    rows = [
        ("name", me.name),
        ("user id", str(me.user_id)),
        ("device", me.device),
        ("server", me.server or "none"),
        *context.window.state(),
        ("route", context.route),
    ]
    await context.show([note(f"{label:<8} {value}") for label, value in rows])


async def leave(context: Context) -> None:
    context.quit()
