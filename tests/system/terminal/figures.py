"""What it feels like, in figures: `python -m tests.system.terminal.figures [echo] [start] [search]`.

A cluster and the real program in a pty, as everything in this folder; nothing is asserted, for a machine may be busy.

echo    a key is written to the pty; until its echo comes out, while messages arrive at a rate
start   from the start of the process until its prompt, and until it is connected, with messages kept on the device
search  `:q` with words, in the same messages, from Enter until the answer comes out
"""

import argparse
import multiprocessing
import os
import random
import select
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

import cim_client
from cim_client.store.opening import open_store
from cim_client.terminal.login import Account
from cim_client.views import Passed
from cim_common import ids
from cim_common.wire.messages import Entry
from tests.system.cluster import Cluster
from tests.system.people import PASSWORD
from tests.system.terminal.chats import CONNECTED, Chat, friend, settings

SENDERS = 5
"""A sender may write 200 messages a second to a conversation."""

KEYS = "".join(chr(0x4E00 + number) for number in range(40))
"""Typed one after the other: no message contains them, so that nothing else can be taken for their echo."""

KEY_EVERY_S = 0.08
"""Quick typing: 12 keys a second."""

GIVEN_UP_S = 10.0

KEPT = 100_000
STARTS = 7
SEARCHES = 5

WORDS = (
    "river", "stone", "morning", "train", "release", "coffee", "window", "never", "always", "tomorrow", "the", "and",
    "with", "deploy", "broken", "again", "lunch", "garden", "paper", "cloud", "market", "letter", "island", "winter",
)  # fmt: skip

CLEAR_LINE = "\x15"
NAME = "alice"


async def _rain(route: str, rate: float) -> None:
    """Messages of `SENDERS` people to the lobby, evenly, until the process is ended."""

    async def send(number: int) -> None:
        async with cim_client.connect(route, name=f"rain{number}", password=PASSWORD, register=True) as me:
            sent, start = 0, trio.current_time()
            while True:
                while sent < (trio.current_time() - start) * rate / SENDERS:
                    await me.post("lobby", f"drop {sent} of {number} falls and sounds like all the others")
                    sent += 1
                await trio.sleep(0.01)

    async with trio.open_nursery() as nursery:
        for number in range(SENDERS):
            nursery.start_soon(send, number)


