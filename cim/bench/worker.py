"""A process that makes load, from the outside: given a plan, steered by lines of JSON, answered by lines of JSON."""

import contextlib
import json
import os
import select
import subprocess
import tempfile
import time
from typing import Any

from cim.bench import NotMeasured
from cim.bench.target import start_child
from cim_common.build import program

READ_BYTES = 1 << 20
END_S = 5.0
LAST_WORDS = 500


class GeneratorError(NotMeasured):
    """The load could not be made; a sentence with the reason."""


class Worker:
    """Runs `python -m MODULE` until `end`, or until this process ends. Its plan is the first line it reads.

    Its standard error is a file: a traceback there is what says why it ended.
    """

    def __init__(self, module: str, plan: Any) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        self._process = start_child(program(module), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)
        self.tell(plan)

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, command: Any) -> None:
        """Raises GeneratorError when the process has ended."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise GeneratorError(f"The generator has ended: {self._last_words()}") from error

    def answer(self, within_s: float) -> Any:
        """Its next line; read without a buffer, which could hold back what poll looks for.

        Raises:
            GeneratorError: it does not answer in time, or has ended.
        """
        assert self._process.stdout is not None
        descriptor, line = self._process.stdout.fileno(), b""
        ready = select.poll()  # not select: this process may hold thousands of connections
        ready.register(descriptor, select.POLLIN)
        deadline = time.monotonic() + within_s
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not ready.poll(left * 1000):
                raise GeneratorError("The generator does not answer.")
            data = os.read(descriptor, READ_BYTES)
            if not data:
                raise GeneratorError(f"The generator has ended: {self._last_words()}")
            line += data
        return json.loads(line)

    def end(self) -> None:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        self._errors.close()

    def _last_words(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-LAST_WORDS:].strip()
