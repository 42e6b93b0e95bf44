"""`cim chat` in pipes: plain lines in, plain lines out."""

import os
import subprocess
import sys
from collections.abc import Callable

from cim_client.terminal.console import MAX_LINE_BYTES

PASSWORD = "correct horse"
Piped = Callable[..., "subprocess.CompletedProcess[str]"]


def said(done: "subprocess.CompletedProcess[str]") -> list[str]:
    """What was printed, without the times and numbers."""
    return [line.split(" ", 2)[2] for line in done.stdout.splitlines()]


def test_lines_in_lines_out(piped: Piped) -> None:
    done = piped("hello\nbob;;a;;b\n", CIM_PASSWORD=PASSWORD)
    assert (done.returncode, done.stderr) == (0, "")
    assert said(done) == ["bob: earlier 38", "bob: earlier 39", "bob: earlier 40", "me: hello  ✓", "me → bob: a;;b  ✓"]


def test_everything_is_stored_before_it_ends(piped: Piped) -> None:
    done = piped("".join(f"message {n}\n" for n in range(1_000)), CIM_PASSWORD=PASSWORD)
    assert done.returncode == 0
    assert [line for line in said(done) if "me:" in line] == [f"me: message {n}  ✓" for n in range(1_000)]


def test_the_last_line_needs_no_line_end(piped: Piped) -> None:
    assert said(piped("one\r\ntwo", CIM_PASSWORD=PASSWORD))[3:] == ["me: one  ✓", "me: two  ✓"]


def test_a_line_too_long_is_left_out(piped: Piped) -> None:
    done = piped("x" * (3 * MAX_LINE_BYTES) + "\nshort\n", CIM_PASSWORD=PASSWORD)
    assert said(done)[3:] == ["me: short  ✓"]
    assert "left out" in done.stderr


def test_bytes_that_are_no_text(piped: Piped) -> None:
    assert said(piped("a\x00\x1b[2Jb\n", CIM_PASSWORD=PASSWORD))[3:] == ["me: a␀␛[2Jb  ✓"]


def test_a_narrow_locale_is_survived(piped: Piped) -> None:
    done = piped("hello\n", CIM_PASSWORD=PASSWORD, PYTHONIOENCODING="ascii")
    assert said(done)[3:] == ["me: hello  ?"]


def test_a_file_as_input(piped: Piped) -> None:
    """epoll refuses regular files and /dev/null."""
    code = (
        "import os, sys\n"
        "os.dup2(os.open(os.devnull, os.O_RDONLY), 0)\n"
        "import trio\n"
        "from cim_client.terminal.console import PlainConsole\n"
        "async def main():\n"
        "    return [line async for line in PlainConsole().lines()]\n"
        "sys.exit(trio.run(main) != [])\n"
    )
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0


def test_a_reader_that_leaves(piped: Piped) -> None:
    """`cim chat | head`: no traceback."""
    code = (
        "import os, sys, trio\n"
        "from cim_client.terminal.console import PlainConsole\n"
        "reader, writer = os.pipe()\n"
        "os.close(reader)\n"
        "os.dup2(writer, 1)\n"
        "async def main():\n"
        "    try:\n"
        "        await PlainConsole().show([[('', 'line')]])\n"
        "    except BrokenPipeError:\n"
        "        os._exit(7)\n"
        "trio.run(main)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 7
