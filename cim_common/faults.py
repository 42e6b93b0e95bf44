"""Fault points: named places in the path of a message where a test has a process die (tests/faults/test_points.py).

Those of a client are in `cim chat` (tests/faults/test_client_points.py).

A point is armed by a file `<process>@<point>` in the folder that the environment variable CIM_FAULTS names, holding
"kill", or "kill 3" for the third time the process comes by. The process removes the file before it dies, so the one
that is started in its place lives.

Without the variable `armed` is False, and that is all that is ever looked at: `if faults.armed: faults.reach(...)`.
"""

import os
import signal
from collections import Counter
from enum import StrEnum
from pathlib import Path

VARIABLE = "CIM_FAULTS"


class Point(StrEnum):
    """Where a process may be made to die: after what the name says, and before anything else."""

    APPEND_WRITTEN = "append-written"
    APPEND_ANSWERED = "append-answered"
    ACKNOWLEDGED = "acknowledged"
    PUSHES_WRITTEN = "pushes-written"
    PUSH_READ = "push-read"
    APPLIED = "applied"
    SOCKET_WRITTEN = "socket-written"
    CURSOR_WRITTEN = "cursor-written"
    CREATED = "created"
    LISTS_DUE = "lists-due"
    LIST_WRITTEN = "list-written"
    RUNG = "rung"
    LISTS_DONE = "lists-done"

    # A client's, on the way of a posted message.
    TYPED = "typed"
    KEPT = "kept"
    SENT = "sent"
    ACK_READ = "ack-read"
    FORGOTTEN = "forgotten"


armed = False
_folder = Path()
_process = ""
_passed: Counter[Point] = Counter()


def arm(process: str) -> None:
    """Called once as a process starts, by its composition root: whether there are fault points in this run."""
    global armed, _folder, _process
    folder = os.environ.get(VARIABLE)
    if folder:
        armed, _folder, _process = True, Path(folder), process


def reach(point: Point) -> None:
    """The process is at a point: it dies here if the point is armed."""
    file = _folder / f"{_process}@{point}"
    try:
        action, _, nth = file.read_text().partition(" ")
    except FileNotFoundError:
        return
    _passed[point] += 1
    if action == "kill" and _passed[point] >= int(nth or 1):
        file.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
