"""Limits of a user over all conversations and servers (I17): held, answered with a time, over when it has passed."""

import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import trio

from cim_client import connect
from cim_common.store import keys
from cim_common.store.budgets import REQUESTS, SENDS, SYNCS
from cim_common.wire import Code
from cim_common.wire import messages as m
from cim_server.budgets import ASKING_MS, CREDIT_PART
from tests.real_servers import SLOWNESS
from tests.system.cluster import Cluster
from tests.system.raw import PASSWORD, Raw, call

AT_ONCE = 50
SENDER_BURST = 2_000
"""Messages of one sender in one conversation at once (docs/operations.md)."""


@pytest.fixture
def join(cluster: Cluster) -> Iterator[Callable[..., Raw]]:
    """Logs people in: `join(name, device, servers to avoid)`; their connections end with the test."""
    made: list[Raw] = []

    def log_in(*who: Any) -> Raw:
        made.append(Raw(cluster.route, *who))
        return made[-1].log_in()

    yield log_in
    for person in made:
        person.close()


class Flood:
    """A device that sends as much as it can into several conversations until it is told to wait."""

    def __init__(self, person: Raw, conversations: list[str]) -> None:
        self.person = person
        self.conversations = conversations
        self.n = 0
        self.stored = 0
        self.retry: m.Retry | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while self.retry is None:
            self._round()

    def _round(self) -> None:
        sends = []
        for conversation in self.conversations * AT_ONCE:
            self.n += 1
            sends.append(m.Send(conversation, self.n, 0, f"text {self.n}"))
        self.person.send(*sends)
        for _ in sends:
            while not isinstance(answer := self.person.next(), m.Ack | m.Retry):
                assert isinstance(answer, m.ConversationsChanged)
            if isinstance(answer, m.Ack):
                self.stored += 1
            else:
                assert answer.code == Code.SENDER_LIMIT
                if answer.after_ms > ASKING_MS:
                    self.retry = answer


