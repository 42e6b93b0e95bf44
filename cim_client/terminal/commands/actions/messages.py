"""Writing messages, and what is done to one that stands."""

from cim_client.terminal.commands.context import Context
from cim_client.terminal.commands.syntax import Wrong
from cim_client.terminal.display.sanitize import one_line
from cim_client.terminal.editor import emoji


async def write(context: Context, text: str) -> None:
    """What is typed without a command: to the current conversation, or to the AI."""
    if context.answers is not None:
        answer = await context.answers.answer(text)
        await context.note(f"{context.answers.name}: {answer}", "note.answer")
    else:
        await context.say(context.current, emoji.replaced(text))


async def say(context: Context, text: str) -> None:
    """The text as it is."""
    await context.say(context.current, text)


async def whisper(context: Context, which: str, text: str) -> None:
    """There, without going there."""
    await context.say(await context.to(which), emoji.replaced(text))


async def to(context: Context, which: str, text: str = "") -> None:
    """Go there; with a text: only send it there."""
    if text:
        context.check_sending()
        await whisper(context, which, text)
    else:
        await context.switch(which)


async def next_unread(context: Context) -> None:
    await context.window.next_unread()


async def retry(context: Context) -> None:
    await context.window.retry()


async def reply(context: Context, reference: str, text: str) -> None:
    await context.say(context.current, emoji.replaced(text), await context.message(reference))


async def edit(context: Context, reference: str, text: str) -> None:
    seq = await context.message(reference, own=True)
    await context.me.edit(context.conversation, seq, emoji.replaced(text))
    await context.note(f"#{seq} is edited")


async def recall(context: Context, reference: str) -> None:
    seq = await context.message(reference, own=True)
    await context.me.recall(context.conversation, seq)
    await context.note(f"#{seq} is recalled")


async def react(context: Context, reference: str, mark: str) -> None:
    seq, shown = await context.message(reference), _emoji(mark)
    await context.me.react(context.conversation, seq, shown)
    await context.note(f"{one_line(shown)} is at #{seq}")


async def unreact(context: Context, reference: str, mark: str) -> None:
    seq, shown = await context.message(reference), _emoji(mark)
    await context.me.react(context.conversation, seq, shown, remove=True)
    await context.note(f"{one_line(shown)} is no longer at #{seq}")


def _emoji(mark: str) -> str:
    """What is put to a message: an alias stands for its emoji.

    Raises:
        Wrong: it is an alias of none.
    """
    shown = emoji.replaced(mark)
    if shown == mark and len(mark) > 2 and mark.startswith(":") and mark.endswith(":"):
        raise Wrong(f"there is no emoji {mark} (:emoji lists them)")
    return shown


async def pin(context: Context, reference: str) -> None:
    seq = await context.message(reference)
    await context.me.pin_message(context.conversation, seq)
    await context.note(f"#{seq} is pinned")


async def unpin(context: Context, reference: str) -> None:
    seq = await context.message(reference)
    await context.me.pin_message(context.conversation, seq, remove=True)
    await context.note(f"#{seq} is not pinned any more")
