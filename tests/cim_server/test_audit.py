"""Sessions of one server compared with a real store, and ends that come before a claim is answered (I14, I15)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cim_common.store import devices, keys, sessions, settings
from cim_common.store.clock import StoreClock
from cim_common.store.flow import StoreUnavailable
from cim_common.store.sessions import Session as Record
from cim_common.wire.codes import Code
from cim_server.audit import AGAIN_S, EVERY_S, Audit, log_out, supersede
from cim_server.pump import Pump
from cim_server.sessions import Session, Sessions
from tests.cim_common.store.conftest import ALICE, Store

HERE = "s1:e1"


class Link:
    """Runs every flow at once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.up = True
        self.start = 1

    def run(self, flow: Any, done: Callable[[Any], None]) -> None:
        done(self.store.run(flow))


class Channel:
    """What an audit has to do with a connection, and its door."""

    def __init__(self) -> None:
        self.open = True
        self.door = self
        self.told: list[Any] = []

    def close(self, code: Code) -> None:
        self.open = False
        self.told.append(code)

    def superseded(self, session: Session) -> None:
        self.told.append("superseded")

    def list_changed(self, session: Session, version: int) -> None:
        session.list_version = version
        self.told.append(version)


class Bench:
    """A server's sessions on a real store, with a pump whose clock stands still."""

    def __init__(self, redis_url: str) -> None:
        self.store = Store(redis_url)
        self.pump = Pump()
        link: Any = Link(self.store)
        self.link = link
        clock = StoreClock()
        self.sessions = Sessions(self.pump, link, clock, HERE)
        self.audit = Audit(self.pump, link, clock, self.sessions)
        self.sessions.on_refused = self.audit.check

    def connect(self, device: str = "d1", version: int | None = 1) -> Session:
        channel: Any = Channel()
        session = Session(channel, ALICE, "alice", device, False, HERE, version)
        self.store.run(sessions.claim(ALICE, "alice", device, session.record, False, 1_000, version))
        self.sessions.add(session)
        return session

    def seen(self, device: str = "d1") -> int:
        return int(self.store.command("HGET", keys.devices(ALICE), device).split()[3])


@pytest.fixture
def bench(redis_url: str) -> Iterator[Bench]:
    made = Bench(redis_url)
    yield made
    made.pump.close()
    made.store.connection.disconnect()


def told(session: Session) -> list[Any]:
    channel: Any = session.channel
    found: list[Any] = channel.told
    return found


def test_a_session_that_stands_is_noted_as_in_use(bench: Bench) -> None:
    session = bench.connect()
    assert bench.seen() == 1_000
    bench.audit.run_now()
    assert bench.seen() > 1_000_000
    assert int(bench.store.command("HGET", keys.user(ALICE), "seen")) == bench.seen()
    assert told(session) == []


def test_it_is_noted_again_every_two_minutes(bench: Bench) -> None:
    bench.connect()
    bench.audit.start()
    for turn in range(2):
        bench.store.command("HSET", keys.devices(ALICE), "d1", "0 1 0 1000")
        bench.pump.timers.run(bench.pump.now + (turn + 1) * (EVERY_S + 1))
        assert bench.seen() > 1_000_000


def test_a_logout_whose_doorbell_was_lost(bench: Bench) -> None:
    phone, laptop = bench.connect("phone"), bench.connect("laptop")
    bench.store.run(devices.logout(ALICE, "phone", 2_000, True))
    bench.audit.run_now()
    assert (told(phone), told(laptop)) == ([Code.LOGGED_OUT], [])
    bench.audit.run_now()
    assert told(phone) == [Code.LOGGED_OUT]


def test_a_takeover_whose_doorbell_was_lost(bench: Bench) -> None:
    session = bench.connect()
    bench.store.run(sessions.claim(ALICE, "alice", "d1", Record("s2:e2", "c9"), False, 2_000, 1))
    bench.audit.run_now()
    bench.audit.run_now()
    assert told(session) == ["superseded"]
    assert bench.seen() == 2_000


def test_a_refused_cursor_tells_that_the_device_was_taken(bench: Bench) -> None:
    session = bench.connect()
    bench.sessions.move_cursor(session, "lobby", 1)
    bench.sessions.flush_cursors(session)
    assert told(session) == []
    bench.store.run(sessions.claim(ALICE, "alice", "d1", Record("s2:e2", "c9"), False, 2_000, 1))
    bench.sessions.move_cursor(session, "lobby", 2)
    bench.sessions.flush_cursors(session)
    assert told(session) == ["superseded"]
    assert bench.store.command("HGET", keys.cursors(ALICE, "d1"), "lobby") == b"1"


