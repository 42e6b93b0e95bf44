"""How soon a key shows on the screen: a program on a terminal, keys typed into it, the time until each is drawn.

    python -m tests.echoes --ready 'lobby>' --first '@rate 500 20' -- python tests/cim_client/terminal/typist.py

Each key is a character that has not been on the screen before, so its first appearance in what the program writes is
its echo; nothing has to be emulated, which would take the time that is measured. Figures of one machine, for people:
no test asserts them.
"""

import argparse
import fcntl
import os
import pty
import random
import re
import select
import signal
import statistics
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

CHARACTERS = [chr(code) for code in range(0x4E00, 0x9F00)]
"""No message of the programs under test has these."""

KEYS_A_LINE = 25
TIMEOUT_S = 30.0
_CLEAR = b"\x15"


class Echoes(NamedTuple):
    """Seconds from each key to its echo, the processor time the program took meanwhile, and what it wrote."""

    delays_s: list[float]
    cpu_s: float
    elapsed_s: float
    output_bytes: int

    def report(self) -> str:
        delays = sorted(1_000 * delay for delay in self.delays_s)
        quantile = statistics.quantiles(delays, n=100, method="inclusive")
        return (
            f"{len(delays)} keys: median {quantile[49]:.1f} ms, 90 % {quantile[89]:.1f} ms, "
            f"99 % {quantile[98]:.1f} ms, longest {delays[-1]:.1f} ms; "
            f"processor {100 * self.cpu_s / self.elapsed_s:.0f} %, "
            f"{self.output_bytes / self.elapsed_s / 1_000:.0f} kB/s written in {self.elapsed_s:.0f} s"
        )


class Program:
    """A program on a terminal, its output as bytes."""

    def __init__(self, argv: Sequence[str], columns: int = 100, rows: int = 30) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = os.environ | {"TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=environment,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)
        self.output_bytes = 0

    def until(self, found: Callable[[bytes], bool], for_s: float = TIMEOUT_S) -> None:
        """Read until the output of this call has it."""
        deadline = time.monotonic() + for_s
        seen = b""
        while not found(seen):
            if time.monotonic() > deadline:
                raise TimeoutError(f"never written; the last was {seen[-300:]!r}")
            data = self._read(deadline)
            seen = seen[-100_000:] + data

    def drain(self, for_s: float) -> None:
        deadline = time.monotonic() + for_s
        while time.monotonic() < deadline:
            self._read(deadline)

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def cpu_s(self) -> float:
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.drain(0.5)
                self.process.wait(5)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()
        os.close(self.master)

    def _read(self, deadline: float) -> bytes:
        if not select.select([self.master], [], [], max(deadline - time.monotonic(), 0))[0]:
            return b""
        data = os.read(self.master, 65_536)
        self.output_bytes += len(data)
        return data


def measure(program: Program, keys: int, interval_s: float) -> Echoes:
    """Types `keys` keys about every `interval_s`, and clears the line now and then."""
    characters = random.sample(CHARACTERS, keys)
    delays = []
    began, cpu_before, bytes_before = time.monotonic(), program.cpu_s(), program.output_bytes
    for count, character in enumerate(characters):
        program.drain(interval_s * random.uniform(0.5, 1.5))
        wanted = character.encode()
        typed = time.perf_counter()
        program.type(wanted)
        program.until(lambda seen, wanted=wanted: wanted in seen)  # type: ignore[misc]
        delays.append(time.perf_counter() - typed)
        if count % KEYS_A_LINE == KEYS_A_LINE - 1:
            program.type(_CLEAR)
    elapsed = time.monotonic() - began
    return Echoes(delays, program.cpu_s() - cpu_before, elapsed, program.output_bytes - bytes_before)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--interval", type=float, default=0.08, help="seconds between two keys")
    parser.add_argument("--ready", default=">", help="the program is ready when it has written this (a pattern)")
    parser.add_argument("--first", default="", help="a line to type first, which starts the load")
    parser.add_argument("--settle", type=float, default=1.0, help="seconds before the first key")
    parser.add_argument("argv", nargs="+")
    options = parser.parse_args()
    program = Program(options.argv)
    try:
        program.until(lambda seen: re.search(options.ready.encode(), seen) is not None)
        if options.first:
            program.type(options.first.encode() + b"\r")
        program.drain(options.settle)
        print(measure(program, options.keys, options.interval).report())
    finally:
        program.end()


if __name__ == "__main__":
    main()
