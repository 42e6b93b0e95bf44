"""A process of callers: its plan is the first line of its standard input, commands are the lines after it."""

import gc
import json
import os
import resource
import sys

from cim.bench.callers.exchanges import EXCHANGES, Subject
from cim.bench.callers.loop import Loop

READ_BYTES = 1 << 20


def read_line(descriptor: int) -> tuple[bytes, bytes]:
    """The first line, and what was read beyond it. Nothing stays in a buffer: the loop goes on with the descriptor."""
    data = b""
    while (end := data.find(b"\n")) < 0:
        part = os.read(descriptor, READ_BYTES)
        if not part:
            sys.exit("the plan ends early")
        data += part
    return data[:end], data[end + 1 :]


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    line, beyond = read_line(sys.stdin.fileno())
    plan = json.loads(line)
    subjects = [Subject(**one) for one in plan["subjects"]]
    loop = Loop(EXCHANGES[plan["exchange"]], subjects, plan["at_once"], sys.stdin.fileno(), sys.stdout.fileno())
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    loop.obey(beyond)
    loop.run()


main()
