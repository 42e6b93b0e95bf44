"""What the kernel tells of processes that do something known."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cim.bench import proc
from tests.real_servers import eventually

SPIN = "import time\nwhile time.process_time() < 0.2: pass"


def python(code: str, **settings: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_time_of_threads_and_of_descendants_alive_and_gone_is_counted() -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SPIN!r}])\n"
    thread = f"import threading\none = threading.Thread(target=lambda: exec({SPIN!r}))\none.start()\none.join()\n"
    alive = f"held = subprocess.Popen([sys.executable, '-c', {SPIN + chr(10) + 'input()'!r}], stdin=subprocess.PIPE)\n"
    process = python(child + thread + alive + "print('done', flush=True)\ninput()")
    assert process.stdout is not None
    assert process.stdout.readline()
    try:
        eventually(lambda: proc.cpu_s(process.pid) > 0.55)
        assert len(proc.family(process.pid)) == 2
    finally:
        process.communicate(b"\n")
    assert proc.family(process.pid) == []
    with pytest.raises(ProcessLookupError):
        proc.cpu_s(process.pid)


def test_memory_taken_and_given_back() -> None:
    code = "import sys\nprint(1, flush=True)\ninput()\nx = bytearray(50_000_000)\nprint(2, flush=True)\ninput()"
    code += "\ndel x\nprint(3, flush=True)\ninput()"
    process = python(code)
    assert process.stdin is not None
    assert process.stdout is not None
    found = []
    for _ in range(3):
        process.stdout.readline()
        found.append(proc.memory(process.pid))
        peak = proc.peak_resident(process.pid)
        if len(found) == 3:
            proc.forget_peak(process.pid)
            assert proc.peak_resident(process.pid) < peak - 40_000_000
        process.stdin.write(b"\n")
        process.stdin.flush()
    process.communicate()
    for before, after in ((found[0], found[1]), (found[2], found[1])):
        assert after.private - before.private > 40_000_000
        assert after.resident - before.resident > 40_000_000
    assert found[0].private <= found[0].resident


def test_descriptors_and_bytes_written(tmp_path: Path) -> None:
    before, written = proc.open_descriptors(os.getpid()), proc.bytes_written(os.getpid())
    with (tmp_path / "file").open("wb", buffering=0) as file:
        file.write(bytes(100_000))
        assert proc.open_descriptors(os.getpid()) == before + 1
    assert 100_000 <= proc.bytes_written(os.getpid()) - written < 150_000


def test_the_kernel_keeps_something() -> None:
    assert proc.kernel().slab > 1_000_000
    assert proc.kernel().buffers >= 0
