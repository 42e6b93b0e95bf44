"""Writing messages, and what is done to one that stands."""

from cim_client.terminal.context import Context


async def say(context: Context, text: str) -> None:
    """To the current conversation."""
    await context.say(context.current, text)


async def whisper(context: Context, to: str, text: str) -> None:
    """There, without going there."""
    await context.say(await context.to(to), text)


async def to(context: Context, which: str, text: str = "") -> None:
    """Go there; with a text: only send it there."""
    if text:
        await whisper(context, which, text)
    else:
        await context.switch(which)