def test_a_list_that_has_moved_on_and_a_setting_changed_elsewhere(bench: Bench) -> None:
    session = bench.connect()
    bench.store.run(settings.set_flag(ALICE, "lobby", "muted", True))
    bench.store.run(settings.set_of_account(ALICE, "receipts", False))
    bench.audit.run_now()
    bench.audit.run_now()
    assert told(session) == [1]
    assert not session.receipts


def test_a_legacy_session_has_no_version_to_compare(bench: Bench) -> None:
    session = bench.connect("legacy", None)
    bench.store.command("HINCRBY", keys.user(ALICE), "tv", 5)
    bench.audit.run_now()
    assert told(session) == []


@pytest.mark.parametrize(("how", "said"), [(supersede, "superseded"), (log_out, Code.LOGGED_OUT)])
def test_a_doorbell_that_overtakes_the_reply_to_the_claim(bench: Bench, how: Any, said: Any) -> None:
    channel: Any = Channel()
    session = Session(channel, ALICE, "alice", "d1", False, HERE, 1)
    bench.sessions.claiming(session)
    bench.sessions.end(ALICE, "d1", "another", how)
    assert told(session) == []
    bench.sessions.end(ALICE, "d1", session.record.connection, how)
    assert told(session) == [said]
    bench.sessions.claimed(session)
    bench.sessions.end(ALICE, "d1", session.record.connection, how)
    assert told(session) == [said]


def test_a_claim_without_an_answer_is_given_up_when_the_store_is_back(bench: Bench) -> None:
    channel: Any = Channel()
    session = Session(channel, ALICE, "alice", "d1", False, HERE, 1)
    bench.store.run(sessions.claim(ALICE, "alice", "d1", session.record, False, 1_000, 1))
    bench.sessions.abandon(session)
    assert set(bench.store.run(sessions.of_user(ALICE))) == {"d1"}
    bench.sessions.store_back()
    assert bench.store.run(sessions.of_user(ALICE)) == {}


@pytest.mark.invariant("I22")
def test_a_session_that_an_older_copy_does_not_know_is_made_again(bench: Bench) -> None:
    forgotten, older, known = (bench.connect(device) for device in ("d1", "d2", "d3"))
    bench.store.command("HDEL", keys.sessions(ALICE), "d1")
    bench.store.command("HSET", keys.sessions(ALICE), "d2", str(Record(HERE, "before")))
    bench.link.start = 2
    bench.audit.run_now()
    assert told(forgotten) == told(older) == [Code.SESSION_LOST]
    assert told(known) == []
    bench.store.command("HSET", keys.sessions(ALICE), "d3", str(Record("s2:e1", "after")))
    bench.audit.run_now()
    assert told(known) == ["superseded"]


@pytest.mark.invariant("I22")
def test_a_list_that_went_back_is_read_from_the_beginning(bench: Bench) -> None:
    session = bench.connect()
    session.list_version = 5
    bench.audit.run_now()
    assert told(session) == []
    bench.link.start = 2
    bench.audit.run_now()
    assert told(session) == [Code.SESSION_LOST]


@pytest.mark.invariant("I15")
def test_what_is_due_while_the_store_is_away_is_done_when_it_is_back(bench: Bench) -> None:
    session = bench.connect()
    bench.store.run(sessions.claim(ALICE, "alice", "d1", Record("s2:e2", "c9"), False, 2_000, 1))
    bench.link.up = False
    bench.audit.run_now()
    assert told(session) == []
    bench.link.up = True
    bench.audit.go_on()
    assert told(session) == ["superseded"]


@pytest.mark.invariant("I15")
def test_a_check_without_an_answer_is_made_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    session = bench.connect()
    bench.store.run(sessions.claim(ALICE, "alice", "d1", Record("s2:e2", "c9"), False, 2_000, 1))
    with monkeypatch.context() as broken:
        broken.setattr(bench.link, "run", lambda flow, done: done(StoreUnavailable("gone")))
        bench.audit.run_now()
    assert told(session) == []
    bench.pump.timers.run(bench.pump.now + 2 * AGAIN_S)
    assert told(session) == ["superseded"]
