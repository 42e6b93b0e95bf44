"""`cim send`, `tail` and the others as processes in pipes, against a real cluster."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import pytest

from cim.piping import WINDOW
from cim_client import blocking
from cim_client.terminal.login import Account
from tests.real_servers import SLOWNESS
from tests.system.cluster import Cluster
from tests.system.people import PASSWORD

WAIT_S = 60.0 * SLOWNESS
LINES = 2_000


def start(cluster: Cluster, *arguments: str, name: str = "prog", **env: str) -> "subprocess.Popen[str]":
    environment = os.environ | {"CIM_PASSWORD": PASSWORD, "CIM_NAME": name, "CIM_CHAT_ROUTE": cluster.route} | env
    environment["CIM_CHAT_DATA"] = env.get("CIM_CHAT_DATA", str(cluster.folder / "none"))
    return subprocess.Popen(
        [sys.executable, "-m", "cim", *arguments], env={k: v for k, v in environment.items() if v}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
    )  # fmt: skip


def run(cluster: Cluster, *arguments: str, text: str = "", name: str = "prog", **env: str) -> tuple[int, str, str]:
    process = start(cluster, *arguments, name=name, **env)
    out, err = process.communicate(text, timeout=WAIT_S)
    return process.returncode, out, err


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def texts_at(cluster: Cluster, name: str, conversation: str = "") -> list[str]:
    with blocking.connect(cluster.route, name=name, password=PASSWORD) as me:
        return [message.text for message in me.history(conversation or name, limit=10 * LINES, after_seq=0)]


def test_one_message_and_how_it_is_read_back(cluster: Cluster) -> None:
    code, out, err = run(cluster, "send", "one", "hello", "--register", "--json", name="one")
    assert (code, err) == (0, "")
    (stored,) = objects(out)
    assert stored["seq"] == 1
    assert run(cluster, "send", "one", "--stdin", text="two\nlines\n", name="one")[:2] == (0, "")
    assert run(cluster, "send", "one", "again", "--reply-to", "1", name="one")[0] == 0
    found = objects(run(cluster, "history", "one", "--json", name="one")[1])
    assert [message["text"] for message in found] == ["hello", "two\nlines", "again"]
    assert found[2]["reply_to"] == 1
    assert found[0]["id"] == stored["id"]
    assert found[0].keys() == {
        "conversation", "seq", "from", "from_id", "text", "id", "time_ms", "reply_to", "edited", "recalled",
        "unverified", "reactions",
    }  # fmt: skip
    assert [m["seq"] for m in objects(run(cluster, "history", "one", "--after", "1", "--json", name="one")[1])] == [
        2,
        3,
    ]
    assert [m["text"] for m in objects(run(cluster, "search", "HELL", "--json", name="one")[1])] == ["hello"]
    assert run(cluster, "users", "on", name="one")[1] == "one\n"


def test_groups(cluster: Cluster) -> None:
    for name in ("grace", "heidi"):
        assert run(cluster, "users", "--register", name=name)[0] == 0
    code, out, _ = run(cluster, "group", "create", "ops", "--json", name="grace")
    made = objects(out)[0]
    assert (code, made["name"]) == (0, "ops")
    for words in (["invite", "ops", "heidi"], ["role", "ops", "heidi", "admin"]):
        assert run(cluster, "group", *words, name="grace") == (0, "", "")
    assert run(cluster, "send", "--group", "ops", "hi", name="heidi") == (0, "", "")
    members = objects(run(cluster, "group", "members", made["id"], "--json", name="grace")[1])
    assert [(member["name"], member["role"]) for member in members] == [("grace", "owner"), ("heidi", "admin")]
    assert [g["title"] for g in objects(run(cluster, "group", "list", "--json", name="heidi")[1])] == ["ops"]
    assert run(cluster, "group", "kick", "ops", "heidi", name="grace")[0] == 0
    assert run(cluster, "send", "--group", "ops", "hi", name="heidi")[0] == 1
    assert run(cluster, "group", "leave", "ops", name="grace")[0] == 0
    assert run(cluster, "group", "list", name="grace")[1] == ""


@pytest.mark.parametrize(
    ("arguments", "env", "code", "said"),
    [
        (["send", "nobody-at-all", "x"], {}, 1, "no user of that name"),
        (["send", "prog", ""], {}, 1, "needs some text"),
        (["send", "prog"], {}, 2, "Say whom and what"),
        (["send", "--group", "no-such", "x"], {}, 1, "no such conversation"),
        (["send", "prog", "x", "--timeout", "0.5"], {"CIM_CHAT_ROUTE": "http://127.0.0.1:1"}, 4, "No connection"),
        (["send", "prog", "x"], {"CIM_PASSWORD": "wrong wrong wrong"}, 5, "password is wrong"),
        (["send", "prog", "x"], {"CIM_PASSWORD": ""}, 5, "CIM_PASSWORD"),
        (["send", "prog", "x"], {"CIM_NAME": ""}, 5, "--as NAME"),
    ],
)
def test_exit_codes(cluster: Cluster, arguments: list[str], env: dict[str, str], code: int, said: str) -> None:
    assert run(cluster, "users", "--register")[0] == 0
    ended, out, err = run(cluster, *arguments, **env)
    assert (ended, out) == (code, "")
    assert said in err
    assert "Traceback" not in err


def test_the_same_id_is_sent_once(cluster: Cluster) -> None:
    first = run(cluster, "send", "ida", "done", "--id", "backup-1", "--register", "--json", name="ida")
    again = run(cluster, "send", "ida", "done", "--id", "backup-1", "--json", name="ida")
    assert first == again
    code, _, err = run(cluster, "send", "ida", "other", "--id", "backup-1", name="ida")
    assert (code, "Idempotency-Key" in err) == (1, True)
    lines = "".join(f"line {n}\n" for n in range(20))
    half = "".join(lines.splitlines(keepends=True)[:9])
    for text in (half, lines, lines):
        assert run(cluster, "send", "ida", "--stdin", "--batch", "--id", "log", text=text, name="ida")[0] == 0
    assert texts_at(cluster, "ida") == ["done", *lines.splitlines()]


def test_a_program_works_beside_a_chat_with_its_token(cluster: Cluster, tmp_path: Path) -> None:
    account = Account(str(tmp_path), cluster.route, "tess")
    account.claim()
    device = account.device_folder
    with blocking.connect(cluster.route, name="tess", password=PASSWORD, register=True, data_dir=device) as chat:
        account.keep_token(chat.token)
        settings = {"CIM_CHAT_DATA": str(tmp_path), "CIM_PASSWORD": "", "CIM_NAME": ""}
        assert run(cluster, "send", "tess", "from a script", **settings) == (0, "", "")
        assert [message.text for message in chat.messages(timeout_s=3)] == ["from a script"]
        assert chat.state == "connected"
    account.release()


def test_tail_prints_what_comes_and_ends_with_its_reader(cluster: Cluster) -> None:
    run(cluster, "users", "--register", name="toni")
    with start(cluster, "tail", "--json", "--conversation", "toni", name="toni") as tail:
        assert tail.stderr is not None
        assert tail.stdout is not None
        assert "listening as toni" in tail.stderr.readline()
        run(cluster, "send", "lobby", "not here", name="toni")
        run(cluster, "send", "toni", "esc \x1b[2J\u202e", name="toni")
        line = tail.stdout.readline()
        assert line.isascii()
        assert json.loads(line)["text"] == "esc \x1b[2J\u202e"
        tail.stdout.close()
        run(cluster, "send", "toni", "nobody reads", name="toni")
        assert tail.wait(WAIT_S) == 128 + signal.SIGPIPE
        assert "Traceback" not in tail.stderr.read()


def test_tail_says_why_it_was_ended(cluster: Cluster) -> None:
    with (
        blocking.connect(cluster.route, name="lola", password=PASSWORD, register=True) as me,
        start(cluster, "tail", name="lola") as tail,
    ):
        assert tail.stderr is not None
        assert "listening" in tail.stderr.readline()
        (device,) = [device.id for device in me.devices() if not device.current]
        me.logout_device(device)
        assert tail.wait(WAIT_S) == 5
        assert "logged out" in tail.stderr.read()


def write_all(pipe: IO[str], lines: list[str]) -> None:
    for line in lines:
        pipe.write(f"{line}\n")
    pipe.close()


@pytest.mark.parametrize("killed", ["server", "route"])
def test_each_line_once_and_in_order_whatever_is_killed(cluster: Cluster, killed: str) -> None:
    name = f"pipe-{killed}"
    run(cluster, "users", "--register", name=name)
    sender = start(cluster, "send", name, "--stdin", "--batch", "--json", name=name)
    lines = [f"line {number} 你好" for number in range(LINES)]
    with sender:
        assert sender.stdin is not None
        assert sender.stdout is not None
        assert sender.stderr is not None
        writer = threading.Thread(target=write_all, args=(sender.stdin, lines))
        writer.start()
        told = [sender.stdout.readline() for _ in range(200)]
        for victim in [server["id"] for server in cluster.ready["servers"]] if killed == "server" else ["route"]:
            cluster.kill(victim)
        told += sender.stdout.readlines()
        writer.join()
        assert (sender.wait(WAIT_S), sender.stderr.read()) == (0, "")
    assert [json.loads(line)["seq"] for line in told] == list(range(1, LINES + 1))
    assert texts_at(cluster, name) == lines


def batch_that_has_begun(cluster: Cluster, name: str, *options: str) -> "subprocess.Popen[str]":
    """A run of `cim send --stdin --batch` whose first line is stored."""
    run(cluster, "users", "--register", name=name)
    sender = start(cluster, "send", name, "--stdin", "--batch", "--json", *options, name=name)
    assert sender.stdin is not None
    assert sender.stdout is not None
    sender.stdin.write("one\n")
    sender.stdin.flush()
    assert json.loads(sender.stdout.readline())["first"] == 1
    return sender


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_everything_stored(cluster: Cluster, ended_by: signal.Signals) -> None:
    sender = batch_that_has_begun(cluster, "carl")
    sender.send_signal(ended_by)
    _, err = sender.communicate(timeout=WAIT_S)
    assert sender.returncode == 128 + ended_by
    assert err == f"cim send: ended by {ended_by.name}\n"


@pytest.mark.parametrize("ended_by", ["signal", "timeout"])
def test_it_says_of_what_it_does_not_know_whether_it_is_stored(cluster: Cluster, ended_by: str) -> None:
    sender = batch_that_has_begun(cluster, "cleo", *(["--timeout", "2"] if ended_by == "timeout" else []))
    assert sender.stdin is not None
    os.kill(cluster.pid_of("redis"), signal.SIGSTOP)
    try:
        sender.stdin.writelines(f"line {number}\n" for number in range(2, WINDOW * 3))
        sender.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            sender.wait(1)
        if ended_by == "signal":
            sender.send_signal(signal.SIGINT)
        _, err = sender.communicate(timeout=WAIT_S)
    finally:
        os.kill(cluster.pid_of("redis"), signal.SIGCONT)
    assert sender.returncode == (130 if ended_by == "signal" else 3)
    unknown = f"1 messages are stored; of {WINDOW} more, in lines 2 to {WINDOW + 1}, it is not known"
    assert unknown in err


def test_lines_are_joined_and_cut(cluster: Cluster) -> None:
    run(cluster, "users", "--register", name="jo")
    text = "a\nb\n" + "ü" * 20_000 + "\nc"
    assert run(cluster, "send", "jo", "--stdin", "--batch", text=text, name="jo") == (0, "", "")
    assert "".join(texts_at(cluster, "jo")) == text.replace("\n", "")
    blank = "\u3000\n" + " " * 20_000 + "end\n" + " " * 20_000
    assert run(cluster, "send", "jo", "--stdin", "--batch", text=blank, name="jo") == (0, "", "")
    assert texts_at(cluster, "jo")[-1].strip() == "end"
    assert run(cluster, "send", "jo", "--stdin", "--batch", "--join", "5", text="x\ny\nz\n", name="jo")[0] == 0
    assert texts_at(cluster, "jo")[-1] == "x\ny\nz"
