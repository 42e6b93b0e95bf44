"""One epoll over all callers of a process: each makes one call after the other, each call on behalf of another subject.

A call is a generator (`exchanges.py`) that reads like blocking code and yields where it waits for its socket. So there
is no thread and no callback per call, and what the generator of the load costs is its system calls and little else.
The loop is steered through a pipe, a line for each command, and answers each with a line:

    mark    the counts of this moment; from here on durations are kept, or, with "keep": false, are not
    stop    no new calls; when those on their way have ended: counts, durations, what each subject has to show. The end
"""

import errno
import json
import os
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable
from typing import Any

from cim.bench.latency import Latencies

RECEIVE_BYTES = 65_536
CALL_TIMEOUT_S = 15.0
REST_S = 0.05
"""After a call that failed: what answers nobody is not asked in a circle."""

PASS_S = 0.5
STOP_S = 20.0

Steps = Generator[None, None, None]
Exchange = Callable[["Caller", Any], Steps]
"""One call on behalf of a subject. Returns when all was as it has to be; raises Unexpected, or OSError."""


class Unexpected(Exception):
    """The answer was not the one that was to come; the message says what came, the same for all of its kind."""


class Caller:
    """One of those that call at the same time, with the socket it has open."""

    __slots__ = ("_loop", "_socket", "resumes_at", "since", "steps")

    def __init__(self, loop: "Loop") -> None:
        self._loop = loop
        self._socket: socket.socket | None = None
        self.steps: Steps | None = None
        self.since = 0.0
        self.resumes_at = 0.0

    @property
    def connected(self) -> bool:
        return self._socket is not None

    def dial(self, family: int, address: tuple[Any, ...]) -> None:
        """Begin a connection. Sending waits until it is there."""
        sock = self._socket = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        error = sock.connect_ex(address)
        if error not in (0, errno.EINPROGRESS):
            raise OSError(error, os.strerror(error))
        self._loop.watch(sock.fileno(), self)

    def hang_up(self) -> None:
        if self._socket is not None:
            self._loop.forget(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def send(self, data: bytes) -> Steps:
        assert self._socket is not None
        while data:
            try:
                data = data[self._socket.send(data) :]
            except BlockingIOError:
                self._loop.wait_for(self._socket.fileno(), select.EPOLLOUT)
                yield
                self._loop.wait_for(self._socket.fileno(), select.EPOLLIN)

    def receive(self) -> Generator[None, None, bytes]:
        """What comes next; b"" at the end."""
        assert self._socket is not None
        while True:
            yield
            try:
                return self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                continue


class Loop:
    """`at_once` callers, who take turns with the subjects: no subject is called for twice at the same time."""

    def __init__(self, exchange: Exchange, subjects: Iterable[Any], at_once: int, commands: int, answers: int) -> None:
        self._exchange = exchange
        self._free = deque(subjects)
        self._subjects = list(self._free)
        self._commands, self._answers = commands, answers
        self._epoll = select.epoll()
        self._callers = [Caller(self) for _ in range(min(at_once, len(self._subjects)))]
        self._by_descriptor: dict[int, Caller] = {}
        self._resting: list[Caller] = []
        self._unread = b""
        self._stopping_until = 0.0
        self._keeping = False
        self._latencies = Latencies()
        self._began, self._done, self._failed = 0, 0, 0
        self._reasons: Counter[str] = Counter()

    def watch(self, descriptor: int, caller: Caller) -> None:
        self._by_descriptor[descriptor] = caller
        self._epoll.register(descriptor, select.EPOLLIN)

    def wait_for(self, descriptor: int, events: int) -> None:
        self._epoll.modify(descriptor, events)

    def forget(self, descriptor: int) -> None:
        if self._by_descriptor.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def run(self) -> None:
        """Until everything has ended after `stop`, or whoever steers this has gone; then every socket is closed."""
        try:
            self._run()
        finally:
            for caller in self._callers:
                caller.hang_up()
            self._epoll.close()

    def _run(self) -> None:
        self._epoll.register(self._commands, select.EPOLLIN)
        for caller in self._callers:
            self._begin(caller)
        looked_at = time.monotonic()
        while not self._over():
            for descriptor, _ in self._epoll.poll(REST_S if self._resting else PASS_S):
                if descriptor == self._commands:
                    if not self._take_commands():
                        return
                elif descriptor in self._by_descriptor:
                    self._step(self._by_descriptor[descriptor])
            now = time.monotonic()
            if self._resting:
                self._wake(now)
            if now - looked_at > PASS_S:
                looked_at = now
                self._latencies.gather()
                self._end_overdue(now)
        self._tell_everything()

    def _over(self) -> bool:
        if not self._stopping_until:
            return False
        return all(caller.steps is None for caller in self._callers) or time.monotonic() > self._stopping_until

    # -- callers -----------------------------------------------------------------------------------------

    def _begin(self, caller: Caller) -> None:
        if not self._stopping_until:
            caller.steps = self._calling(caller)
            self._step(caller)

    def _step(self, caller: Caller) -> None:
        if caller.steps is None:
            caller.hang_up()  # the peer has ended a connection that nobody uses now
            return
        try:
            next(caller.steps)
        except StopIteration:
            caller.steps = None

    def _calling(self, caller: Caller) -> Steps:
        """One call after the other, until one fails or all are to stop."""
        while not self._stopping_until:
            subject = self._free.popleft()
            self._began += 1
            caller.since = began = time.monotonic()
            try:
                yield from self._exchange(caller, subject)
            except (Unexpected, OSError) as error:
                self._rest(caller, error)
                return
            finally:
                self._free.append(subject)
            self._done += 1
            if self._keeping:
                self._latencies.waiting.append(int((time.monotonic() - began) * 1e6))

    def _rest(self, caller: Caller, error: Exception) -> None:
        self._failed += 1
        self._reasons[_reason(error)] += 1
        caller.hang_up()
        caller.resumes_at = time.monotonic() + REST_S
        self._resting.append(caller)

    def _wake(self, now: float) -> None:
        due = [caller for caller in self._resting if caller.resumes_at <= now]
        self._resting = [caller for caller in self._resting if caller.resumes_at > now]
        for caller in due:
            self._begin(caller)

    def _end_overdue(self, now: float) -> None:
        for caller in self._callers:
            if caller.steps is not None and now - caller.since > CALL_TIMEOUT_S:
                try:
                    caller.steps.throw(TimeoutError(f"no answer in {CALL_TIMEOUT_S:g} s"))
                except StopIteration:
                    caller.steps = None

    # -- whoever steers ----------------------------------------------------------------------------------

    def _take_commands(self) -> bool:
        """Carry out what has come; False when nobody is there any more."""
        data = os.read(self._commands, RECEIVE_BYTES)
        self.obey(data)
        return bool(data)

    def obey(self, data: bytes) -> None:
        """Carry out the commands in this and what came before; keep what is no whole line yet."""
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            if command["do"] == "stop":
                self._stopping_until = time.monotonic() + STOP_S
            else:
                self._keeping = command["keep"]
                self._tell(self._counts())

    def _counts(self) -> dict[str, Any]:
        spent = time.process_time()
        return {"at": time.monotonic(), "done": self._done, "failed": self._failed, "cpu_s": spent}

    def _tell_everything(self) -> None:
        unanswered = self._began - self._done - self._failed
        if unanswered:
            self._reasons["not answered"] += unanswered
            self._failed += unanswered
        shown = [subject.shown() for subject in self._subjects]
        self._tell(
            {
                **self._counts(), "began": self._began, "reasons": self._reasons,
                "durations": self._latencies.encoded(), "shown": shown,
            }
        )  # fmt: skip

    def _tell(self, answer: dict[str, Any]) -> None:
        data = json.dumps(answer).encode() + b"\n"
        while data:
            data = data[os.write(self._answers, data) :]


def _reason(error: Exception) -> str:
    """The same words for all errors of a kind."""
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno, str(error))
    return str(error) or type(error).__name__
