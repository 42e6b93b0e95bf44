"""About the program itself."""

from cim_client.terminal.commands.context import Context
from cim_client.terminal.commands.syntax import Wrong
from cim_client.terminal.display.lines import note
from cim_client.terminal.editor import emoji


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


async def emoji_page(context: Context, number: int = 1) -> None:
    """Five emoji and what can be typed for each."""
    page = emoji.page(number)
    if not page:
        raise Wrong(f"there are pages 1 to {emoji.pages()}")
    await context.show([note(f"{' '.join(aliases)}  {char}") for char, aliases in page])


async def leave(context: Context) -> None:
    context.quit()
