"""The loop of a generator process: one epoll over all its connections and the pipe to whoever steers it.

It is steered by commands and answers each (`fleet.py` is the other end); all that matters for a figure is in a few
integers, which `mark` tells:

    start   send: closed loop with `in_flight` each, or open loop at `rate` messages a second over all senders
    mark    tell the counts of this moment; latencies are kept from a mark with `keep` on, until one without it, and
            after that those of messages that were due before it
    stop    send nothing more, tell when everything sent was answered (or after `within_s`)
    settle  tell when every acknowledged message came (or after `within_s`); the report is the answer
    alone   no other load: deliveries are kept apart from here on
    lone    one message of one sender, told when all of this process have it (or after `within_s`)

In an open loop a message has the time it is due, whether or not it could be sent then: a cluster that answers late
is charged for what waits behind it (no coordinated omission), also where the answer comes after the measured stretch,
or the message never got its turn. How late the generator itself was is kept as well.
"""

import json
import os
import select
import time
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

from cim.bench.generator import frames, settle
from cim.bench.generator.peer import IN, OUT, Peer
from cim.bench.generator.plan import MAX_IN_FLIGHT, Member, Plan
from cim.bench.latency import Latencies
from cim.bench.ledger import Sendings

CONNECTING_AT_ONCE = 128
UPKEEP_S = 0.25
PING_ROUNDS = 32
"""Upkeeps until every connection was looked at: 8 s, and one that wrote nothing meanwhile is pinged."""

LOOK_S = 0.02
"""How often the end of a phase is looked for."""

AFTERMATH_S = 0.5
"""How long one listens when everything has come: what comes then was delivered twice."""

WONDERS = 5
MAX_SHARED = 256

MAX_BACKLOG = 100_000
"""Messages due and not sent: the load is far above what the cluster takes, and more would only cost memory."""


class Late(list[int]):
    """Takes latencies of what ends after the measured stretch, and keeps those of messages that were due within it."""

    def __init__(self, load: "Load", kept: Latencies) -> None:
        super().__init__()
        self._load, self._kept = load, kept
        self._until_us = load.now_us()

    def append(self, took_us: int) -> None:
        if self._load.now_us() - took_us < self._until_us:
            self._kept.waiting.append(took_us)


