"""Talking to the program: nothing is sent meanwhile."""

from cim_client.terminal.commands.answers import Rules
from cim_client.terminal.commands.context import Context


async def begin(context: Context) -> None:
    context.answers = Rules()
    await context.note(f"{context.answers.name}: what you type is answered here and sent to nobody; :qai ends that")


async def end(context: Context) -> None:
    if context.answers is None:
        await context.note("you are not talking to the AI; :ai begins that")
        return
    context.answers = None
    await context.note("what you type is sent again")
