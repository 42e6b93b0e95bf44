"""A process dies between any two steps of the path of a message (`cim_common/faults.py`), and no promise is broken.

The clients of a message's path are on the SDK (`clients.py`); a kick is asked for and watched frame by frame.
"""

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import trio

from cim_client import connect
from cim_client.route_api import RouteApi
from cim_common import faults, ids
from cim_common.faults import Point
from cim_common.wire import messages as m
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from tests.faults import clients
from tests.faults.checker import check_folder
from tests.faults.clients import participant
from tests.faults.history import Recorder, Stored
from tests.real_servers import SLOWNESS, eventually, eventually_async
from tests.system.cluster import Cluster
from tests.system.raw import Raw, call

PAUSE_S = 0.05
SETTLE_S = 20.0
LOGIN_AGAIN_S = 0.5
"""Route limits the logins of an account."""


class Points:
    """A cluster of two servers whose processes can be made to die at a point, and the history of all its clients.

    One history, for all of them are in the lobby.
    """

    def __init__(self, folder: Path) -> None:
        self.armed = folder / "points"
        self.armed.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(faults.VARIABLE, str(self.armed))
            self.cluster = Cluster(folder)
        self.history = folder / "history"
        self.history.mkdir()
        self.pid = 0
        self.declare(ids.LOBBY)

    @property
    def route(self) -> str:
        return self.cluster.route

    def arm(self, process: str, point: Point, nth: int) -> None:
        for left in self.armed.iterdir():
            left.unlink()  # of a test that failed
        self.pid = self.cluster.pid_of(process)
        unfinished = self.armed / "unfinished"
        unfinished.write_text(f"kill {nth}")
        unfinished.rename(self.armed / f"{process}@{point}")

    def fired(self) -> bool:
        return not any(self.armed.iterdir())

    def back(self, process: str) -> bool:
        """The process that died has been replaced, and route knows of two servers."""
        if self.cluster.pid_of(process) == self.pid:
            return False
        try:
            status, answer = call(self.route, "GET", "/readyz")
        except (OSError, http.client.HTTPException):
            return False
        return status == 200 and int(answer["servers"]) == 2

    def server_at(self, address: str) -> str:
        return str(next(server["id"] for server in self.cluster.ready["servers"] if server["tcp"] == address))

    def declare(self, conversation: str, *members: str) -> None:
        """Who takes part in a conversation that begins now; nobody is everybody."""
        with (self.history / f"{conversation}.jsonl").open("w") as stream:
            Recorder(stream, "", "").record("members", conversation=conversation, members=members, complete=True)

    def no_promise_is_broken(self) -> None:
        assert list(map(str, check_folder(self.history))) == []


@pytest.fixture(scope="class")
def points(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Points]:
    """One for several tests, not for all: what dies often is started again later and later."""
    made = Points(tmp_path_factory.mktemp("points"))
    yield made
    made.cluster.stop()


