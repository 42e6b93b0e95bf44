"""Clients of the fake server under a seeded random schedule: sends, losses, resends, joins, kicks, late devices.

Every step of the run is one atomic action of one party, drawn at random, so all orders of sends, answers, pushes and
changes of members come up. Each client records its history in the format of `history.py`, in virtual time.
"""

import io
import itertools
import random
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from tests.faults.fake_server import GROUP, LOBBY, Bug, FakeServer, Frame, Push, Reply
from tests.faults.history import Event, Recorder, Stored, parse

DEVICES = [("alice", "phone"), ("alice", "desk"), ("bob", "phone"), ("carol", "phone"), ("dave", "phone")]
LATE = ("bob", "desk")
DIRECTS = ["alice-bob", "alice-carol", "bob-dave", "carol-dave"]
STEPS = 900
OVERLOADED = 0.15
GIVEN_UP = 0.03


class FakeClient:
    """One device: it sends, resends, shows what it gets, and writes all of it down."""

    def __init__(self, server: FakeServer, user: str, name: str, clock: Iterator[int]) -> None:
        self._server = server
        self.device = (user, name)
        self.user = user
        self.stream = io.StringIO()
        self.recorder = Recorder(self.stream, user, name, clock=lambda: next(clock))
        self.n = 0
        self.lanes: dict[str, list[Frame]] = {}
        self._on_the_wire: set[int] = set()
        self.wire: deque[Frame] = deque()
        self.replies: deque[Reply] = deque()
        self.pushes: deque[Push] = deque()
        self.late: list[Frame] = []

    def post(self, conversation: str, *, scheduled: bool = False, refused: bool = False) -> Frame:
        self.n += 1
        text = f"{self.user}/{self.device[1]}/{self.n}" + "\n" * refused
        event = self.recorder.record("send", conversation=conversation, n=self.n, text=text, unordered=scheduled)
        frame = Frame(*self.device, conversation, self.n, 0, text, event.t)
        if not scheduled:
            self.lanes.setdefault(conversation, []).append(frame)
        return frame

    def write(self) -> None:
        """Everything unsettled that is not on its way, in order."""
        for lane in self.lanes.values():
            after = 0
            for frame in lane:
                if frame.n not in self._on_the_wire:
                    self.wire.append(frame._replace(after=after))
                    self._on_the_wire.add(frame.n)
                after = frame.n

    def read(self) -> None:
        if self.replies:
            self.take(self.replies.popleft())

    def take(self, reply: Reply) -> None:
        lane, frame = self._find(reply.n)
        if frame is None:
            return
        if reply.kind == "retry":
            self.recorder.record("retry", n=reply.n)
            self._on_the_wire -= {behind.n for behind in lane[lane.index(frame) :]}
            return
        lane.remove(frame)
        if reply.kind == "ack":
            self.recorder.ack(frame.conversation, reply.n, reply.seq, reply.id)
        else:
            self.recorder.record("nack", n=reply.n)

    def _find(self, n: int) -> tuple[list[Frame], Frame | None]:
        for lane in self.lanes.values():
            for frame in lane:
                if frame.n == n:
                    return lane, frame
        return [], None

    def give_up(self, rng: random.Random) -> None:
        """The time of one message is up."""
        lanes = [lane for lane in self.lanes.values() if lane]
        if lanes:
            lane = rng.choice(lanes)
            frame = lane.pop(rng.randrange(len(lane)))
            self.recorder.record("unknown", n=frame.n)

    def deliver(self) -> None:
        """Show the next batch."""
        if not self.pushes:
            return
        push = self.pushes.popleft()
        for seq, message_id, sender, _, text, _ in push.entries:
            self.recorder.receive(push.conversation, Stored(seq, message_id, sender, text))
        self._server.confirm(self.device, push)

    def reconnect(self, rng: random.Random) -> None:
        """The connection is lost, with what was on its way; some of what was written comes to the server late."""
        self.late += [frame for frame in self.wire if rng.random() < 0.3]
        self._server.connect(self.device, list(self.pushes))
        self.wire.clear()
        self.replies.clear()
        self.pushes.clear()
        self._on_the_wire.clear()

    def read_back(self, conversation: str) -> None:
        """Read the whole log again."""
        begun = self.recorder.record("read").t
        found = [Stored(e.seq, e.id, e.sender, e.text) for e in self._server.logs[conversation] if e.text]
        self.recorder.history(conversation, 1, begun, found)


class Run(NamedTuple):
    """What became of a schedule."""

    histories: list[list[Event]]
    harm: int


class Change(NamedTuple):
    """A join or leave of dave, asked for by `by`."""

    kind: str
    by: FakeClient
    n: int


