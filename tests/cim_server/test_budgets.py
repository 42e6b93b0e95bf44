"""Spending leases on one server (I17), with a scripted store."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cim_common.store.budgets import REQUESTS, SENDS, Lease
from cim_common.store.clock import StoreClock
from cim_common.store.flow import StoreUnavailable
from cim_common.wire.codes import Code
from cim_common.wire.messages import Cursor, Resolve
from cim_server.budgets import ASKING_MS, CREDIT_PART, Budgets
from cim_server.pump import Pump
from cim_server.sessions import Session


class Link:
    """Keeps what was asked; the test answers."""

    def __init__(self) -> None:
        self.asked: list[Callable[[Any], None]] = []

    def run(self, flow: Any, done: Callable[[Any], None]) -> None:
        flow.close()
        self.asked.append(done)


class Channel:
    def __init__(self) -> None:
        self.session: Any = None
        self.frames: list[bytes] = []

    def enqueue(self, frame: bytes) -> None:
        self.frames.append(frame)


class Bench:
    """Budgets with a link that waits and a pump whose clock stands still."""

    def __init__(self) -> None:
        self.link = Link()
        self.pump = Pump()
        self.budgets = Budgets(self.pump, self.link, StoreClock())  # type: ignore[arg-type]

    def session(self, user: int = 7, device: str = "d1", unmetered: bool = False) -> Session:
        channel = Channel()
        channel.session = Session(channel, user, "anna", device, False, "s1:e", 1, unmetered)  # type: ignore[arg-type]
        made: Session = channel.session
        return made


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.pump.close()


def test_a_lease_is_asked_for_once_and_what_passes_meanwhile_is_bounded(bench: Bench) -> None:
    purse = bench.budgets.of(bench.session()).sends
    credit = SENDS.lease // CREDIT_PART
    assert [purse.spend() for _ in range(credit)] == [0] * credit
    assert (purse.spend(), purse.spend()) == (ASKING_MS, ASKING_MS)
    assert len(bench.link.asked) == 1
    bench.link.asked.pop()(Lease(SENDS.lease, 0))
    left = SENDS.lease - credit
    assert [purse.spend() for _ in range(left)] == [0] * left
    assert not bench.link.asked
    purse.spend()
    assert len(bench.link.asked) == 1


def test_a_refusal_says_when_and_nothing_passes_until_then(bench: Bench) -> None:
    purse = bench.budgets.of(bench.session()).sends
    assert purse.spend() == 0
    bench.link.asked.pop()(Lease(0, 2_000))
    assert 2_000 <= purse.spend() <= 2_001
    bench.pump.now += 1.5
    assert 500 <= purse.spend() <= 501
    assert not bench.link.asked
    bench.pump.now += 0.6
    assert purse.spend() == 0
    bench.link.asked.pop()(Lease(SENDS.lease + 2, 0))
    assert purse.left == SENDS.lease


def test_without_a_store_the_credit_is_not_given_twice(bench: Bench) -> None:
    purse = bench.budgets.of(bench.session()).sends
    passed = 0
    for _ in range(5):
        while purse.spend() == 0:
            passed += 1
        if bench.link.asked:
            bench.link.asked.pop()(StoreUnavailable("away"))
        bench.pump.now += 2
    assert passed == SENDS.lease // CREDIT_PART


def test_a_users_connections_share_a_budget_which_outlives_them(bench: Bench) -> None:
    one, two, other = bench.session(), bench.session(device="d2"), bench.session(user=8)
    budget = bench.budgets.of(one)
    assert bench.budgets.of(two) is budget
    assert bench.budgets.of(other) is not budget
    for session in (one, two):
        bench.budgets.ended(session)
    del one, two, session
    assert bench.budgets.of(bench.session()) is budget


def test_budgets_of_users_who_left_longest_ago_are_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cim_server.budgets.REMEMBERED", 2)
    budgets = {}
    for user in (1, 2, 1, 3, 4):
        session, second = bench.session(user), bench.session(user, "d2")
        budgets[user] = bench.budgets.of(session)
        assert bench.budgets.of(second) is budgets[user]
        for one in (session, second):
            bench.budgets.ended(one)
    assert bench.budgets.kept == 2
    assert bench.budgets.of(bench.session(3)) is budgets[3]
    assert bench.budgets.of(bench.session(4)) is budgets[4]
    assert bench.budgets.of(bench.session(1)) is not budgets[1]


def test_unmetered_users_spend_without_end_and_ask_the_store_for_nothing(bench: Bench) -> None:
    session, seen = bench.session(unmetered=True), []
    budget = bench.budgets.of(session)
    for purse in (budget.sends, budget.requests, budget.syncs):
        assert {purse.spend() for _ in range(2 * SENDS.burst)} == {0}
    table = bench.budgets.limited({Resolve: lambda _, event: seen.append(event)})
    for request in range(2 * REQUESTS.burst):
        table[Resolve](session.channel, Resolve(request, "bob"))
    assert len(seen) == 2 * REQUESTS.burst
    bench.budgets.ended(session)
    assert (bench.link.asked, bench.budgets.leases, bench.budgets.kept) == ([], 0, 0)
    metered = bench.budgets.of(bench.session()).sends
    assert any(metered.spend() for _ in range(SENDS.lease)), "of the same user, who is metered now"


def test_requests_are_charged_and_what_has_no_number_is_not(bench: Bench) -> None:
    session, seen = bench.session(), []
    table = bench.budgets.limited({Resolve: lambda _, event: seen.append(event), Cursor: print})
    assert table[Cursor] is print
    for request in range(REQUESTS.lease // CREDIT_PART + 1):
        table[Resolve](session.channel, Resolve(request, "bob"))
    assert len(seen) == REQUESTS.lease // CREDIT_PART
    (frame,) = session.channel.frames  # type: ignore[attr-defined]
    assert Code.REQUEST_LIMIT.sentence.encode() in frame
