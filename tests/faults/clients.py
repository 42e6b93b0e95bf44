"""Real clients that talk, listen and write down what they did and saw (`history.py`): on the SDK, nothing below it.

In a test they run as trio tasks (`participant`); as a program of its own one can be killed and started again:

    python -m tests.faults.clients --route URL --history FOLDER --name erin --label erin-1 \\
        --directory '{"alice": 2147483649}' --group ID [--data FOLDER]

It talks until SIGTERM, then catches up and ends. The directory gives the user ids of those it talks to.
"""

import argparse
import contextlib
import json
import random
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from pathlib import Path

import trio

from cim_client import CimError, Client, Message, Refused, Unavailable, connect
from cim_common import ids
from tests.faults.history import Event, Recorder, Stored, reopen

MOST_OUTSTANDING = 32
PAUSE_S = 0.1
SETTLED_S = (0.5, 3.0, 20.0, 20.0)
"""A send is given up after one of these; until then the SDK tries again."""

CAUGHT_UP_S = 10.0
"""How long after a fault a device may lack messages: the promise."""

WHOLE_LOG = 1_000_000
PASSWORD = "a password for faults"


class Participant:
    """One device: sends to its peers and the lobby, shows what it gets."""

    def __init__(
        self,
        client: Client,
        recorder: Recorder,
        directory: Mapping[str, int],
        group: str,
        rng: random.Random,
        before: Iterable[Event] = (),
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._rng = rng
        self._peers = {ids.direct(client.user_id, user): name for name, user in directory.items()}
        self._group = group
        self._outstanding = 0
        self._n = 0
        self._revisable: list[int] = []
        self._shown: dict[str, set[int]] = defaultdict(set)
        self._starts: dict[str, int] = {}
        for event in before:
            if event.kind == "start":
                self._starts[event.conversation] = event.seq
            elif event.kind == "receive":
                self._shown[event.conversation].add(event.seq)

    @property
    def conversations(self) -> list[str]:
        return [ids.LOBBY, self._group, *self._peers]

    async def declare_starts(self) -> None:
        """What is in the logs by now need not be shown, unless a run before this one has said where it starts."""
        for conversation in self.conversations:
            if conversation in self._starts:
                continue
            newest = await self._log(conversation, 1)
            self._starts[conversation] = newest[0].seq if newest else 0
            self._recorder.record("start", conversation=conversation, seq=self._starts[conversation])

    async def _log(self, conversation: str, limit: int) -> list[Message]:
        """The newest messages, asked for until somebody answers."""
        while True:
            try:
                return [message async for message in self._client.history(conversation, limit)]
            except Refused:
                return []
            except Unavailable:
                await trio.sleep(0.1)

    async def listen(self) -> None:
        """Show what comes, until the client ends."""
        async for message in self._client.messages():
            self._recorder.receive(message.conversation, _stored(message))
            self._shown[message.conversation].add(message.seq)

    async def talk(self, stop: trio.Event, pause_s: float = PAUSE_S) -> None:
        """Send now and then, without waiting for the answers, until told to stop; then wait for all of them."""
        async with trio.open_nursery() as nursery:
            while not stop.is_set():
                for _ in range(min(self._rng.choice((1, 1, 1, 4)), MOST_OUTSTANDING - self._outstanding)):
                    self._outstanding += 1
                    revises = self._revisable and self._rng.random() < 0.05
                    action = self._revise if revises else self._send
                    nursery.start_soon(action)
                with trio.move_on_after(self._rng.uniform(0.5, 1.5) * pause_s):
                    await stop.wait()

    def _next_n(self) -> int:
        """A number above all that this device has used, in earlier runs too."""
        self._n = max(self._n + 1, time.monotonic_ns())
        return self._n

    async def _send(self) -> None:
        await self._send_to(self._rng.choice(self.conversations))

    async def welcome(self) -> None:
        """Say something in the group, to be seen by whoever is in it now."""
        self._outstanding += 1
        await self._send_to(self._group)

    async def _send_to(self, conversation: str) -> None:
        n = self._next_n()
        text = f"{self._recorder.user} {self._recorder.device} {n}" + "." * self._rng.choice((0, 0, 100))
        to = self._rng.choice((conversation, self._peers.get(conversation, conversation)))
        self._recorder.send(conversation, n, text)
        try:
            receipt = await self._client.send(to, text, timeout_s=self._rng.choice(SETTLED_S))
        except Refused as refused:
            self._recorder.record("nack", n=n, text=str(refused))
        except CimError as error:
            self._recorder.record("unknown", n=n, text=str(error))
        else:
            self._recorder.ack(receipt.conversation, n, receipt.seq, receipt.client_msg_id)
            if conversation == self._group:
                self._revisable.append(receipt.seq)
        finally:
            self._outstanding -= 1

    async def _revise(self) -> None:
        """Edit or recall a message of one's own in the group. The other logs hold nothing but messages."""
        seq = self._rng.choice(self._revisable)
        try:
            with contextlib.suppress(CimError):  # Done or not: from here on either is right.
                if self._rng.random() < 0.7:
                    text = f"edited {self._next_n()}"
                    self._recorder.record("edit", conversation=self._group, seq=seq, text=text)
                    await self._client.edit(self._group, seq, text)
                else:
                    self._recorder.record("recall", conversation=self._group, seq=seq)
                    await self._client.recall(self._group, seq)
        finally:
            self._outstanding -= 1

    async def invite(self, name: str) -> None:
        await self._change("joining", "join", name, self._client.group(self._group).invite(name))

    async def kick(self, name: str) -> None:
        await self._change("leaving", "leave", name, self._client.group(self._group).kick(name))

    async def leave(self) -> None:
        await self._change("leaving", "leave", self._recorder.user, self._client.group(self._group).leave())

    async def _change(self, before: str, after: str, member: str, change: Awaitable[None]) -> None:
        """Change who takes part in the group."""
        n = self._next_n()
        self._recorder.record(before, conversation=self._group, n=n, member=member)
        try:
            await change
        except Refused as refused:
            self._recorder.record("nack", n=n, text=str(refused))
        except CimError as error:
            self._recorder.record("unknown", n=n, text=str(error))
        else:
            self._recorder.record(after, conversation=self._group, n=n, member=member)

    async def catch_up(self, timeout_s: float = CAUGHT_UP_S) -> None:
        """Read every log again; wait until all that still stands there is shown; write down both, in time or not."""
        since = time.monotonic_ns()
        with trio.move_on_after(timeout_s):
            for conversation in self.conversations:
                begun = time.monotonic_ns()
                found = await self._log(conversation, WHOLE_LOG)
                self._recorder.history(conversation, 1, begun, map(_stored, found))
                start = self._starts.get(conversation, 0)
                theirs = (message for message in found if not (self._is_mine(message) or message.recalled))
                owed = {message.seq for message in theirs if message.seq > start}
                if conversation == self._group and owed:
                    owed = {max(owed)}  # One may read what was said while one was away, and need not be shown it.
                while not owed <= self._shown[conversation]:
                    await trio.sleep(0.02)
        self._recorder.record("final", since=since)

    def _is_mine(self, message: Message) -> bool:
        return message.client_msg_id.startswith(f"{self._client.user_id}:{self._client.device}:")


def _stored(message: Message) -> Stored:
    return Stored(message.seq, message.client_msg_id, message.sender, message.text)


@contextlib.asynccontextmanager
async def participant(
    route: str,
    folder: Path,
    name: str,
    label: str,
    directory: Mapping[str, int],
    group: str,
    seed: int,
    data_dir: Path | None = None,
) -> AsyncIterator[Participant]:
    """A device that is connected and listens; it goes on where an earlier run with the same `data_dir` died."""
    path = folder / f"{label}.jsonl"
    before = reopen(path)
    with path.open("a", encoding="utf-8") as stream:
        recorder = Recorder(stream, name, label)
        recorder.record("resume" if before else "begin")
        async with connect(route, name=name, password=PASSWORD, register=True, data_dir=data_dir) as client:
            made = Participant(client, recorder, directory, group, random.Random(f"{seed} {label}"), before)
            await made.declare_starts()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(made.listen)
                yield made
                nursery.cancel_scope.cancel()


async def main(options: argparse.Namespace) -> None:
    """One device as a program."""
    stop = trio.Event()

    async def wait_for_the_end() -> None:
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            async for _ in signals:
                stop.set()
                return

    directory = json.loads(options.directory)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_for_the_end)
        async with participant(
            options.route, options.history, options.name, options.label, directory, options.group, options.seed,
            options.data,
        ) as made:  # fmt: skip
            await made.talk(stop)
            await made.catch_up()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--route", required=True)
    parser.add_argument("--history", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--label", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    trio.run(main, parser.parse_args())