class Pair:
    """Two users on two servers who talk to each other and in the lobby, and write down what they see."""

    def __init__(self, points: Points, patch: pytest.MonkeyPatch, tag: str) -> None:
        self.points = points
        self.users: dict[str, int] = {}
        for name in (f"a{tag}", f"b{tag}"):
            body = {"name": name, "password": clients.PASSWORD}
            status, answer = call(points.route, "POST", "/v1/register", body)
            assert status == 201, answer
            self.users[name] = int(answer["user_id"])
        self.first, self.second = self.users
        points.declare(self.direct, *self.users)
        self._patch = patch
        self._places: dict[str, str] = {}
        self._together = False

    @property
    def direct(self) -> str:
        return ids.direct(*self.users.values())

    async def _found_group(self) -> str:
        """A group of the two; its log begins with its making."""
        async with connect(self.points.route, name=self.first, password=clients.PASSWORD) as founder:
            label = f"{self.first}-group"
            with (self.points.history / f"{label}.jsonl").open("w") as stream:
                recorder = Recorder(stream, self.first, label)
                for n, name in enumerate(self.users):
                    recorder.record("joining", conversation=label, n=n, member=name)
                group = await founder.create_group(label, members=[self.second])
                for n, name in enumerate(self.users):
                    recorder.record("join", conversation=group.id, n=n, member=name)
        return group.id

    def _keep_apart(self) -> None:
        """Each is sent to another server than the other, until one is to die; later logins go where they may."""
        login, places = RouteApi.login, self._places

        async def elsewhere(
            api: RouteApi, name: str, password: str | None, token: str | None, device: str, exclude: list[str]
        ) -> Any:
            if self._together:
                return await login(api, name, password, token, device, exclude)
            taken = [place for other, place in places.items() if other != name]
            with trio.fail_after(SETTLE_S):
                while True:
                    place = await login(api, name, password, token, device, [*exclude, *taken])
                    places[name] = f"{place.host}:{place.port}"
                    if places[name] not in taken:
                        return place
                    await trio.sleep(LOGIN_AGAIN_S)  # route has yet to learn of a server that has just started

        self._patch.setattr(RouteApi, "login", elsewhere)

    @property
    def victim(self) -> str:
        first, second = self._places[self.first], self._places[self.second]
        assert first != second
        return self.points.server_at(first)

    async def talk(self, process: str, point: Point, nth: int, one_begins: bool = False) -> None:
        """Talk until the process has died at the point and is back, then catch up."""
        group = await self._found_group()
        self._keep_apart()
        async with AsyncExitStack() as stack:
            talking = []
            for name in self.users:
                others = {other: user for other, user in self.users.items() if other != name}
                people = participant(self.points.route, self.points.history, name, f"{name}-1", others, group, 1)
                talking.append(await stack.enter_async_context(people))
            process = process or self.victim
            self._together = True
            self.points.arm(process, point, nth)
            stop = trio.Event()
            async with trio.open_nursery() as nursery:
                for device in talking[: 1 if one_begins else 2]:
                    nursery.start_soon(device.talk, stop, PAUSE_S)
                if process == "route":
                    nursery.start_soon(self._post, stop)
                await eventually_async(self.points.fired, SETTLE_S)
                if one_begins:
                    nursery.start_soon(talking[1].talk, stop, PAUSE_S)
                while not await trio.to_thread.run_sync(self.points.back, process):
                    await trio.sleep(0.05)
                stop.set()
            async with trio.open_nursery() as nursery:
                for device in talking:
                    nursery.start_soon(device.catch_up)
        for name in self.users:
            assert '"kind":"ack"' in (self.points.history / f"{name}-1.jsonl").read_text()

    async def _post(self, stop: trio.Event) -> None:
        """The first user sends over HTTP as well, each message until it is answered."""
        login = {"name": self.first, "password": clients.PASSWORD, "device_id": "poster"}
        _, place = call(self.points.route, "POST", "/v1/login", login)
        headers = {"Authorization": f"Bearer {place['token']}"}
        label = f"{self.first}-http"
        with (self.points.history / f"{label}.jsonl").open("w") as stream:
            recorder, n = Recorder(stream, self.first, label), 0
            while not stop.is_set():
                n += 1
                body = {"conversation": self.direct, "text": f"{self.first} over http {n}"}
                recorder.send(self.direct, n, body["text"], unordered=True)
                key = {"Idempotency-Key": f"key-{n}"}
                answer = await trio.to_thread.run_sync(self._until_answered, body, headers | key)
                recorder.ack(self.direct, n, answer["seq"], answer["message_id"])
                await trio.sleep(PAUSE_S)

    def _until_answered(self, body: Any, headers: dict[str, str]) -> Any:
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            try:
                status, answer = call(self.points.route, "POST", "/v1/messages", body, **headers)
            except (OSError, http.client.HTTPException):
                status = 0
            if status == 201:
                return answer
            time.sleep(0.05)
        pytest.fail("route did not come back")


class TestFirstMessage:
    """Conversation created | one list written | both | sessions rung | todo removed."""

    @pytest.mark.parametrize(
        ("point", "nth"),
        [
            (Point.CREATED, 1),
            (Point.LISTS_DUE, 1),
            (Point.LIST_WRITTEN, 1),
            (Point.LIST_WRITTEN, 2),
            (Point.RUNG, 1),
            (Point.LISTS_DONE, 1),
        ],
    )
    async def test_a_server_dies(self, points: Points, monkeypatch: pytest.MonkeyPatch, point: Point, nth: int) -> None:
        await Pair(points, monkeypatch, f"{point.replace('-', '')}{nth}").talk("", point, nth, one_begins=True)
        points.no_promise_is_broken()