class Schedule:
    """One run of everybody."""

    def __init__(self, seed: int, bug: Bug | None) -> None:
        self.rng = random.Random(seed)
        self.server = FakeServer(self.rng, bug)
        self.clock = itertools.count(1)
        self.clients = [FakeClient(self.server, *device, self.clock) for device in DEVICES]
        self.conversations = [LOBBY, GROUP, *DIRECTS]
        self.changing: deque[Change] = deque()
        self.applied: deque[Change] = deque()
        self.scheduled: list[tuple[FakeClient, Frame]] = []

    def run(self, steps: int = STEPS) -> Run:
        self._begin()
        actions = [self._post, self._serve, self._serve, self._push, self._deliver, self._write, self._read]
        changes = [self._change, self._apply, self._answer]
        rare = [self._reconnect, self._late_copy, self._schedule, self._fire, *changes, *changes]
        for step in range(steps):
            if step == steps // 3:
                self._late_device()
            self.rng.choice(rare if self.rng.random() < 0.15 else actions)()
        self._drain()
        return Run([parse(io.StringIO(client.stream.getvalue())) for client in self.clients], self.server.harm)

    def _begin(self) -> None:
        for client in self.clients:
            client.recorder.record("begin")
        first = self.clients[0]
        for conversation in (LOBBY, *DIRECTS):
            members = () if conversation == LOBBY else tuple(conversation.split("-"))
            first.recorder.record("members", conversation=conversation, members=members, complete=True)
        for user in ("alice", "bob", "carol"):
            first.n += 1
            for kind in ("joining", "join"):
                first.recorder.record(kind, conversation=GROUP, n=first.n, member=user)
            self.server.join(user, [])

    def _late_device(self) -> None:
        client = FakeClient(self.server, *LATE, self.clock)
        client.recorder.record("begin")
        for conversation, seq in self.server.begin_at_heads(client.device).items():
            client.recorder.record("start", conversation=conversation, seq=seq)
        self.clients.append(client)

    def _anyone(self) -> FakeClient:
        return self.rng.choice(self.clients)

    def _conversation_of(self, client: FakeClient) -> str:
        return self.rng.choice([c for c in self.conversations if c in (LOBBY, GROUP) or client.user in c.split("-")])

    # -- one step each ---------------------------------------------------------------------------------------

    def _post(self) -> None:
        client = self._anyone()
        client.post(self._conversation_of(client), refused=self.rng.random() < 0.02)

    def _write(self) -> None:
        self._anyone().write()

    def _serve(self) -> None:
        client = self._anyone()
        if client.wire:
            frame = client.wire.popleft()
            overloaded = self.rng.random() < OVERLOADED
            client.replies.append(Reply("retry", frame.n) if overloaded else self.server.send(frame))

    def _read(self) -> None:
        client = self._anyone()
        client.read()
        if self.rng.random() < GIVEN_UP:
            client.give_up(self.rng)

    def _push(self) -> None:
        client = self._anyone()
        push = self.server.push(client.device, self._conversation_of(client))
        if push is not None:
            client.pushes.append(push)

    def _deliver(self) -> None:
        self._anyone().deliver()

    def _reconnect(self) -> None:
        self._anyone().reconnect(self.rng)

    def _late_copy(self) -> None:
        client = self._anyone()
        if client.late:
            self.server.send(client.late.pop(self.rng.randrange(len(client.late))))

    def _change(self) -> None:
        """dave joins, leaves, is invited or kicked: asked for, applied and answered at three moments."""
        kind = "leave" if "dave" in self.server.group else "join"
        if self.changing or self.applied or (kind == "join" and self.rng.random() < 0.7):
            return
        by = self.rng.choice([client for client in self.clients if client.user in ("alice", "dave")])
        by.n += 1
        by.recorder.record("leaving" if kind == "leave" else "joining", conversation=GROUP, n=by.n, member="dave")
        self.changing.append(Change(kind, by, by.n))

    def _apply(self) -> None:
        if not self.changing:
            return
        change = self.changing.popleft()
        if change.kind == "join":
            self.server.join("dave", [client.device for client in self.clients if client.user == "dave"])
        else:
            self.server.leave("dave")
        self.applied.append(change)

    def _answer(self) -> None:
        if self.applied:
            change = self.applied.popleft()
            event = change.by.recorder.record(change.kind, conversation=GROUP, n=change.n, member="dave")
            moments = self.server.joined_at if change.kind == "join" else self.server.left_at
            moments["dave"] = event.t

    def _schedule(self) -> None:
        client = self._anyone()
        self.scheduled.append((client, client.post(LOBBY, scheduled=True)))

    def _fire(self) -> None:
        if self.scheduled:
            client, frame = self.scheduled.pop()
            reply = self.server.fire(frame)
            client.recorder.ack(frame.conversation, frame.n, reply.seq, reply.id)

    # -- the end ---------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        """No more faults: everything is settled, everybody catches up and reads everything again."""
        while self.changing or self.applied:
            self._apply()
            self._answer()
        while self.scheduled:
            self._fire()
        for client in self.clients:
            client.reconnect(self.rng)
        while any(lane for client in self.clients for lane in client.lanes.values()):
            for client in self.clients:
                client.write()
                while client.wire:
                    client.replies.append(self.server.send(client.wire.popleft()))
                while client.replies:
                    client.read()
        for client in self.clients:
            for conversation in self.conversations:
                log = self.server.logs[conversation]
                for _ in log:
                    if (push := self.server.push(client.device, conversation)) is not None:
                        client.pushes.append(push)
                        client.deliver()
        self.server.lose_one_shown()
        for client in self.clients:
            for conversation in self.conversations:
                if self.server.takes_part(client.user, conversation):
                    client.read_back(conversation)
            client.recorder.record("final", since=client.recorder.record("read").t)


def run(seed: int, bug: Bug | None = None, steps: int = STEPS) -> Run:
    """One seeded run, with a bug or without."""
    return Schedule(seed, bug).run(steps)
