"""The long poll for events, on a real log."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from cim_common import ids
from cim_common.store import entries, event_positions, keys
from cim_common.store.entries import LogEntry
from cim_common.store.event_positions import Position
from cim_common.wire.codes import Code
from cim_route import events, watcher
from cim_route.events import positions_of, token_of
from tests.cim_route.conftest import Program, Route
from tests.real_servers import RealRedis, eventually


class Listener:
    """Takes events as a program does: each call acknowledges the answer before."""

    def __init__(self, program: Program, query: str = "") -> None:
        self.program, self.query = program, query
        self.ack = ""
        self.reset = False
        self.last: list[dict[str, Any]] = []

    def poll(self, wait_s: float = 0, acknowledge: bool = True) -> list[dict[str, Any]]:
        ack = f"&ack={self.ack}" if self.ack and acknowledge else ""
        answer = self.program.done("GET", f"/events?wait_s={wait_s}{ack}{self.query}")
        self.ack, self.reset, self.last = answer["ack"], answer["reset"], answer["events"]
        return self.last

    def texts(self, wait_s: float = 0) -> list[str]:
        return [event["text"] for event in self.poll(wait_s) if event["kind"] == "message"]

    def in_the_background(self, wait_s: float = 50) -> threading.Thread:
        thread = threading.Thread(target=self.poll, args=(wait_s,))
        thread.start()
        return thread


@pytest.fixture
def bob(people: list[Program]) -> Listener:
    """bob, who has written with alice and listens from here on."""
    people[0].done("POST", "/messages", {"to": "bob", "text": "before"})
    listener = Listener(people[1])
    assert listener.poll() == []
    return listener


@pytest.fixture
def store(redis_url: str) -> Iterator["redis.Redis"]:
    client = redis.Redis.from_url(redis_url)
    yield client
    client.close()


def test_events_come_until_they_are_acknowledged(people: list[Program], bob: Listener) -> None:
    alice = people[0]
    for text in ("one", "two"):
        alice.done("POST", "/messages", {"to": "bob", "text": text})
    assert bob.texts() == ["one", "two"]
    assert [event["text"] for event in bob.poll(acknowledge=False)] == ["one", "two"]
    alice.done("POST", "/messages", {"to": "bob", "text": "three"})
    old = bob.ack
    assert bob.texts() == ["three"]
    assert bob.texts() == []
    bob.ack = old
    assert bob.texts() == []
    event = people[2].done("GET", "/events")
    assert (event["events"], event["reset"]) == ([], False)


def test_an_event_has_what_an_entry_says(people: list[Program], bob: Listener) -> None:
    alice = people[0]
    made = alice.done("POST", "/groups", {"name": "ops", "topic": "x", "members": ["bob"]})
    alice.done("PATCH", f"/groups/{made['conversation']}", {"name": "night"})
    created, renamed = bob.poll()
    assert created["targets"] == [{"user_id": str(bob.program.user), "name": "bob"}]
    assert (created["kind"], created["text"], created["topic"], created["seq"]) == ("created", "ops", "x", 1)
    assert (renamed["kind"], renamed["text"], renamed["sender"]) == ("renamed", "night", "alice")
    assert created["conversation"] == made["conversation"]


def test_invited_one_begins_where_one_joined_and_kicked_it_ends(people: list[Program], bob: Listener) -> None:
    alice = people[0]
    group = alice.done("POST", "/groups", {"name": "ops", "members": ["carol"]})["conversation"]
    alice.done("POST", "/messages", {"to": group, "text": "before bob"})
    alice.done("POST", f"/groups/{group}/members", {"names": ["bob"]})
    alice.done("POST", "/messages", {"to": group, "text": "hello bob"})
    assert [(event["kind"], event["seq"]) for event in bob.poll()] == [("joined", 3), ("message", 4)]
    alice.done("DELETE", f"/groups/{group}/members/bob")
    alice.done("POST", "/messages", {"to": group, "text": "behind his back"})
    (kicked,) = bob.poll()
    assert (kicked["kind"], kicked["targets"][0]["name"]) == ("kicked", "bob")
    assert bob.poll() == []
    alice.done("POST", f"/groups/{group}/members", {"names": ["bob"]})
    assert [(event["kind"], event.get("first"), event.get("last")) for event in bob.poll()] == [
        ("gap", 6, 6), ("joined", None, None),
    ]  # fmt: skip
    assert bob.last[0]["reason"] == "NOT_A_MEMBER"


def test_a_first_direct_message_is_no_surprise(people: list[Program], bob: Listener) -> None:
    people[3].done("POST", "/messages", {"to": "bob", "text": "we have not met"})
    assert bob.texts() == ["we have not met"]


def test_the_lobby_only_when_asked_for(people: list[Program], bob: Listener) -> None:
    people[0].done("POST", "/messages", {"to": "lobby", "text": "first"})
    assert bob.texts() == []
    with_lobby = Listener(bob.program, "&lobby=1")
    assert with_lobby.texts() == []
    people[0].done("POST", "/messages", {"to": "lobby", "text": "second"})
    assert bob.texts() == []
    assert with_lobby.texts() == ["second"]


def test_limits_are_shared_among_conversations(people: list[Program], bob: Listener) -> None:
    group = people[0].done("POST", "/groups", {"name": "ops", "members": ["bob"]})["conversation"]
    for n in range(6):
        people[0].done("POST", "/messages", {"to": "bob", "text": f"d{n}"})
        people[0].done("POST", "/messages", {"to": group, "text": f"g{n}"})
    bob.query = "&limit=4"
    seen: dict[str, list[int]] = {}
    while found := bob.poll():
        assert len(found) <= 4
        for event in found:
            seen.setdefault(event["conversation"], []).append(event["seq"])
    assert seen == {
        group: list(range(1, 8)), ids.direct(people[0].user, bob.program.user): list(range(2, 8)),
    }  # fmt: skip


def test_waiting_ends_with_the_first_event(people: list[Program], bob: Listener) -> None:
    thread = bob.in_the_background()
    eventually(lambda: bob_waits(people))
    people[0].done("POST", "/messages", {"to": "bob", "text": "wake up"})
    thread.join(20)
    assert [event["text"] for event in bob.last] == ["wake up"]
    thread = bob.in_the_background()
    eventually(lambda: bob_waits(people))
    people[2].done("POST", "/groups", {"name": "new", "members": ["bob"]})
    thread.join(20)
    assert [event["kind"] for event in bob.last] == ["created"]
    thread = bob.in_the_background()
    eventually(lambda: bob_waits(people))
    people[3].done("POST", "/messages", {"to": "bob", "text": "first contact"})
    thread.join(20)
    assert [event["text"] for event in bob.last] == ["first contact"]


def bob_waits(people: list[Program]) -> bool:
    return any(one.primed and not one.over for one in people[0].route.watcher._waiting)


def test_waiting_in_vain(bob: Listener) -> None:
    assert bob.poll(wait_s=0.6) == []


def test_a_newer_call_of_the_device_ends_the_older(people: list[Program], bob: Listener) -> None:
    thread = bob.in_the_background()
    eventually(lambda: bob_waits(people))
    assert Listener(bob.program).poll(wait_s=0.3) == []
    thread.join(20)
    assert not thread.is_alive()


def test_what_comes_while_calls_come_and_go_is_never_missed(people: list[Program], bob: Listener) -> None:
    """Every message is sent at another moment of a call."""
    done = threading.Event()

    def chat() -> None:
        for n in range(60):
            people[0].done("POST", "/messages", {"to": "bob", "text": str(n)})
            time.sleep(n % 7 / 100)
        done.set()

    thread = threading.Thread(target=chat)
    thread.start()
    seen: list[str] = []
    deadline = time.monotonic() + 60
    while len(seen) < 60 and time.monotonic() < deadline:
        seen += bob.texts(wait_s=5)
    thread.join()
    assert seen == [str(n) for n in range(60)]


def test_too_many_wait(people: list[Program], bob: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "MAX_WAITING", 1)
    thread = bob.in_the_background()
    eventually(lambda: bob_waits(people))
    alice = Listener(people[0])
    status, answer = people[0].call("GET", "/events?wait_s=5")
    assert (status, answer["code"]) == (429, Code.TOO_MANY_WAITING)
    assert alice.poll() == []
    people[2].done("POST", "/messages", {"to": "alice", "text": "x"})
    assert alice.texts(wait_s=5) == ["x"]
    people[0].route.watcher.close()
    thread.join(20)
    assert bob.last == []


def test_positions_unused_for_a_day_are_gone(people: list[Program], bob: Listener, store: "redis.Redis") -> None:
    key = keys.event_positions(bob.program.user, bob.program.device)
    assert 0 < int(store.ttl(key)) <= event_positions.KEPT_S
    people[0].done("POST", "/messages", {"to": "bob", "text": "one"})
    assert bob.texts() == ["one"]
    store.delete(key)
    people[0].done("POST", "/messages", {"to": "bob", "text": "two"})
    assert (bob.poll(), bob.reset) == ([], True)
    people[0].done("POST", "/messages", {"to": "bob", "text": "three"})
    assert (bob.texts(), bob.reset) == (["three"], False)


def test_a_token_moves_forward_only_and_not_above_the_head(people: list[Program], bob: Listener) -> None:
    alice = people[0]
    direct = ids.direct(alice.user, bob.program.user)
    alice.done("POST", "/messages", {"to": "bob", "text": "one"})
    bob.poll()
    (at,) = positions_of(bob.ack).values()
    for forged in (Position(99, at.incarnation), Position(99, at.incarnation + 1)):
        bob.ack = token_of({direct: forged, "lobby": Position(5, 1), "x": Position(5, 1)})
        bob.poll()
    alice.done("POST", "/messages", {"to": "bob", "text": "two"})
    assert bob.texts() == ["two"]


@pytest.mark.parametrize("token", ["x", "é", "eJw=", token_of({"x": Position(-1, 1)}), "eJyLBQAAjgBG"])
def test_no_token(bob: Listener, token: str) -> None:
    status, answer = bob.program.call("GET", f"/events?ack={token}")
    assert (status, answer["code"]) == (422, Code.BAD_REQUEST)
    for query in ("wait_s=61", "wait_s=-1", "wait_s=nan", "wait_s=inf", "limit=0", "limit=201", "lobby=maybe"):
        assert bob.program.refused("GET", f"/events?{query}") == Code.BAD_REQUEST, query
    assert bob.program.done("GET", "/events?ack=")["reset"] is False


def test_a_store_that_was_set_back_is_told(people: list[Program], bob: Listener, store: "redis.Redis") -> None:
    alice = people[0]
    direct = ids.direct(alice.user, bob.program.user)
    for text in ("one", "two", "three"):
        alice.done("POST", "/messages", {"to": "bob", "text": text})
    bob.poll()
    bob.poll()
    store.hset(keys.conv(direct), mapping={"l": 2})
    store.xtrim(keys.log(direct), maxlen=0)
    store.delete(keys.log(direct))
    field, value = entries.fields_of(LogEntry(0, 0, 2, b"", b"\x8a\x01\x01x"))
    store.xadd(keys.log(direct), {field: value}, id="2-0")
    (rewound,) = bob.poll()
    assert rewound == {"conversation": direct, "kind": "rewound", "seq": 2}
    alice.done("POST", "/messages", {"to": "bob", "text": "again"})
    assert bob.texts() == ["again"]


def test_what_retention_has_removed_is_a_gap(people: list[Program], bob: Listener, store: "redis.Redis") -> None:
    direct = ids.direct(people[0].user, bob.program.user)
    for text in ("two", "three", "four"):
        people[0].done("POST", "/messages", {"to": "bob", "text": text})
    store.hset(keys.conv(direct), "f", 4)
    store.xtrim(keys.log(direct), minid="4-0")
    gap, message = bob.poll()
    assert gap == {"conversation": direct, "kind": "gap", "first": 2, "last": 3, "reason": "EXPIRED"}
    assert (message["seq"], message["text"]) == (4, "four")
    assert bob.poll() == []
    page = bob.program.done("GET", "/conversations/@alice/messages")
    assert page["gaps"] == [{"first": 1, "last": 3, "reason": "EXPIRED"}]


def test_a_long_list_is_answered_in_parts(people: list[Program], bob: Listener, monkeypatch: Any) -> None:
    monkeypatch.setattr(events, "MAX_CONVERSATIONS", 3)
    made = {people[0].done("POST", "/groups", {"name": "x", "members": ["bob"]})["conversation"] for _ in range(8)}
    seen: list[str] = []
    while found := bob.poll():
        assert len(found) <= 3
        seen += [event["conversation"] for event in found]
    assert sorted(seen) == sorted(made)


def test_with_the_store_away_one_waits_on(
    new_redis: Callable[[], RealRedis], make_live_route: Callable[..., Route]
) -> None:
    server = new_redis()
    route = make_live_route(server.url)
    alice, bob = Program(route, "alice"), Listener(Program(route, "bob"))
    alice.done("POST", "/messages", {"to": "bob", "text": "before"})
    assert bob.poll() == []
    thread = bob.in_the_background()
    eventually(lambda: bob_waits([alice]))
    server.kill()
    eventually(lambda: route.watcher._away)
    assert alice.call("GET", "/events?wait_s=1")[0] == 503
    server.start()
    eventually(lambda: alice.call("POST", "/messages", {"to": "bob", "text": "after"}, key="k")[0] == 201)
    thread.join(20)
    assert [event["text"] for event in bob.last] == ["after"]


def test_while_they_wait_only_the_watcher_asks(people: list[Program], bob: Listener, store: "redis.Redis") -> None:
    for _ in range(20):
        people[0].done("POST", "/groups", {"name": "x", "members": [program.name for program in people[1:]]})
    waiting = [Listener(program) for program in people]
    for listener in waiting:
        while listener.poll():
            pass
    threads = [listener.in_the_background() for listener in waiting]
    watch = people[0].route.watcher
    eventually(lambda: sum(one.primed for one in watch._waiting) == len(waiting))

    def beside_the_watcher() -> int:
        """Looks at hashes and logs in the time of a few reads, without the one for each login that is watched."""
        reads, before = watch.reads, calls(store)
        eventually(lambda: watch.reads >= reads + 4)
        after, reads = calls(store), watch.reads - reads
        return sum(after[name] - before[name] for name in ("hmget", "evalsha")) - reads * len(waiting)

    eventually(lambda: beside_the_watcher() <= len(waiting))
    assert beside_the_watcher() <= len(waiting)
    watch.close()
    for thread in threads:
        thread.join(20)
    eventually(lambda: watch._thread is None)


def calls(store: "redis.Redis") -> dict[str, int]:
    """How often each command was called."""
    stats: Any = store.info("commandstats")
    return {name.removeprefix("cmdstat_"): int(row["calls"]) for name, row in stats.items()}
