"""A prompt without a chat behind it: each line comes back as `got 'line'`, some do what the console is asked to do.

================ =======================================================================
`/to NAME`        another conversation, with the draft that was left there
`/next`           the same, to bob; stays in the one it is in when that is bob
`@flood N`        N lines as fast as they are taken, then `flooded`
`@rate N S`       N messages a second for so many seconds
`@told`           a line and another bar at SIGUSR1
`@hold`           no line is taken until SIGUSR1
`@bell`           rings
`@place NAME`     at SIGUSR1 there is one more place to go to, the first
`@turn`           conversations are offered the other way round
`@pending N`      N rows above the prompt
`@stray`          something else in the process prints
`@half`           what is half typed
================ =======================================================================

Arguments: lines typed in earlier runs, oldest first. Those kept of this one are printed at the end.
"""

import signal
import sys
import warnings

import trio

from cim_client.terminal.commands.registry import COMMANDS
from cim_client.terminal.display.lines import note
from cim_client.terminal.editor.completion import USER, Offers, Place, Word
from cim_client.terminal.editor.prompt import PromptConsole, open_prompt

PLACES = (Place("lobby", "lobby"), Place("ops", "g-1", 3), Place("bob", "bob"), Place("运维", "g-2", 1))
NAMES = ("bob", "boris", "张三", "张伟", "محمد")


class Typist:
    def __init__(self, console: PromptConsole) -> None:
        self.console = console
        self.here = "lobby"
        self.drafts: dict[str, str] = {}
        self.names = [*NAMES]
        self.places: tuple[Place, ...] = PLACES

    def offer(self) -> None:
        names = tuple(Word(name) for name in self.names)
        self.console.offer(Offers(COMMANDS, self.places, {USER: names, "conversation": names}))

    async def say(self, text: str) -> None:
        await self.console.show([note(text)])

    async def answer(self) -> None:
        async for prefix in self.console.wanted():
            await self.say(f"asked for {prefix}")
            if prefix.startswith("x"):
                self.names.append(prefix + "avier")
                self.offer()

    async def place(self, name: str) -> None:
        with trio.open_signal_receiver(signal.SIGUSR1) as signals:
            await self.say("waiting")
            await anext(signals)
        self.places = (Place(name, name, 1), *PLACES)
        self.offer()

    async def leave(self, scope: trio.CancelScope) -> None:
        """At SIGUSR2, as a session ends that is over."""
        with trio.open_signal_receiver(signal.SIGUSR2) as signals:
            await anext(signals)
        scope.cancel()

    async def flood(self, count: int) -> None:
        for number in range(count):
            await self.say(f"message {number}")
            self.console.status([], f" bar {number}", self.here)
            await trio.lowlevel.checkpoint()
        await self.say("flooded")

    async def tell(self) -> None:
        with trio.open_signal_receiver(signal.SIGUSR1) as signals:
            await anext(signals)
        await self.say("told")
        self.console.status([], " another bar", self.here)

    async def rate(self, per_second: float, for_s: float) -> None:
        """As a chat does it: each message by itself, and the bar told anew."""
        began = trio.current_time()
        for number in range(int(per_second * for_s)):
            await trio.sleep_until(began + number / per_second)
            time, name = ("time", "10:20 "), ("name", f"user{number % 50}")
            await self.console.show([[time, name, ("", f": message {number} of those that come while one types")]])
            self.console.status([], f" alice - connected - {number}", self.here)

    async def go(self, where: str) -> None:
        if where == self.here:
            await self.say("stayed")
            return
        left = self.console.switched(self.drafts.get(where, ""))
        self.drafts[self.here] = left
        await self.say(f"left {self.here} with {left!r} for {where}")
        self.here = where
        self.console.status([], " bar", where)

    async def do(self, line: str, nursery: trio.Nursery) -> None:
        command, _, rest = line.partition(" ")
        match command:
            case "/to":
                await self.go(rest.strip())
            case "/next":
                await self.go("bob")
            case "@flood":
                nursery.start_soon(self.flood, int(rest))
            case "@rate":
                per_second, for_s = rest.split()
                nursery.start_soon(self.rate, float(per_second), float(for_s))
            case "@told":
                nursery.start_soon(self.tell)
            case "@hold":
                await self.say("holding")
                with trio.open_signal_receiver(signal.SIGUSR1) as signals:
                    await anext(signals)
            case "@turn":
                self.console.offer(Offers(COMMANDS, PLACES[::-1]))
                await self.say("turned")
            case "@pending":
                rows = [[("mark.pending", f"pending {number}")] for number in range(int(rest))]
                self.console.status(rows, " bar", self.here)
            case "@bell":
                self.console.bell()
            case "@place":
                nursery.start_soon(self.place, rest)
            case "@stray":
                warnings.warn("something stray", stacklevel=1)
            case "@half":
                await self.say(f"half typed: {self.console.text!r}")
            case _:
                await self.say(f"got {line!r}")

    async def run(self) -> None:
        self.offer()
        self.console.status([], " bar", self.here)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.answer)
            nursery.start_soon(self.leave, nursery.cancel_scope)
            async for line in self.console.lines():
                await self.do(line, nursery)
            nursery.cancel_scope.cancel()


class Kept:
    """The lines that were typed."""

    def __init__(self) -> None:
        self.lines = sys.argv[1:]

    def typed(self, limit: int) -> list[str]:
        return self.lines[-limit:]

    def add_typed(self, line: str) -> None:
        self.lines.append(line)


async def main() -> None:
    kept = Kept()
    async with open_prompt(kept) as console:
        await Typist(console).run()
    print("kept:", kept.lines)
    print("left half typed:", repr(console.text))


if __name__ == "__main__":
    trio.run(main)
