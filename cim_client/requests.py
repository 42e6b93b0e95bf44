"""Asking and answering: requests with a number, asked again until there is an answer or no time left."""

from collections.abc import Callable
from typing import Any

import trio

from cim_client.checks import writable
from cim_client.errors import CimError, Closed, Refused, Unavailable, is_passing
from cim_common.wire.codes import Code
from cim_common.wire.messages import Failed

REQUEST_TIMEOUT_S = 30.0
MAX_REQUESTS = 256
"""Requests under way; further ones wait for their turn."""

MIN_PAUSE_S = 0.05


class _Request:
    """A request waiting for its answer."""

    __slots__ = ("answer", "done", "message", "tries", "written")

    def __init__(self, message: Any) -> None:
        self.message = message
        self.answer: Any = None
        self.written = False
        self.tries = 0
        self.done = trio.Event()


class Requests:
    """All requests of a client. `wake` says that there is something to write."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: dict[int, _Request] = {}
        self._next = 0
        self._room = trio.CapacityLimiter(MAX_REQUESTS)
        self._ended: CimError | None = None

    def check_open(self) -> None:
        """Raises Closed once the client has ended."""
        if self._ended is not None:
            raise Closed(self._ended.code, str(self._ended))

    async def ask(
        self,
        make: Callable[[int], Any],
        timeout_s: float = REQUEST_TIMEOUT_S,
        done_already: Code | None = None,
    ) -> Any:
        """The answer to the message that `make` makes of a request number.

        Asked again on every new connection, and after the time it names when the answer is "not now". A change that
        was asked twice may find itself carried out: `done_already` is the refusal that then means success.

        Raises:
            Refused: the request was refused for good.
            Unavailable: no answer in time.
            Closed: the client has ended.
        """
        self.check_open()
        failed: Failed | None = None
        tries = 0
        with trio.move_on_after(timeout_s):
            async with self._room:
                while True:
                    answer, written = await self._once(make)
                    tries += written
                    if not isinstance(answer, Failed):
                        return answer
                    if answer.code == done_already and tries > 1:
                        return answer
                    if not is_passing(answer.code):
                        raise Refused(answer.code, answer.message, answer.seq)
                    failed = answer
                    await trio.sleep(max(answer.after_ms / 1000, MIN_PAUSE_S))
        if failed is not None:
            raise Unavailable(failed.code, failed.message)
        raise Unavailable(Code.NO_SERVER, "The server did not answer in time.")

    async def _once(self, make: Callable[[int], Any]) -> tuple[Any, int]:
        self.check_open()
        self._next += 1
        number = self._next
        waiting = self._waiting[number] = _Request(writable(make(number)))
        self._wake()
        try:
            await waiting.done.wait()
        finally:
            del self._waiting[number]
        self.check_open()
        return waiting.answer, waiting.tries

    def frames(self) -> list[Any]:
        """What is to be asked on this connection and was not yet."""
        out = []
        for waiting in self._waiting.values():
            if not waiting.written:
                waiting.written = True
                waiting.tries += 1
                out.append(waiting.message)
        return out

    def answer(self, number: int, answer: Any) -> bool:
        """Whether somebody has asked that."""
        waiting = self._waiting.get(number)
        if waiting is None or waiting.done.is_set():
            return False
        waiting.answer = answer
        waiting.done.set()
        return True

    def disconnected(self) -> None:
        for waiting in self._waiting.values():
            waiting.written = False

    def end(self, error: CimError) -> None:
        """Nobody will answer any more."""
        self._ended = error
        for waiting in self._waiting.values():
            waiting.done.set()
