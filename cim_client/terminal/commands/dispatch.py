"""Typed lines to actions. Whatever is typed, and whatever becomes of it, is at most one line of complaint.

At a prompt a command that asks the cluster waits for its answer beside the others, a few at a time, so that one can go
on typing; what says where text goes (`at_once`) is done before the next line is looked at. In a pipe everything is
done in its turn, and a command waits until what was written before it stands in its log. After a `/to` that failed
nothing is sent there until another one succeeds: it was meant for somebody else.
"""

import trio

from cim_client import CimError
from cim_client.terminal.commands import registry
from cim_client.terminal.commands.actions import messages
from cim_client.terminal.commands.context import Context
from cim_client.terminal.commands.registry import Call
from cim_client.terminal.commands.syntax import Command, Wrong

MAX_WAITING = 4
"""Commands that wait for an answer at the same time."""


class Dispatch:
    """Runs what is typed, in `nursery` where it is waited for."""

    def __init__(self, context: Context, nursery: trio.Nursery, interactive: bool) -> None:
        self._context = context
        self._nursery = nursery
        self._interactive = interactive
        self._waiting = 0
        self._lost = ""
        self.unsent = False
        """Whether a line that was to be sent was not even tried."""

    async def line(self, line: str) -> None:
        """Do what a typed line means, or have it done."""
        try:
            call = registry.parse(line)
        except Wrong as wrong:
            self.unsent = True
            await self._complain(wrong.hint)
            return
        if call is None:
            return
        if call.command.at_once or not self._interactive:
            await self._in_turn(call)
        elif self._waiting >= MAX_WAITING:
            await self._complain("not done: earlier commands still wait for their answers")
        else:
            self._waiting += 1
            self._nursery.start_soon(self._beside, call, self._context.pinned())

    async def _in_turn(self, call: Call) -> None:
        command = call.command
        if self._lost and (command.sends or command is registry.TEXT) and command is not registry.PRIVATE:
            self.unsent = True
            await self._complain(f"not done: {self._lost}")
            return
        done = await self._run(call, self._context)
        if call.command.run is messages.to and len(call.values) == 1 and not self._interactive:
            self._lost = "" if done else f"you did not get to {call.values[0]}"

    async def _beside(self, call: Call, context: Context) -> None:
        try:
            await self._run(call, context)
        finally:
            self._waiting -= 1

    async def _run(self, call: Call, context: Context) -> bool:
        """Whether it was done; if not, one line has said why."""
        try:
            if call.command.sends:
                context.check_sending()
            with trio.fail_after(call.command.patience_s):
                if not self._interactive and _looks_back(call.command):
                    await context.window.settled()
                await call.command.run(context, *call.values)
        except Wrong as wrong:
            await self._complain(wrong.hint)
        except CimError as error:
            await self._complain(str(error))
        except trio.TooSlowError:
            await self._complain(f"no answer to {call.command.names[0]} within {call.command.patience_s:.0f} s")
        else:
            return True
        sends = call.command.sends or call.command is registry.TEXT or call.command.run is messages.to
        self.unsent = self.unsent or sends
        return False

    async def _complain(self, text: str) -> None:
        await self._context.note(text, "note.failed")


def _looks_back(command: Command) -> bool:
    """Whether what was written before may matter to it."""
    return not command.at_once or any(argument.kind == "message" for argument in command.arguments)
