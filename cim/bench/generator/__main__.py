"""A generator process: on its standard input stand its plan, and then commands, a line each (`load.py`)."""

import gc
import json
import os
import resource
import sys
from typing import Any


def raise_file_limit() -> None:
    """As many connections as the system allows this process."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def read_plan(descriptor: int) -> Any:
    """The plan, after its length in twelve digits, and not a byte more: what follows belongs to the loop."""
    return json.loads(_exactly(descriptor, int(_exactly(descriptor, 12))))


def _exactly(descriptor: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = os.read(descriptor, count - len(data))
        if not part:
            sys.exit("the plan ends early")
        data += part
    return data


def main() -> None:
    from cim.bench.generator.load import Load

    raise_file_limit()
    load = Load(read_plan(sys.stdin.fileno()), sys.stdin.fileno(), sys.stdout.fileno())
    # What lives for the whole run is not looked through again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    load.run()


main()
