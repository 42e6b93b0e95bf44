"""Calls that need no thread: logins with a token and messages, which are most of what route is asked.

A request in a thread costs more in changes of threads than in work: each of its system calls lets another thread have
the interpreter, and takes it back. These calls run in the thread of the network instead. Their steps (`steps.py`) never
wait there: what they ask for is begun, and they go on when it has come. One turn, after each poll:

1. requests that have been read are offered, replies and settled appends resume calls (`_advance`);
2. what these have asked of the store is one write, and each server they want to know of is asked once.

Whatever would make this thread wait is left to the threads, with the whole request and before anything has been done
about it: a password, a server whose name has to be looked up, a budget that has to be leased, a store that is away.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog
from flask import json
from pydantic import ValidationError

from cim_common.accept import Append
from cim_common.store import resp
from cim_common.store.flow import StoreUnavailable
from cim_common.wire.codes import Code
from cim_route import problems
from cim_route.appending import Appending, Refused, outcome
from cim_route.link import Link
from cim_route.parts import Parts
from cim_route.polled import Sockets
from cim_route.probes import Probes
from cim_route.problems import Problem
from cim_route.steps import Answer, Asked, Charge, InlineCall, Probe, Steps, Wait

log = structlog.get_logger()

CHECK_EVERY_S = 0.5
"""How often overdue replies, connections and appends are looked for."""

Done = Callable[[Answer | None], None]
"""Gets what to answer; None: the request is for a thread."""


class Elsewhere(Exception):
    """This call cannot go on here, and has done nothing yet."""


class _Call:
    """One request under way."""

    __slots__ = ("done", "due", "steps")

    def __init__(self, steps: Steps[Answer], done: Done) -> None:
        self.steps, self.done = steps, done
        self.due = 0.0


class Inline:
    """Runs in the thread that turns it; only `settled` and `post` are called by others."""

    def __init__(self, parts: Parts, calls: Mapping[str, InlineCall], link: Link) -> None:
        self._parts = parts
        self._calls = calls
        self._link = link
        self._probes = Probes()
        self._sockets: Sockets = {}
        self._wake: Callable[[], None] = lambda: None
        self._posted: deque[Callable[[], None]] = deque()
        self._awake = False
        self._appending: dict[Append, _Call] = {}
        self._check_at = 0.0

    def start(self, sockets: Sockets, wake: Callable[[], None]) -> None:
        """`wake` ends a poll of `sockets`, from any thread."""
        self._sockets, self._wake = sockets, wake
        self._link.keep(sockets, self.post)

    def end(self) -> None:
        self._link.end()

    def takes(self, path: str) -> bool:
        """Whether a POST to that path may be offered."""
        return path in self._calls and self._link.up and self._parts.store.checked

    def offer(self, path: str, asked: Asked, done: Done) -> None:
        """Answer it if that can be done here; `done` is called once, perhaps at once."""
        steps = self._calls[path](asked)
        if steps is None:
            done(None)
        else:
            self._advance(_Call(steps, done), None)

    def turn(self) -> None:
        """What is overdue, then what has been posted, by that too, then what has been asked for."""
        now = time.monotonic()
        if now >= self._check_at:
            self._check_at = now + CHECK_EVERY_S
            self._check(now)
        self._awake = False
        while self._posted:
            self._posted.popleft()()
        self._probes.begin(self._sockets)
        self._link.flush()

    def post(self, what: Callable[[], None]) -> None:
        """Have it called in the thread of the network; from any thread."""
        self._posted.append(what)
        if not self._awake:
            self._awake = True
            self._wake()

    def settled(self, append: Append) -> None:
        """An append has ended, and the acceptor says so."""
        self.post(partial(self._appended, append))

    # -- steps ------------------------------------------------------------------------------------------

    def _advance(self, call: _Call, answer: Any) -> None:
        """Go on with what was asked for, or with the error that came instead, as far as it goes without waiting."""
        try:
            while True:
                asked = call.steps.throw(answer) if isinstance(answer, Exception) else call.steps.send(answer)
                try:
                    self._begin(call, asked)
                except (Refused, StoreUnavailable) as error:
                    answer = error
                else:
                    if not isinstance(asked, Charge):
                        return
                    answer = None
        except StopIteration as stop:
            call.done(stop.value)
        except Elsewhere:
            call.steps.close()
            call.done(None)
        except Problem as problem:
            call.done(_of_problem(problem))
        except ValidationError as error:
            call.done(_of_problem(problems.of_validation(error)))
        except Exception as error:
            call.done(_of_problem(problems.of_failure(error)))

    def _begin(self, call: _Call, asked: Wait) -> None:
        if isinstance(asked, list):
            self._link.ask(asked, partial(self._replied, call))
        elif isinstance(asked, Charge):
            if not self._parts.budgets.spend(asked.user, asked.budget):
                raise Elsewhere
        elif isinstance(asked, Probe):
            if not self._probes.ask(asked.server, partial(self._advance, call)):
                raise Elsewhere
        else:
            self._append(call, asked)

    def _replied(self, call: _Call, replies: list[Any] | StoreUnavailable) -> None:
        if isinstance(replies, list):
            self._advance(call, resp.first_error(replies) or replies)
        else:
            self._advance(call, replies)

    def _append(self, call: _Call, asked: Appending) -> None:
        call.due = time.monotonic() + asked.timeout_s
        append = self._parts.acceptor.begin(asked, self)
        self._appending[append] = call

    def _appended(self, append: Append) -> None:
        call = self._appending.pop(append, None)
        if call is None:
            return  # the request was answered that nobody knows
        try:
            answer: Any = outcome(append)
        except Refused as refused:
            answer = refused
        self._advance(call, answer)

    def _check(self, now: float) -> None:
        self._link.check(now)
        self._probes.check(now)
        for append in [append for append, call in self._appending.items() if call.due < now]:
            self._advance(self._appending.pop(append), Refused(Code.OUTCOME_UNKNOWN, 1.0))


def _of_problem(problem: Problem) -> Answer:
    headers = [*problem.headers(), ("Cache-Control", "no-store")]
    return Answer(problem.status, headers, json.dumps(problem.document()).encode())