class Load:
    """All connections of a process."""

    def __init__(self, plan: Plan, commands: int, answers: int) -> None:
        self.began_ns = plan["began_ns"]
        self._epoll = select.epoll()
        self._commands, self._answers = commands, answers
        self._heard = b""
        os.set_blocking(commands, False)
        self._epoll.register(commands, IN)
        members = [Member(*member) for member in plan["members"]]
        self.peers = [Peer(self, member, plan["text_bytes"]) for member in members]
        self._senders = [peer for peer in self.peers if peer.member.sends]
        self._by_fd: dict[int, Peer] = {}
        self._unconnected = deque(self.peers)
        self._live = 0
        self._announced = False
        self._reasons: Counter[str] = Counter()
        self._stray = 0
        self._text_bytes, self._mark = plan["text_bytes"], frames.mark_of(plan["text_bytes"])
        self._shared: dict[bytes, Sequence[frames.Sent]] = {}
        self._wonders: list[str] = []
        self._ended = False
        self.sent = self.acked = self.delivered = 0
        self.in_flight = 0
        self.max_in_flight = MAX_IN_FLIGHT
        self._interval_us = 0.0
        self._due_us = 0.0
        self._turn = 0
        self._waiting = 0
        self._unsent = 0
        self._dropped: list[int] = []
        self._keep_latencies()
        self._phase: dict[str, Any] | None = None
        self._deadline = 0.0
        self._next_upkeep = self._next_look = 0.0
        self._upkeeps = 0

    def _keep_latencies(self) -> None:
        self._late: tuple[Late, Late] | None = None
        self._acks, self._deliveries, self._lateness = Latencies(), Latencies(), Latencies()
        self.acks_us, self.deliveries_us = self._acks.waiting, self._deliveries.waiting

    def _end_latencies(self) -> None:
        """What is due from here on is not kept; what was kept stays for the report."""
        self._gather()
        self._late = self.acks_us, self.deliveries_us = Late(self, self._acks), Late(self, self._deliveries)

    # -- what connections tell ---------------------------------------------------------------------------

    def gone(self, peer: Peer, fd: int) -> None:
        if self._by_fd.pop(fd, None) is not None:
            self._epoll.unregister(fd)
        self.failed(f"connection: {peer.lost}")

    def failed(self, reason: str) -> None:
        self._reasons[reason] += 1

    def strayed(self) -> None:
        self._stray += 1

    def shared(self, body: bytes) -> Sequence[frames.Sent]:
        """The entries of a PUSH that many get: it is the same to the byte for all of them, and read once."""
        found = self._shared.get(body)
        if found is None:
            if len(self._shared) >= MAX_SHARED:
                self._shared.clear()
            found = self._shared[body] = frames.entries_of(body, self._mark, self._text_bytes)
        return found

    def wonder(self, what: str) -> None:
        """Something that should not have come as it did; the first few are told."""
        if len(self._wonders) < WONDERS:
            self._wonders.append(what)

    def now_live(self) -> None:
        self._live += 1

    def watch(self, fd: int, mask: int) -> None:
        if fd in self._by_fd:
            self._epoll.modify(fd, mask)

    # -- the loop ----------------------------------------------------------------------------------------

    def run(self) -> None:
        """Until the pipe ends, or `end` comes through it."""
        by_fd, poll, commands = self._by_fd, self._epoll.poll, self._commands
        while not self._ended:
            for fd, mask in poll(self._wait()):
                if fd == commands:
                    self._command()
                    continue
                peer = by_fd.get(fd)
                if peer is None:
                    continue
                if mask & OUT:
                    peer.writable()
                if mask & ~OUT and peer.lost is None:
                    peer.read()
            if self._interval_us:
                self._send_due()
            now = time.monotonic()
            if now >= self._next_look:
                self._next_look = now + LOOK_S
                self._look(now)
        for peer in self.peers:
            peer.close()

    def _wait(self) -> float:
        """How long to poll, in seconds. poll counts in milliseconds: a time that is due is waited for by select."""
        if not self._interval_us:
            return LOOK_S
        wait = (self._due_us - self.now_us()) / 1e6
        if wait > 0:
            select.select([self._epoll], [], [], min(wait, LOOK_S))
        return 0

    def now_us(self) -> int:
        return (time.monotonic_ns() - self.began_ns) // 1000

    def _send_due(self) -> None:
        """Open loop: the messages whose time has come, one sender after the other."""
        now, senders, count = self.now_us(), self._senders, len(self._senders)
        while self._due_us <= now:
            at_us = int(self._due_us)
            self._due_us += self._interval_us
            self._turn = turn = (self._turn + 1) % count
            peer = senders[turn]
            if peer.stopped:
                self._unsent += 1
            elif peer.in_flight < MAX_IN_FLIGHT and not peer.backlog:
                peer.say(1, at_us)
                if self._late is None:
                    self._lateness.waiting.append(now - at_us)
            elif len(peer.backlog) * count < MAX_BACKLOG:
                peer.backlog.append(at_us)
            else:
                self._unsent += 1

    def _look(self, now: float) -> None:
        if self._unconnected or not self._announced:
            self._connect()
        if self._phase is not None:
            self._look_for_end(now)
        if now >= self._next_upkeep:
            self._next_upkeep = now + UPKEEP_S
            self._upkeeps += 1
            self._gather()
            for peer in self.peers[self._upkeeps % PING_ROUNDS :: PING_ROUNDS]:
                peer.ping()

    def _gather(self) -> None:
        for latencies in (self._acks, self._deliveries, self._lateness):
            latencies.gather()
        self._dropped.clear()

    def _connect(self) -> None:
        started = len(self.peers) - len(self._unconnected)
        lost = sum(peer.lost is not None for peer in self.peers)
        while self._unconnected and started - self._live - lost < CONNECTING_AT_ONCE:
            peer = self._unconnected.popleft()
            fd = peer.connect()
            started += 1
            if peer.lost is None:
                self._by_fd[fd] = peer
                self._epoll.register(fd, IN | OUT)
        if self._live + lost == len(self.peers):
            self._announced = True
            self._tell({"live": self._live, "reasons": dict(self._reasons)})

    # -- commands ----------------------------------------------------------------------------------------

    def _command(self) -> None:
        try:
            data = os.read(self._commands, 1 << 20)
        except BlockingIOError:
            return
        if data:
            self.obey(data)
        else:
            self._ended = True

    def obey(self, data: bytes) -> None:
        """Carry out the commands in these bytes; one that is not complete waits for the rest."""
        *lines, self._heard = (self._heard + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            getattr(self, f"_do_{command['do']}")(command)

    def _tell(self, answer: dict[str, Any]) -> None:
        data = json.dumps(answer).encode() + b"\n"
        while data:
            data = data[os.write(self._answers, data) :]

    def _do_start(self, command: dict[str, Any]) -> None:
        if rate := command.get("rate"):
            self._interval_us = 1e6 / rate
            self._due_us = self.now_us() + self._interval_us * command.get("phase", 0)
        else:
            self.in_flight = command["in_flight"]
            for peer in self._senders:
                if not peer.stopped:
                    peer.say(self.in_flight, self.now_us())
        self._tell({})

    def _do_mark(self, command: dict[str, Any]) -> None:
        if command.get("keep") is True:
            self._keep_latencies()
        elif command.get("keep") is False:
            self._end_latencies()
        self._tell({
            "at_us": self.now_us(), "sent": self.sent, "acked": self.acked, "delivered": self.delivered,
            "cpu_s": time.process_time(), "failed": sum(self._reasons.values()),
        })  # fmt: skip

    def _do_stop(self, command: dict[str, Any]) -> None:
        self.in_flight, self._interval_us = 0, 0.0
        now = self.now_us()
        for peer in self._senders:
            self._unsent += len(peer.backlog)
            for waiting in self._late or ():
                for at_us in peer.backlog:
                    waiting.append(now - at_us)
            peer.backlog.clear()
        self._begin(command)

    def _do_settle(self, command: dict[str, Any]) -> None:
        command["sendings"] = {int(index): Sendings(*said) for index, said in command["sendings"].items()}
        self._begin(command)

    def _do_alone(self, command: dict[str, Any]) -> None:
        self.acks_us, self.deliveries_us = self._dropped, []
        self._tell({})

    def _do_lone(self, command: dict[str, Any]) -> None:
        sender = next((peer for peer in self._senders if peer.member.slot == command["sender"]), None)
        if sender is not None and not sender.stopped:
            sender.say(1, self.now_us())
        self._begin(command)

    def _do_end(self, command: dict[str, Any]) -> None:
        self._ended = True

    def _begin(self, command: dict[str, Any]) -> None:
        self._phase = command
        self._deadline = time.monotonic() + command["within_s"]
        self._next_look = 0.0

    # -- the ends of phases ------------------------------------------------------------------------------

    def _look_for_end(self, now: float) -> None:
        phase = self._phase
        assert phase is not None
        late = now >= self._deadline
        if phase["do"] == "stop":
            waiting = [peer for peer in self._senders if peer.in_flight]
            if waiting and not late:
                return
            for peer in waiting:
                peer.ask_nothing_more(f"no answer within {phase['within_s']:g} s")
            said = {peer.member.slot: [peer.sendings.count, peer.sendings.unacknowledged] for peer in self._senders}
            self._phase = None
            lost = [peer.member.slot for peer in self.peers if peer.lost is not None and peer.hears]
            self._tell({"sendings": said, "lost": lost})
        elif phase["do"] == "settle":
            if late:
                self._phase = None
                self._report(phase)
            elif not phase.get("complete") and self._complete(phase["sendings"]):
                phase["complete"] = True
                self._deadline = now + AFTERMATH_S
        elif len(self.deliveries_us) >= phase["deliveries"] or late:
            self._phase = None
            self._tell({"deliveries": len(self.deliveries_us), "last_us": max(self.deliveries_us, default=0)})

    def _complete(self, sendings: dict[int, Sendings]) -> bool:
        return not any(
            sendings[int(key)].missing(arrivals)
            for peer in self.peers
            if peer.lost is None
            for key, arrivals in peer.hears.items()
        )

    def _report(self, phase: dict[str, Any]) -> None:
        lost = [peer for peer in self.peers if peer.lost is not None and peer.hears]
        tokens = {int(slot): token for slot, token in phase["tokens"].items()}
        unread = settle.read_logs(lost, phase["sendings"], phase["servers"], tokens)
        unsettled = [peer.member.slot for peer in unread]
        self._gather()
        self._tell({
            "arrivals": {
                peer.member.slot: {int(key): arrivals.record() for key, arrivals in peer.hears.items()}
                for peer in self.peers
                if peer.hears
            },
            "unsettled": unsettled, "reasons": dict(self._reasons), "stray": self._stray,
            "wonders": self._wonders, "unsent": self._unsent,
            "ack": self._acks.encoded(), "delivery": self._deliveries.encoded(), "lateness": self._lateness.encoded(),
        })  # fmt: skip
