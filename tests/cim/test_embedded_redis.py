"""The allocator of the embedded Redis: the machine's jemalloc, or the C library's with a larger cache."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cim import embedded_redis
from cim.data_folder import DataFolder
from cim.embedded_redis import TUNABLES, EmbeddedRedis, allocator, binary
from tests.real_servers import eventually, free_port

ALWAYS_THERE = "libanl.so.1"
"""Of the C library itself, and nothing that a Redis would load."""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("LD_PRELOAD", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    allocator.cache_clear()
    yield
    allocator.cache_clear()


def test_a_library_that_the_machine_has_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(embedded_redis, "JEMALLOC", ALWAYS_THERE)
    folder = DataFolder(tmp_path)
    embedded = EmbeddedRedis(folder, free_port())
    process = subprocess.Popen(embedded.command, env={**os.environ, **embedded.environment})
    try:
        eventually(embedded.answers, 20)
        assert ALWAYS_THERE in Path(f"/proc/{process.pid}/maps").read_text()
    finally:
        process.terminate()
        process.wait(20)
        folder.close()


def test_without_it_the_c_library_keeps_more_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_redis, "JEMALLOC", "libnowhere.so.2")
    path, _ = binary()
    assert allocator(path) == {"GLIBC_TUNABLES": TUNABLES}
    subprocess.run([path, "--version"], env={**os.environ, **allocator(path)}, check=True, capture_output=True)


def test_what_the_operator_has_set_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_redis, "JEMALLOC", ALWAYS_THERE)
    path, _ = binary()
    monkeypatch.setenv("LD_PRELOAD", "")
    assert allocator(path) == {"GLIBC_TUNABLES": TUNABLES}
    allocator.cache_clear()
    monkeypatch.setenv("GLIBC_TUNABLES", "")
    assert allocator(path) == {}