@contextmanager
def raining(route: str, rate: float) -> Iterator[None]:
    """Messages arrive at a rate meanwhile, from another process."""
    if not rate:
        yield
        return
    process = multiprocessing.get_context("spawn").Process(target=trio.run, args=(_rain, route, rate), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


class RawChat(Chat):
    """A chat whose output is only searched: an emulator in this process would take the time that is measured."""

    raw = b""
    drops = 0
    searching = False

    def read(self, timeout_s: float) -> None:
        if not self.searching:
            super().read(timeout_s)
            return
        while select.select([self._master], [], [], timeout_s)[0]:
            data = os.read(self._master, 65_536)
            self.drops += (self.raw[-4:] + data).count(b"drop ")
            self.raw = self.raw[-4:] + data
            timeout_s = 0

    def key(self, key: str, *answers: str) -> float:
        """Seconds until the key's echo, or one of the answers to it, comes out."""
        wanted = [answer.encode() for answer in answers or (key,)]
        self.raw = b""
        began = time.perf_counter()
        self.type(key)
        while time.perf_counter() - began < GIVEN_UP_S:
            if select.select([self._master], [], [], 1)[0]:
                data = os.read(self._master, 65_536)
                now = time.perf_counter()
                self.drops += (self.raw[-4:] + data).count(b"drop ")
                self.raw = self.raw[-4:] + data
                if any(answer in self.raw for answer in wanted):
                    return now - began
        return GIVEN_UP_S

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def echo(cluster: Cluster, data: Path, seconds: float) -> None:
    for rate in (0, 100, 500):
        chat = RawChat(NAME, settings(cluster, data))
        chat.until_bar(CONNECTED)
        chat.searching = True
        with raining(cluster.route, rate):
            until = time.monotonic() + 30
            while rate and not chat.drops and time.monotonic() < until:
                chat.read(0.1)
            _settle(chat)
            delays, shown, took, cpu = _type(chat, seconds)
        ordered = sorted(delays)
        print(
            f"echo at {rate:3} messages/s: p50 {1000 * statistics.median(ordered):.1f} ms, "
            f"p99 {1000 * ordered[int(len(ordered) * 0.99)]:.1f} ms, most {1000 * ordered[-1]:.1f} ms "
            f"({len(ordered)} keys; {shown / took:.0f} messages/s shown; {100 * cpu / took:.0f} % of a CPU)",
            flush=True,
        )
        chat.searching = False
        chat.kill()
        chat.close()


def _settle(chat: RawChat, seconds: float = 2.0) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        chat.read(0.05)


def _type(chat: RawChat, seconds: float) -> tuple[list[float], int, float, float]:
    """Delays of the keys, messages shown meanwhile, the time it took, and the CPU time of the chat."""
    delays: list[float] = []
    began, cpu, drops = time.monotonic(), chat.cpu_s(), chat.drops
    while time.monotonic() < began + seconds:
        for key in KEYS:
            delays.append(chat.key(key))
            next_at = time.monotonic() + KEY_EVERY_S * (0.5 + random.random())
            while (left := next_at - time.monotonic()) > 0:
                if select.select([chat._master], [], [], left)[0]:
                    chat.read(0)
        chat.type(CLEAR_LINE)
        chat.read(0.3)
    took = time.monotonic() - began
    return delays, chat.drops - drops, took, chat.cpu_s() - cpu


def _filled(cluster: Cluster, data: Path) -> None:
    """Keep `KEPT` messages of a conversation with Bob on Alice's device, as they are kept when they come."""
    chat = Chat(NAME, settings(cluster, data))
    chat.until_bar(CONNECTED)
    chat.leave()
    chat.close()
    with friend(cluster, NAME) as alice, friend(cluster, "bob") as bob:
        conversation, sender = ids.direct(alice.user_id, bob.user_id), bob.user_id
    account = Account(str(data), cluster.route, NAME)
    account.claim()
    store = open_store(account.device_folder, cluster.route, NAME, keep_messages=True)
    source = random.Random(1)
    time_ms = time.time_ns() // 1_000_000 - KEPT * 60_000
    for first in range(1, KEPT + 1, 500):
        keeps = [
            Passed(conversation, Entry(seq, sender, "bob", "d", seq, time_ms + seq * 60_000, _words(source, seq)), 0)
            for seq in range(first, first + 500)
        ]
        store.set_positions([], keeps)
    store.close()
    account.release()


def _words(source: random.Random, seq: int) -> str:
    """Something like a message: some words, one in a hundred with Chinese, one in 20,000 with the needle."""
    words = [source.choice(WORDS) for _ in range(source.randint(3, 20))]
    if seq % 100 == 0:
        words.append("明天的会议改到下午")
    if seq % 20_000 == 0:
        words.append("needle")
    return " ".join(words)


def start(cluster: Cluster, data: Path, seconds: float) -> None:
    _filled(cluster, data)
    prompts, connections = [], []
    for _ in range(STARTS):
        began = time.perf_counter()
        chat = Chat(NAME, settings(cluster, data))
        chat.until(lambda screen: "lobby" in screen)
        prompts.append(time.perf_counter() - began)
        chat.until_bar(CONNECTED)
        connections.append(time.perf_counter() - began)
        chat.leave()
        chat.close()
    kept = f"start with {KEPT:,} messages kept"
    print(f"{kept}: prompt {_spread(prompts)}, connected {_spread(connections)}", flush=True)


def search(cluster: Cluster, data: Path, seconds: float) -> None:
    if not data.exists():
        _filled(cluster, data)
    chat = RawChat(NAME, settings(cluster, data))
    chat.until_bar(CONNECTED)
    chat.searching = True
    for sought in ("needle", "会议", "river", "river stone", "no such words"):
        delays = []
        for _ in range(SEARCHES):
            chat.read(0.1)
            chat.type(f":q {sought}")
            _settle(chat, 0.3)
            delays.append(chat.key("\r", "#", "nothing was found"))
            _settle(chat, 0.2)
        print(f"search for {sought!r} in {KEPT:,} messages: {_spread(delays)}", flush=True)
    chat.kill()
    chat.close()


def _spread(found: list[float]) -> str:
    return f"{1000 * statistics.median(found):.0f} ms ({1000 * min(found):.0f} to {1000 * max(found):.0f})"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.system.terminal.figures", description=__doc__)
    parser.add_argument("figures", nargs="*", choices=[*FIGURES, []], default=list(FIGURES))
    parser.add_argument("--seconds", type=float, default=20.0, help="how long is typed at each rate")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "cluster").mkdir()
        cluster = Cluster(place / "cluster")
        try:
            for name in chosen.figures:
                FIGURES[name](cluster, place / "data", chosen.seconds)
        finally:
            cluster.stop()


FIGURES = {"echo": echo, "start": start, "search": search}

if __name__ == "__main__":
    main()
