"""Who is there, and going to somebody."""

from cim_client.terminal.context import Context
from cim_client.terminal.sanitize import shown_name

MAX_NAMES_SHOWN = 200


async def online(context: Context) -> None:
    names = await context.me.online()
    await context.note(f"{len(names)} online: {listed(names)}")


def listed(names: list[str]) -> str:
    """Names in a row, in their order; the rest is counted."""
    shown = [shown_name(name) for name in sorted(names)[:MAX_NAMES_SHOWN]]
    more = [f"and {len(names) - MAX_NAMES_SHOWN} more"] if len(names) > MAX_NAMES_SHOWN else []
    return ", ".join(shown + more)
