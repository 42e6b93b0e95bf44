"""Fault points: off by default, armed by a file, fired once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from cim_common import faults

PASS_FOUR_TIMES = """
from cim_common import faults
from cim_common.faults import Point
faults.arm("s1")
print(faults.armed, flush=True)
for passed in range(1, 5):
    if faults.armed:
        faults.reach(Point.APPLIED)
    print(passed, flush=True)
"""


def run(folder: Path | None) -> tuple[int, list[str]]:
    environment = {name: value for name, value in os.environ.items() if name != faults.VARIABLE}
    if folder is not None:
        environment[faults.VARIABLE] = str(folder)
    done = subprocess.run([sys.executable, "-c", PASS_FOUR_TIMES], env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout.split()


def test_nothing_happens_without_the_variable() -> None:
    assert run(None) == (0, ["False", "1", "2", "3", "4"])


def test_a_process_dies_at_an_armed_point_once(tmp_path: Path) -> None:
    (tmp_path / "s1@applied").write_text("kill")
    (tmp_path / "s2@applied").write_text("kill")
    (tmp_path / "s1@push-read").write_text("kill")
    assert run(tmp_path) == (-signal.SIGKILL, ["True"])
    assert run(tmp_path) == (0, ["True", "1", "2", "3", "4"])
    assert len(list(tmp_path.iterdir())) == 2


def test_a_point_may_be_passed_some_times_before(tmp_path: Path) -> None:
    (tmp_path / "s1@applied").write_text("kill 3")
    assert run(tmp_path) == (-signal.SIGKILL, ["True", "1", "2"])
