"""Children: started again with back-off, ended with their parent, stopped in order."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from cim.supervisor import Child, StartFailed, how, keep, stop, wait_until
from tests.real_servers import eventually, eventually_async

FOREVER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


def child(folder: Path, command: list[str]) -> Child:
    return Child("worker", lambda: command, folder / "log", {})


def is_up(made: Child, folder: Path) -> bool:
    return (folder / "log").read_text().startswith("up")


async def test_a_child_that_dies_is_started_again_and_said_so(tmp_path: Path) -> None:
    said: list[str] = []
    made = child(tmp_path, FOREVER)
    made.start()
    first = made.pid
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep, made, said.append)
        made.signal(signal.SIGKILL)
        await eventually_async(lambda: len(said) == 2)
        nursery.cancel_scope.cancel()
    assert said[0] == "worker killed by SIGKILL; starting it again in 0.2 s"
    assert said[1] == f"worker started again (process {made.pid})"
    assert made.pid != first
    await stop([made], 5)
    assert made.ended() is not None


async def test_back_off_doubles(tmp_path: Path) -> None:
    said: list[str] = []
    made = child(tmp_path, [sys.executable, "-c", "raise SystemExit(3)"])
    made.start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep, made, said.append)
        await eventually_async(lambda: len(said) >= 5)
        nursery.cancel_scope.cancel()
    assert [line.partition("; ")[2] for line in said[::2]][:3] == [
        "starting it again in 0.2 s",
        "starting it again in 0.4 s",
        "starting it again in 0.8 s",
    ]
    assert said[0].startswith("worker ended with code 3")


async def test_a_stubborn_child_is_killed(tmp_path: Path) -> None:
    made = child(tmp_path, STUBBORN)
    made.start()
    await eventually_async(lambda: is_up(made, tmp_path))
    await stop([made], 0.3)
    assert made.ended() == -signal.SIGKILL


async def test_a_child_that_does_not_come_up_is_told_with_its_last_words(tmp_path: Path) -> None:
    made = child(tmp_path, [sys.executable, "-c", "print('the reason'); raise SystemExit(1)"])
    made.start()
    with pytest.raises(StartFailed, match="worker did not start: the reason"):
        await wait_until(made, lambda: False, 10)


async def test_waiting_ends_with_what_the_child_needs(tmp_path: Path) -> None:
    made = child(tmp_path, FOREVER)
    store = Child(
        "store", lambda: [sys.executable, "-c", "print('disk full'); raise SystemExit(1)"], tmp_path / "s", {}
    )
    made.start()
    store.start()
    with pytest.raises(StartFailed, match="store did not start: disk full"):
        await wait_until(made, lambda: False, 10, store)
    await stop([made], 5)


def test_children_end_with_a_killed_parent(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from cim.supervisor import Child\n"
        f"c = Child('w', lambda: {FOREVER!r}, Path({str(tmp_path / 'log')!r}), {{}})\n"
        "c.start(); print(c.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    eventually(lambda: (tmp_path / "log").read_text().startswith("up"))
    parent.kill()
    parent.communicate()
    eventually(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_exit_codes_in_words() -> None:
    assert how(3) == "ended with code 3"
    assert how(-15) == "killed by SIGTERM"