def test_a_flood_over_conversations_and_servers_is_held_and_hurts_nobody_else(join: Callable[..., Raw]) -> None:
    others = [join(name) for name in ("ada", "ben", "cleo")]
    first = join("storm", "d1")
    second = join("storm", "d2", [first.server])
    assert first.server != second.server
    conversations = [first.with_(other) for other in others]
    began = time.monotonic()
    floods = [Flood(first, conversations), Flood(second, conversations)]
    calm = join("calm")
    n = 0
    while any(flood.thread.is_alive() for flood in floods):
        n += 1
        assert isinstance(calm.say(calm.with_(others[0]), n, n - 1, "excuse me"), m.Ack)
        assert time.monotonic() < began + 60 * SLOWNESS
        time.sleep(0.02)
    took = time.monotonic() - began
    stored = sum(flood.stored for flood in floods)
    ahead = len(floods) * (SENDS.lease + SENDS.lease // CREDIT_PART)
    assert SENDS.burst - 2 * SENDS.lease <= stored <= SENDS.burst + SENDS.per_s * took + ahead
    for flood in floods:
        goes_on(flood)


def goes_on(flood: Flood) -> None:
    """Whoever waits as told is served again."""
    answer, deadline = flood.retry, time.monotonic() + 20 * SLOWNESS
    while isinstance(answer, m.Retry):
        assert time.monotonic() < deadline
        time.sleep(answer.after_ms / 1000)
        flood.n += 1
        answer = flood.person.say(flood.conversations[0], flood.n, 0, "patience")
    assert isinstance(answer, m.Ack)


def test_requests_are_limited_and_said_when_to_come_back(join: Callable[..., Raw]) -> None:
    nosy, calm = join("nosy"), join("calm")
    asked = 2 * REQUESTS.burst
    nosy.send(*[m.Resolve(request, "calm") for request in range(1, asked + 1)])
    answers = [nosy.next() for _ in range(asked)]
    refused = [answer for answer in answers if isinstance(answer, m.Failed)]
    assert refused
    assert all(answer.code == Code.REQUEST_LIMIT and answer.after_ms > 0 for answer in refused)
    calm.send(m.Resolve(1, "nosy"))
    assert isinstance(calm.next(), m.Resolved)
    answer, deadline = refused[-1], time.monotonic() + 20 * SLOWNESS
    while isinstance(answer, m.Failed):
        assert time.monotonic() < deadline
        time.sleep(answer.after_ms / 1000)
        nosy.send(m.Resolve(asked + 1, "calm"))
        answer = nosy.next()
    assert isinstance(answer, m.Resolved)


def test_pages_of_new_messages_are_limited(join: Callable[..., Raw]) -> None:
    greedy, calm = join("greedy"), join("calm")
    notes = greedy.with_(greedy)
    head = greedy.say(notes, 1, 0, "a note").seq
    assert len(greedy.sync(notes, 0)) == head
    refused: list[m.Failed] = []
    began, asked = time.monotonic(), 0
    while not any(failed.after_ms > ASKING_MS for failed in refused):
        greedy.send(*[m.Sync(notes, head, 0)] * AT_ONCE)
        answers = [greedy.until((m.Page, m.Failed)) for _ in range(AT_ONCE)]
        asked += AT_ONCE
        refused += [answer for answer in answers if isinstance(answer, m.Failed)]
    took = time.monotonic() - began
    assert asked - len(refused) <= SYNCS.burst + SYNCS.per_s * took + SYNCS.lease + SYNCS.lease // CREDIT_PART
    assert {(failed.code, failed.conversation) for failed in refused} == {(Code.REQUEST_LIMIT, notes)}
    assert calm.sync("lobby", 0) == []
    assert isinstance(greedy.say(notes, 2, 1, "still sends"), m.Ack)
    time.sleep(refused[-1].after_ms / 1000)
    greedy.send(m.Sync(notes, head, 0))
    assert isinstance(greedy.until((m.Page, m.Failed)), m.Page)


@pytest.mark.invariant("I3", "I17")
def test_an_operator_lifts_the_limits_of_accounts_and_of_nobody_they_talk_to(
    cluster: Cluster, join: Callable[..., Raw]
) -> None:
    made = provisioned(cluster, ["Load", "load2"])
    load, other, metered = Raw.of(made[0]), Raw.of(made[1]), join("metered")
    shared = load.with_(metered)
    for person, conversation in ((load, shared), (other, "lobby")):
        parts = [range(first, first + AT_ONCE) for first in range(1, SENDER_BURST + 501, AT_ONCE)]
        answers = [answer for part in parts for answer in said(person, conversation, part)]
        assert [type(answer) for answer in answers] == [m.Ack] * (SENDER_BURST + 500)
    limited = Flood(metered, [shared])
    limited.thread.join(60 * SLOWNESS)
    assert limited.retry is not None
    store = cluster.redis()
    assert [store.exists(keys.limits(person.user)) for person in (load, other, metered)] == [0, 0, 1]
    store.close()
    for person in (load, other):
        person.close()


def provisioned(cluster: Cluster, names: list[str]) -> list[dict[str, Any]]:
    """Unmetered accounts, as the operator of the cluster gets them."""
    token = Path(cluster.ready["operator_token_file"]).read_text().strip()
    body = {"names": names, "device_id": "d1", "unmetered": True}
    status, answer = call(cluster.route, "POST", "/operator/v1/accounts", body, Authorization=f"Bearer {token}")
    assert status == HTTPStatus.OK, answer
    accounts: list[dict[str, Any]] = answer["accounts"]
    return accounts


def said(person: Raw, conversation: str, numbers: range) -> list[Any]:
    """Send so many at once; their answers."""
    person.send(*[m.Send(conversation, n, n - 1, f"text {n}") for n in numbers])
    return [person.until((m.Ack, m.Nack, m.Retry)) for _ in numbers]


async def test_the_sdk_waits_as_it_is_told(cluster: Cluster) -> None:
    async with connect(cluster.route, name="keen", password=PASSWORD, register=True) as keen:
        seq = (await keen.send("keen", "a note")).seq
        found: list[int] = []

        async def look() -> None:
            found.extend([message.seq async for message in keen.history("keen", limit=1)])

        with trio.fail_after(60 * SLOWNESS):
            async with trio.open_nursery() as nursery:
                for _ in range(REQUESTS.burst + 2 * REQUESTS.lease):
                    nursery.start_soon(look)
        assert found == [seq] * (REQUESTS.burst + 2 * REQUESTS.lease)
