"""Where a figure comes from: the moment, the commit, the command, the processor, the engine."""

import contextlib
import functools
import platform
import re
import shlex
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

GIT_TIMEOUT_S = 5.0

BUILT_FROM = Path(__file__).with_name("built-from")

LOOPBACK = ("127.0.0.1", "localhost", "::1")

FOLDERS = re.compile(r"(?<![\w/:.])~?/(?:[^/\s'\"]+/)*")
ADDRESS = re.compile(r"(\w+)://[^\s'\"]+")


def now() -> str:
    """ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def engine_of(info: Mapping[str, Any]) -> str | None:
    """Name and version of a Redis by its INFO."""
    for name in ("valkey", "redis"):
        if f"{name}_version" in info:
            return f"{name} {info[f'{name}_version']}"
    return None


@functools.cache
def commit() -> str | None:
    """The commit this code is of, with "+changes" when files differ from it. None when that is not known: outside a
    checkout it is what `tools/compile` has written down."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        with contextlib.suppress(FileNotFoundError):
            return BUILT_FROM.read_text().strip() or None
        return None
    git = ["git", "-C", str(root)]
    try:
        head = _run([*git, "rev-parse", "--short=12", "HEAD"])
        return head + ("+changes" if _run([*git, "status", "--porcelain"]) else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=GIT_TIMEOUT_S)
    return done.stdout.strip()


def said(arguments: list[str]) -> str:
    """A command as a record may show it: no folder and no host of the machine it was given on."""
    return shlex.join(["cim", *(ADDRESS.sub(_shown, FOLDERS.sub("", one)) for one in arguments)])


def _shown(match: re.Match[str]) -> str:
    url = urlsplit(match[0])
    return match[0] if url.hostname in LOOPBACK and not url.username else f"{url.scheme}://..."


def cpu() -> str:
    """The name the processor gives itself; its kind where it gives none."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
