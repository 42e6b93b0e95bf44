"""The table of strace(1), and a process that makes known calls."""

import subprocess
import sys
from pathlib import Path

import pytest

from cim.bench import syscalls
from cim.bench.syscalls import NotPermitted, Tracing, parse

TABLE = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 61,44    0.004000           4       901           sendto
 38.56    0.002510           2       877        12 recvfrom
  0.00    0.000000           0         3           fdatasync
------ ----------- ----------- --------- --------- ----------------
100.00    0.006510           3      1781        12 total
"""


def test_the_table_is_read() -> None:
    assert parse(TABLE.replace("61,44", "61.44")) == {"sendto": 901, "recvfrom": 877, "fdatasync": 3}
    assert parse("") == {}


def test_calls_of_a_running_process_are_counted(tmp_path: Path) -> None:
    code = (
        f"import os\nfile = os.open({str(tmp_path / 'f')!r}, os.O_CREAT | os.O_WRONLY)\nprint(1, flush=True)\ninput()"
    )
    code += "\nfor _ in range(7):\n    os.write(file, b'x')\n    os.fdatasync(file)\nprint(2, flush=True)\ninput()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    tracing = Tracing([process.pid], syscalls.SYNCS)
    tracing.start()
    process.stdin.write(b"\n")
    process.stdin.flush()
    process.stdout.readline()
    assert tracing.stop() == {"fdatasync": 7}
    process.communicate(b"\n")


def test_without_strace_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotPermitted, match="not installed"):
        Tracing([1]).start()