class TestPath:
    """Append | answer | ACK | push entry | push read | applied | socket written | cursor."""

    @pytest.mark.parametrize(
        "point",
        [
            Point.APPEND_WRITTEN,
            Point.APPEND_ANSWERED,
            Point.ACKNOWLEDGED,
            Point.PUSHES_WRITTEN,
            Point.PUSH_READ,
            Point.APPLIED,
            Point.SOCKET_WRITTEN,
            Point.CURSOR_WRITTEN,
        ],
    )
    async def test_a_server_dies(self, points: Points, monkeypatch: pytest.MonkeyPatch, point: Point) -> None:
        # Push entries are written apart from the append only where interest was not known.
        nth = 1 if point in (Point.CURSOR_WRITTEN, Point.PUSHES_WRITTEN) else 5
        await Pair(points, monkeypatch, point.replace("-", "")).talk("", point, nth)
        points.no_promise_is_broken()


class TestRoute:
    """The same path for what comes over HTTP, as far as it is route's."""

    @pytest.mark.parametrize(
        "point", [Point.APPEND_WRITTEN, Point.APPEND_ANSWERED, Point.ACKNOWLEDGED, Point.PUSHES_WRITTEN]
    )
    async def test_route_dies(self, points: Points, monkeypatch: pytest.MonkeyPatch, point: Point) -> None:
        nth = 1 if point is Point.PUSHES_WRITTEN else 3
        await Pair(points, monkeypatch, point.replace("-", "")).talk("route", point, nth)
        points.no_promise_is_broken()


def log_in(points: Points, name: str, apart_from: str = "") -> Raw:
    """Connected, and not to that server."""

    def attempt() -> Raw | None:
        """None when it was sent to a server that has just died, or to one that has yet to reach the store."""
        with ExitStack() as stack:
            stack.callback(time.sleep, LOGIN_AGAIN_S)
            with suppress(OSError):
                raw = Raw(points.route, name, "d1", [apart_from])
                stack.callback(raw.close)
                answer = None if raw.server == apart_from else raw.answer_to_login()
                if isinstance(answer, m.LoginOk):
                    stack.pop_all()
                    return raw
                if isinstance(answer, m.Close):
                    assert answer.code in (Code.SESSION_LOST, Code.SERVER_STOPPING), answer
        return None

    raw = eventually(attempt, SETTLE_S)
    assert raw is not None
    return raw


@pytest.mark.invariant("I9")
class TestSilence:
    """A server dies with the last message there is: no later doorbell tells of it, and nobody sends it again."""

    @pytest.mark.parametrize("point", [Point.APPEND_WRITTEN, Point.APPEND_ANSWERED, Point.ACKNOWLEDGED])
    def test_a_server_dies(self, points: Points, point: Point) -> None:
        tag = point.replace("-", "")
        alice = log_in(points, f"alices{tag}")
        bob = log_in(points, f"bobs{tag}", alice.server)
        direct = alice.with_(bob)
        assert alice.say(direct, 1, 0, "one") == m.Ack(1, 1)
        assert [entry.text for entry in bob.sync(direct, 0)] == ["one"]
        process = points.server_at(alice.server)
        points.arm(process, point, 1)
        alice.send(m.Send(direct, 2, 1, "the last"))
        bob.socket.settimeout(clients.CAUGHT_UP_S * SLOWNESS)
        assert [(entry.seq, entry.text) for entry in bob.until(m.Push).entries] == [(2, "the last")]
        assert points.fired()
        eventually(lambda: points.back(process), SETTLE_S)
        alice.close()
        bob.close()


class Watcher:
    """A member of a group on a raw connection, who writes down what it is shown."""

    def __init__(self, raw: Raw, recorder: Recorder, group: str) -> None:
        self.raw, self.group = raw, group
        self._recorder = recorder
        recorder.record("begin")
        recorder.record("start", conversation=group, seq=0)
        self.shown: list[int] = []
        self._take(raw.sync(group, 0))

    def _take(self, entries: Any) -> None:
        for entry in entries:
            self.shown.append(entry.seq)
            if entry.kind:
                self._recorder.record("entry", conversation=self.group, seq=entry.seq)
            else:
                message_id = f"{entry.sender}:{entry.device}:{entry.n}"
                stored = Stored(entry.seq, message_id, entry.sender_name, entry.text)
                self._recorder.receive(self.group, stored)

    def watch(self, done: Callable[[Any], bool]) -> Any:
        """Take what is pushed until an event is the one that is waited for."""
        while not done(event := self.raw.next()):
            assert not isinstance(event, m.ConnectionClosed | m.Close), event
            if isinstance(event, m.Push) and event.conversation == self.group:
                self._take(event.entries)
        return event

    def watch_until(self, seq: int) -> None:
        """Take what is pushed up to a seq."""
        while not self.shown or self.shown[-1] < seq:
            self._take(self.watch_once())

    def watch_once(self) -> Any:
        event = self.raw.until(m.Push)
        return event.entries if event.conversation == self.group else ()

    def finish(self) -> None:
        self._recorder.record("final", since=time.monotonic_ns())


