"""What was done before a program died stands in its file."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.faults.history import Recorder, Stored, content, parse, read, reopen

KILLED = """
import os, sys
from tests.faults.history import Recorder
recorder = Recorder(open(sys.argv[1], "w"), "alice", "phone")
recorder.send("lobby", 1, "hello")
os.kill(os.getpid(), 9)
"""


def test_an_event_is_written_before_the_action_goes_on(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "alice.jsonl")], check=False)
    assert done.returncode == -signal.SIGKILL
    ((event,),) = read(tmp_path)
    assert (event.kind, event.user, event.device, event.n, event.text) == ("send", "alice", "phone", 1, "hello")
    assert event.t > 0


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    found = [Stored(2, "bob:b:1", "bob", "line\nbreak\u2028"), Stored(1, "alice:a:1", "alice", "x" * 100)]
    with (tmp_path / "alice.jsonl").open("w", encoding="utf-8") as stream:
        recorder = Recorder(stream, "alice", "a", clock=lambda: 7)
        event = recorder.record("members", conversation="lobby", members=("alice", "bob"), complete=True)
        recorder.receive("lobby", found[0])
        recorder.history("lobby", 1, 5, found)
    written, received, history = read(tmp_path)[0]
    assert written == event
    assert (received.text, received.sender, received.seq) == ("line\nbreak\u2028", "bob", 2)
    assert history.entries == (found[0], found[1]._replace(text=content("x" * 100)))
    assert (history.seq, history.since, history.t) == (1, 5, 7)


def test_half_a_line_at_the_end_is_dropped() -> None:
    assert [event.kind for event in parse(['{"kind":"begin","t":1}\n', '{"kind":"fin'])] == ["begin"]


def test_a_program_goes_on_in_the_file_of_its_last_run(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    assert reopen(path) == []
    path.write_text('{"kind":"begin","t":1}\n{"kind":"fin')
    assert [event.kind for event in reopen(path)] == ["begin"]
    with path.open("a") as stream:
        Recorder(stream, "alice", "a").record("resume")
    assert [event.kind for event in read(tmp_path)[0]] == ["begin", "resume"]


def test_long_texts_are_told_apart_by_their_digest() -> None:
    assert content("short") == "short"
    assert content("x" * 100 + "1") != content("x" * 100 + "2")
    assert len(content("x" * 100_000)) < 64
