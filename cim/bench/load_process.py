"""What processes that make load have in common on their inside (`worker.py` is the outside)."""

import gc
import os
import sys

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


def freeze() -> None:
    """What lives for the whole run is not looked through again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
