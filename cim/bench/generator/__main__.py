"""A generator process: the first line on its standard input is its plan, the others are commands (`load.py`)."""

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


def read_line(descriptor: int) -> bytes:
    """One line and not a byte more: what follows belongs to the loop."""
    line = bytearray()
    while (byte := os.read(descriptor, 1)) not in (b"", b"\n"):
        line += byte
    return bytes(line)


def main() -> None:
    from cim.bench.generator.load import Load

    raise_file_limit()
    plan: Any = json.loads(read_line(int(sys.argv[1])))
    load = Load(plan, int(sys.argv[1]), sys.stdout.fileno())
    # What lives for the whole run is not looked through again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    load.run()


main()
