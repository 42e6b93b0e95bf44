"""Disks that tests fill, and give their space back.

`TmpfsDisk` is the real thing: the whole data folder on a file system of 8 MiB, in a mount namespace of the cluster's
own, so that nothing has to be unmounted. It needs a kernel that lets us make one, as root or in a user namespace.
`FileLimit` needs nothing: no file of the cluster may grow beyond what Redis's has reached (RLIMIT_FSIZE), and what
is written beyond it fails as on a full disk, only with another error number (EFBIG).
"""

import contextlib
import errno
import os
import resource
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from tests.faults.synced_log import log_file
from tests.system.cluster import Cluster

NewCluster = Callable[..., Cluster]
SIZE = "8m"
_MOUNT = f'mount -t tmpfs -o size={SIZE} tmpfs "$1" && shift && exec "$@"'


class SmallDisk(Protocol):
    """A running cluster whose data folder can run out of space."""

    cluster: Cluster

    def fill(self) -> None: ...

    def free(self) -> None: ...


class TmpfsDisk:
    """A small file system of its own under the data folder."""

    def __init__(self, new_cluster: NewCluster, folder: Path) -> None:
        data = folder / "cluster0" / "data"
        prefix = unshared()
        assert prefix is not None
        # The fixture makes the cluster's folder; the data folder has to be there to be mounted on.
        within = [*prefix, "sh", "-c", f'mkdir -p "$1" && {_MOUNT}', "sh", str(data)]
        self.cluster = new_cluster(within=within)
        assert self.cluster.process is not None
        self._data = Path(f"/proc/{self.cluster.process.pid}/root{data}")

    def fill(self) -> None:
        """To the last byte: the logs' last pages have room for some lines, too."""
        _fill(self._data / "filler", b"x" * 4096)
        for log in (self._data / "logs").iterdir():
            _fill(log, b"\n")

    def free(self) -> None:
        (self._data / "filler").unlink()


def _fill(path: Path, piece: bytes) -> None:
    """Lengthen a file until there is no space."""
    with path.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(piece)
        except OSError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017


class FileLimit:
    """No space for longer files, for the supervisor, its Redis, and every Redis it starts."""

    def __init__(self, new_cluster: NewCluster, folder: Path) -> None:
        self.cluster = new_cluster()

    def fill(self) -> None:
        size = log_file(self.cluster.folder / "data" / "redis").stat().st_size
        # The supervisor first: a child it starts meanwhile inherits the limit.
        for pid in (self._supervisor, self.cluster.pid_of("redis")):
            _limit_files(pid, size)

    def free(self) -> None:
        _limit_files(self._supervisor, resource.RLIM_INFINITY)
        for pid in _children(self._supervisor):
            with contextlib.suppress(ProcessLookupError):
                _limit_files(pid, resource.RLIM_INFINITY)

    @property
    def _supervisor(self) -> int:
        assert self.cluster.process is not None
        return self.cluster.process.pid


def _limit_files(pid: int, size: int) -> None:
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def _children(parent: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent:
                    found.append(int(entry))
    return found


@cache
def unshared() -> tuple[str, ...] | None:
    """The command that runs another where it may mount; None where this machine permits neither way."""
    for prefix in (("unshare", "--mount"), ("unshare", "--mount", "--map-root-user")):
        probe = [*prefix, "sh", "-c", _MOUNT, "sh", "/tmp", "true"]
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return prefix
    return None


def kinds() -> list[type[TmpfsDisk] | type[FileLimit]]:
    """What can be made here: the limit always."""
    return [FileLimit] if unshared() is None else [FileLimit, TmpfsDisk]


class ClientFolder(Protocol):
    """Where a client keeps its data, on a disk that can run out of space. `within` runs a command that sees it."""

    path: Path
    within: Sequence[str]

    def fill(self, pid: int) -> None:
        """No space for that client from now on."""

    def free(self, pid: int) -> None: ...

    def close(self) -> None: ...


class LimitedFolder:
    """No file of the client may grow."""

    within = ()

    def __init__(self, folder: Path) -> None:
        self.path = folder

    def fill(self, pid: int) -> None:
        _limit_files(pid, min(log.stat().st_size for log in self.path.rglob("*.db-wal")))

    def free(self, pid: int) -> None:
        """Another process has no limit."""

    def close(self) -> None:
        """Nothing was made."""


class SmallFolder:
    """A small file system, in a mount namespace that a process of ours holds open."""

    def __init__(self, folder: Path) -> None:
        prefix = unshared()
        assert prefix is not None
        folder.mkdir(exist_ok=True)
        hold = ["sh", "-c", f"{_MOUNT.replace('exec', 'echo ready && exec')}", "sh", str(folder), "sleep", "infinity"]
        self._holder = subprocess.Popen([*prefix, *hold], stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n"
        rooted = ("--user", "--preserve-credentials") if "--map-root-user" in prefix else ()
        self.within = ("nsenter", "--target", str(self._holder.pid), "--mount", *rooted)
        self.path = Path(f"/proc/{self._holder.pid}/root{folder}")

    def fill(self, pid: int) -> None:
        _fill(self.path / "filler", b"x" * 4096)

    def free(self, pid: int) -> None:
        (self.path / "filler").unlink()

    def close(self) -> None:
        self._holder.kill()
        self._holder.communicate()


def client_folders() -> list[type[LimitedFolder] | type[SmallFolder]]:
    """What can be made here: the limit always."""
    return [LimitedFolder] if unshared() is None else [LimitedFolder, SmallFolder]
