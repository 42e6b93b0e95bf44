"""Starting programs and waiting for what they show."""

import sys

import pytest

from cim.bench.startup import Settings, StartupError, run, until_shown

SCRIPT = r"""
import sys
assert sys.stdout.isatty()
print("\x1b[?25l\x1b[1m>\x1b[0m ", end="", flush=True)
sys.stdin.read()
"""
SHOWS = [sys.executable, "-c", SCRIPT]


def test_a_program_is_seen_through_its_escapes_and_let_go() -> None:
    assert 0 < until_shown(SHOWS, {}, b"> ") < 30


def test_a_program_that_ends_is_an_error_with_what_it_said() -> None:
    with pytest.raises(StartupError, match=r"did not start: .*no route here"):
        until_shown([sys.executable, "-c", "print('no route here')"], {}, b"never")


def test_everything_is_started_once() -> None:
    result = run(Settings(times=1, servers=1))
    assert set(result.figures) == {"help_seconds", "up_seconds", "up_max_seconds", "chat_seconds", "chat_max_seconds"}
    assert all(value is not None and value > 0 for value in result.figures.values())
