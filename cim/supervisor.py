"""Keeps child processes running: starts them, tells when one ends, starts it again with back-off, stops them all."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import trio

from cim_common.build import program

BACK_OFF_S = 0.2
MAX_BACK_OFF_S = 3.0
"""What a child waited for (space on the disk, say) is used within 10 s: 3 s here, 2 s to start, 2 s for those who
reconnect to it. A child that ends at once every time costs a start every 3 s, which is little."""

STEADY_S = 30.0
"""A child that lived so long has recovered: the back-off begins anew."""

POLL_S = 0.05
MAX_LOG_BYTES = 10 * 1024 * 1024


class StartFailed(Exception):
    """A child did not come up; one sentence."""


class Child:
    """One process that should run. `command` is asked at each start: ports are kept once they are known."""

    def __init__(self, name: str, command: Callable[[], Sequence[str]], log: Path, environment: dict[str, str]) -> None:
        self.name = name
        self._command = command
        self._log = log
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it in a session of its own, so that a terminal's Ctrl-C reaches only us; it ends when we end."""
        if self._log.exists() and self._log.stat().st_size > MAX_LOG_BYTES:
            self._log.replace(self._log.with_suffix(".old"))
        command = [*program("cim.child"), str(os.getpid()), *self._command()]
        descriptor = os.open(self._log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
                env={**os.environ, **self._environment},
            )
        finally:
            os.close(descriptor)

    def ended(self) -> int | None:
        """The exit code (negative: the signal), None while it runs."""
        return None if self._process is None else self._process.poll()

    def last_words(self) -> str:
        """The last line it wrote."""
        lines = self._log.read_bytes()[-2000:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)


def how(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"


async def wait_until(child: Child, up: Callable[[], bool], timeout_s: float, *needed: Child) -> None:
    """Wait until a started child answers; `needed` are those without which it never would.

    Raises:
        StartFailed: it ended, or one it needs, or it did not answer in time.
    """
    deadline = time.monotonic() + timeout_s
    while not await trio.to_thread.run_sync(up):
        for one in (child, *needed):
            if one.ended() is not None:
                raise StartFailed(f"{one.name} did not start: {one.last_words()}")
        if time.monotonic() > deadline:
            raise StartFailed(f"{child.name} did not answer within {timeout_s:g} s: {child.last_words()}")
        await trio.sleep(POLL_S)


async def keep(child: Child, say: Callable[[str], None], restarted: Callable[[], None] = lambda: None) -> None:
    """Start the child again whenever it ends, and tell; until cancelled."""
    back_off = BACK_OFF_S
    started = time.monotonic()
    while True:
        code = child.ended()
        if code is None:
            await trio.sleep(POLL_S)
            continue
        if time.monotonic() - started > STEADY_S:
            back_off = BACK_OFF_S
        say(f"{child.name} {how(code)}; starting it again in {back_off:g} s")
        await trio.sleep(back_off)
        back_off = min(back_off * 2, MAX_BACK_OFF_S)
        started = time.monotonic()
        try:
            child.start()
        except OSError as error:
            say(f"{child.name} cannot be started: {error}")
            continue
        say(f"{child.name} started again (process {child.pid})")
        restarted()


async def stop(children: Sequence[Child], timeout_s: float) -> None:
    """End children in order: SIGTERM, and SIGKILL for who is still there after `timeout_s`."""
    for child in children:
        child.signal(signal.SIGTERM)
        child.signal(signal.SIGCONT)
    with trio.move_on_after(timeout_s):
        while any(child.pid is not None and child.ended() is None for child in children):
            await trio.sleep(POLL_S)
    for child in children:
        child.signal(signal.SIGKILL)
    while any(child.pid is not None and child.ended() is None for child in children):
        await trio.sleep(POLL_S)
