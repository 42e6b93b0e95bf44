"""Each program in examples/ runs, against a real cluster, as its head says."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cim_client import blocking
from tests.real_servers import SLOWNESS
from tests.system.cluster import Cluster
from tests.system.people import PASSWORD

EXAMPLES = Path(__file__).parents[2] / "examples"
WAIT_S = 20.0 * SLOWNESS


class Example:
    """A program of examples/ that has said that it is ready, until the block ends."""

    def __init__(self, cluster: Cluster, *arguments: str) -> None:
        command = [sys.executable, str(EXAMPLES / arguments[0]), *arguments[1:]]
        environment = os.environ | {"CIM_PASSWORD": PASSWORD, "CIM_CHAT_ROUTE": cluster.route}
        self.process = subprocess.Popen(
            command, env=environment | {"PYTHONPATH": str(EXAMPLES.parent)}, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.communicate()


def answers(me: blocking.Client, count: int) -> list[str]:
    """What others write next."""
    found: list[str] = []
    for message in me.messages(timeout_s=WAIT_S):
        if message.sender_id != me.user_id:
            found.append(message.text)
        if len(found) == count:
            break
    return found


def test_echo_bot_answers_what_came_while_it_was_away(cluster: Cluster, tmp_path: Path) -> None:
    with blocking.connect(cluster.route, name="ellen", password=PASSWORD, register=True) as me:
        with Example(cluster, "echo_bot.py", "echo", str(tmp_path)) as said:
            assert said == "echo is listening\n"
            me.send("echo", "hello")
            assert answers(me, 1) == ["hello"]
        me.send("echo", "are you there")
        with Example(cluster, "echo_bot.py", "echo", str(tmp_path)):
            assert answers(me, 1) == ["are you there"]
        assert [m.text for m in me.history("echo", after_seq=0)] == ["hello"] * 2 + ["are you there"] * 2


def test_http_bridge_stores_what_is_posted_once(cluster: Cluster) -> None:
    with (
        blocking.connect(cluster.route, name="hugo", password=PASSWORD, register=True) as me,
        Example(cluster, "http_bridge.py", "bridge", "hugo", "0") as said,
    ):
        url = said.split()[-1]
        for _ in range(2):
            request = urllib.request.Request(url, b"disk full", {"Idempotency-Key": "a"})
            with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
                assert (answer.status, answer.read()) == (201, b"1\n")
        assert answers(me, 1) == ["disk full"]
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(url, b""), timeout=WAIT_S)
        assert refused.value.code == 422
        refused.value.close()


def test_reminder_reminds(cluster: Cluster, tmp_path: Path) -> None:
    with (
        blocking.connect(cluster.route, name="rita", password=PASSWORD, register=True) as me,
        Example(cluster, "reminder.py", "reminder", str(tmp_path)),
    ):
        me.send("reminder", "hello")
        me.send("reminder", "in 1 tea")
        how, will, tea = answers(me, 3)
        assert how.startswith("Write: in SECONDS TEXT")
        assert will.startswith("I will, at 20")
        assert tea == "tea"


def test_every_example_is_tested() -> None:
    text = Path(__file__).read_text()
    assert all(f'"{path.name}"' in text for path in EXAMPLES.glob("*.py"))
