"""Messages that wait for their time in the cluster, sent whether or not one is connected then."""

from datetime import datetime, timedelta

from cim_client import Scheduled
from cim_client.terminal.commands.context import Context
from cim_client.terminal.commands.syntax import Wrong
from cim_client.terminal.commands.times import When
from cim_client.terminal.display.lines import note
from cim_client.terminal.display.sanitize import one_line, shown_name
from cim_client.terminal.editor import emoji

MIN_SHOWN = 4
"""Characters of an id that are shown at least; so many of one have to be typed as tell it from the others."""


async def delay(context: Context, to: str, text: str, seconds: float) -> None:
    """CIM's `:delay`."""
    await _schedule(context, to, text, When(in_s=seconds))


async def later(context: Context, to: str, text: str, when: When) -> None:
    await _schedule(context, to, text, when)


async def _schedule(context: Context, to: str, text: str, when: When) -> None:
    address = await context.to(to) if to else context.current
    waiting = await context.me.schedule(address.to, emoji.replaced(text), in_s=when.in_s, at=when.at)
    others = await context.me.scheduled()
    await context.note(
        f"goes to {shown_name(address.label)} at {_time(waiting.at)}, also when you are not here; "
        f"/scheduled cancel {_short(waiting, others)} takes it back"
    )


async def scheduled(context: Context) -> None:
    waiting = await context.me.scheduled()
    rows = [
        f"{_short(one, waiting)}  {_time(one.at)}  to {shown_name(context.window.label(one.conversation))}: "
        f"{one_line(one.text)}"
        for one in waiting
    ]
    await context.show([note(row) for row in rows or ["no message waits"]])


async def cancel(context: Context, which: str) -> None:
    waiting = await context.me.scheduled()
    found = [one for one in waiting if one.id.startswith(which)]
    if len(found) != 1:
        raise Wrong(f"{'several messages wait' if found else 'no message waits'} as {which}: /scheduled lists them")
    await context.me.cancel(found[0].id)
    await context.note(f"not sent: {one_line(found[0].text)}")


def _short(one: Scheduled, all_of_them: list[Scheduled]) -> str:
    """As much of its id as tells it from the others."""
    length = MIN_SHOWN
    while length < len(one.id) and sum(other.id.startswith(one.id[:length]) for other in all_of_them) > 1:
        length += 1
    return one.id[:length]


def _time(at: datetime) -> str:
    here = at.astimezone()
    soon = here - datetime.now().astimezone() < timedelta(hours=12)
    return f"{here:%H:%M:%S}" if soon else f"{here:%Y-%m-%d %H:%M}"
