"""Runs a command that ends with its parent: `python -m cim.child PARENT-PID COMMAND...`.

However the parent dies, `kill -9` included, the kernel then kills this process (prctl(2), PR_SET_PDEATHSIG). The
setting survives exec, so the command need not know. Where there is no prctl the command just runs.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent is gone; exits if it is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
