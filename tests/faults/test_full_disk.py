"""Redis's disk is full: it ends, is started again and again, and serves soon after there is space."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import trio

from cim_client import Client, connect
from cim_common import ids
from cim_common.store import entries, keys
from cim_common.wire import Code, codec
from cim_common.wire import messages as m
from tests.faults.small_disk import NewCluster, SmallDisk, kinds
from tests.faults.whole import faults
from tests.real_servers import SLOWNESS, eventually_async
from tests.system.raw import Raw

BACK_WITHIN_S = 10.0
REDIS_ENDED = "redis ended with code 1; starting it again"


class Insistent:
    """Sends to its notes by hand, one message after the other, and notes every answer."""

    def __init__(self, route: str) -> None:
        self._raw = Raw(route, "insistent").log_in()
        self.notes = ids.direct(self._raw.user, self._raw.user)
        self.acknowledged: list[str] = []
        self.answers: list[Any] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def retries(self) -> int:
        return sum(isinstance(answer, m.Retry) for answer in self.answers)

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._raw.close()

    def _work(self) -> None:
        n = 1
        while not self._stopping.is_set():
            text = f"{n} {'x' * 500}"
            answer = self._raw.say(self.notes, n, n - 1, text)
            self.answers.append(answer)
            if isinstance(answer, m.Ack):
                self.acknowledged.append(text)
                n += 1
            elif not isinstance(answer, m.Retry):
                return
            # Faster than a client that waits as it is told: more answers to look at.
            self._stopping.wait(0.05)


@pytest.fixture
def insist() -> Iterator[Callable[[str], Insistent]]:
    made: list[Insistent] = []

    def start(route: str) -> Insistent:
        made.append(Insistent(route))
        return made[-1]

    yield start
    for one in made:
        one.stop()


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
async def test_a_full_disk(
    kind: Callable[[NewCluster, Path], SmallDisk],
    new_cluster: NewCluster,
    tmp_path: Path,
    insist: Callable[[str], Insistent],
) -> None:
    disk = kind(new_cluster, tmp_path)
    cluster = disk.cluster
    async with (
        connect(cluster.route, name="anna", password="anna's password", register=True) as anna,
        connect(cluster.route, name="bert", password="bert's password", register=True) as bert,
    ):
        await anna.send("bert", "before")
        one = await trio.to_thread.run_sync(insist, cluster.route)
        await eventually_async(lambda: one.acknowledged)
        await trio.to_thread.run_sync(disk.fill)
        await eventually_async(lambda: REDIS_ENDED in cluster.said)
        posted = [await anna.post("bert", f"meanwhile {index}") for index in range(20)]
        # Long enough for the longest pause between two starts.
        await eventually_async(lambda: "starting it again in 3 s" in cluster.said, 30)
        assert all(isinstance(answer, m.Ack | m.Retry) for answer in one.answers)
        assert one.retries > 5
        assert {answer.code for answer in one.answers if isinstance(answer, m.Retry)} <= {
            Code.STORE_UNAVAILABLE,
            Code.OUTCOME_UNKNOWN,
        }

        await trio.to_thread.run_sync(disk.free)
        freed, known = time.monotonic(), len(one.acknowledged)
        with trio.fail_after(BACK_WITHIN_S * SLOWNESS):
            assert [message.client_msg_id for message in await shown(bert, 21)][1:] == posted
            while len(one.acknowledged) == known:
                await trio.sleep(0.02)
        print(f"served {time.monotonic() - freed:.1f} s after there was space")
        await trio.to_thread.run_sync(one.stop)
    for client in anna, bert:
        states = [event.state async for event in client.events() if event.kind == "connection"]
        assert states == ["connected", "closed"]
    assert not re.search(r"(s\d|route) (ended|killed)", cluster.said)
    store = cluster.redis()
    assert faults(store) == []
    # The last one may be stored without its answer having come.
    assert texts(store, one.notes)[: len(one.acknowledged)] == one.acknowledged
    store.close()


def texts(store: "redis.Redis", conversation: str) -> list[str]:
    found: Any = store.xrange(keys.log(conversation))
    stored = [entries.parse((b"e", fields[b"e"])) for _, fields in found]
    return [codec.decode_entry(codec.entry_bytes(entry.meta, entry.content, 1)).text for entry in stored]


async def shown(client: Client, count: int) -> list[Any]:
    found: list[Any] = []
    async for message in client.messages():
        found.append(message)
        if len(found) == count:
            break
    return found