class Kick:
    """alice kicks bob, both and carol on raw connections; bob and carol are not where alice is."""

    def __init__(self, points: Points, stack: ExitStack, tag: str) -> None:
        self.points = points
        self.names = [f"{name}{tag}" for name in ("alice", "bob", "carol")]
        self.group = f"g-{tag.ljust(20, '0')[:20]}"
        self.alice = log_in(self.points, self.names[0])
        self.bob = log_in(self.points, self.names[1], self.alice.server)
        self.carol = log_in(self.points, self.names[2], self.alice.server)
        self.owner = self._recorder(stack, self.names[0], "begin")
        self._create()
        self.kicked = Watcher(self.bob, self._recorder(stack, self.names[1]), self.group)
        self.witness = Watcher(self.carol, self._recorder(stack, self.names[2]), self.group)

    def _recorder(self, stack: ExitStack, name: str, *kinds: str) -> Recorder:
        stream = stack.enter_context((self.points.history / f"{name}.jsonl").open("w"))
        recorder = Recorder(stream, name, name)
        for kind in kinds:
            recorder.record(kind)
        return recorder

    def _create(self) -> None:
        for name in self.names:
            self.owner.record("joining", conversation=self.group, n=1, member=name)
        targets = (self.bob.user, self.carol.user)
        self.alice.send(m.Change(self.group, 1, 0, Kind.CREATED, "ops", targets=targets))
        assert self.alice.until(m.Ack) == m.Ack(1, 1)
        for name in self.names:
            self.owner.record("join", conversation=self.group, n=1, member=name, seq=1)

    def say(self, n: int, after: int, text: str) -> int:
        """alice says something; its seq."""
        self.owner.send(self.group, n, text, id=f"{self.alice.user}:d1:{n}")
        ack = self.alice.say(self.group, n, after, text)
        assert isinstance(ack, m.Ack)
        self.owner.ack(self.group, n, ack.seq, f"{self.alice.user}:d1:{n}")
        return ack.seq

    def kick(self, point: Point) -> int:
        """alice's server dies in it; asked again it says where the kick stands."""
        self.owner.record("leaving", conversation=self.group, n=3, member=self.names[1])
        process = self.points.server_at(self.alice.server)
        self.points.arm(process, point, 1)
        kick = m.Change(self.group, 3, 2, Kind.KICKED, targets=(self.bob.user,))
        self.alice.send(kick)
        with pytest.raises((ConnectionError, AssertionError)):
            self.alice.until(m.Ack)
        assert self.points.fired()
        self.alice.close()
        self.alice = log_in(self.points, self.names[0])
        self.alice.send(kick)
        ack = self.alice.until(m.Ack)
        assert ack.n == 3
        self.owner.record("leave", conversation=self.group, n=3, member=self.names[1], seq=ack.seq)
        eventually(lambda: self.points.back(process), SETTLE_S)
        return int(ack.seq)

    def bob_is_told(self) -> None:
        """bob's list changes, at last to one that says that he has left; what the log shows him meanwhile is taken."""
        role = ""
        while role != "left":
            self.kicked.watch(lambda event: isinstance(event, m.ConversationsChanged))
            self.bob.send(m.List(1, 0))
            listed = self.kicked.watch(lambda event: isinstance(event, m.Conversations))
            role = next(item.role for item in listed.conversations if item.id == self.group)


class TestKick:
    """Kick appended | lists due | written | rung | todo removed."""

    @pytest.mark.parametrize(
        "point",
        [
            Point.APPEND_WRITTEN,
            Point.APPEND_ANSWERED,
            Point.LISTS_DUE,
            Point.LIST_WRITTEN,
            Point.RUNG,
            Point.LISTS_DONE,
        ],
    )
    def test_a_server_dies(self, points: Points, point: Point) -> None:
        with ExitStack() as stack:
            kick = Kick(points, stack, f"k{point.replace('-', '')}")
            assert kick.say(2, 1, f"before {point}") == 2
            seq = kick.kick(point)
            last = kick.say(4, 3, f"after {point}")
            kick.witness.watch_until(last)
            assert kick.witness.shown == list(range(1, last + 1))
            kick.bob_is_told()
            assert kick.kicked.shown == list(range(1, seq + 1))
            for watcher in (kick.kicked, kick.witness):
                watcher.finish()
                watcher.raw.close()
            kick.alice.close()
        points.no_promise_is_broken()
