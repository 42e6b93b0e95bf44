"""What the embedded Redis forks to rewrite its file runs behind everything else.

A rewrite takes a core, 6 s for each GB; where there are only two, messages queue up meanwhile until clients wait for
seconds. Nobody waits for the rewrite. Redis has no setting for this, so its children are looked for, where there is
a /proc, and given a lower priority.
"""

import os
from contextlib import suppress
from pathlib import Path

import trio

from cim.supervisor import Child

NICENESS = 10
"""A tenth of a core beside processes that want all of it: a rewrite still ends, and only then is the disk relieved."""

LOOK_S = 0.1


def put_behind(parent: int) -> None:
    """Lower the priority of a process's children."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:  # it has ended, or there is no /proc
        return
    for child in map(int, children):
        with suppress(ProcessLookupError):
            if os.getpriority(os.PRIO_PROCESS, child) < NICENESS:
                os.setpriority(os.PRIO_PROCESS, child, NICENESS)


async def keep_behind(child: Child) -> None:
    """The same for whatever it starts from now on; until cancelled."""
    while True:
        if child.pid is not None and child.ended() is None:  # else the number may be another's by now
            put_behind(child.pid)
        await trio.sleep(LOOK_S)
