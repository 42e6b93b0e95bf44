"""The blocking SDK against a real cluster: the same scenario as the async one, threads, timeouts, Ctrl-C."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import trio

import cim_client
from cim_client import Closed, Refused, Unavailable, blocking
from cim_common.wire.codes import Code
from tests.real_servers import SLOWNESS
from tests.system.cluster import Cluster
from tests.system.people import PASSWORD

ROOT = Path(__file__).parents[2]
WAIT_S = 15.0 * SLOWNESS


async def scenario_async(route: str, one: str, other: str) -> list[object]:
    async with (
        cim_client.connect(route, name=one, password=PASSWORD, register=True) as me,
        cim_client.connect(route, name=other, password=PASSWORD, register=True) as they,
    ):
        seen: list[object] = [(await me.send(other, "hello")).seq, (await me.send_once(other, "once", "k1")).seq]
        seen.append((await me.send_once(other, "once", "k1")).seq)
        with trio.fail_after(WAIT_S):
            async for message in they.messages():
                seen.append((message.sender == one, message.text))
                if message.text == "once":
                    break
        group = await me.create_group("ops", members=[other], topic="t")
        seen += [(await me.send(group, "in")).seq, (await group.send("it")).seq, (await me.edit(group, 3, "on")).seq]
        seen += [m.text async for m in me.history(group, limit=5)]
        seen += [(m.name == one, m.role) for m in await group.members()]
        await me.mark_read(other, 2)
        seen += [me.state, await me.scheduled()]
        try:
            await me.send("nobody-at-all", "x")
        except Refused as refused:
            seen.append(refused.code)
        return seen


def scenario_blocking(route: str, one: str, other: str) -> list[object]:
    with (
        blocking.connect(route, name=one, password=PASSWORD, register=True) as me,
        blocking.connect(route, name=other, password=PASSWORD, register=True) as they,
    ):
        seen: list[object] = [me.send(other, "hello").seq, me.send_once(other, "once", "k1").seq]
        seen.append(me.send_once(other, "once", "k1").seq)
        for message in they.messages(timeout_s=WAIT_S):
            seen.append((message.sender == one, message.text))
            if message.text == "once":
                break
        group = me.create_group("ops", members=[other], topic="t")
        seen += [me.send(group, "in").seq, group.send("it").seq, me.edit(group, 3, "on").seq]
        seen += [m.text for m in me.history(group, limit=5)]
        seen += [(m.name == one, m.role) for m in group.members()]
        me.mark_read(other, 2)
        seen += [me.state, me.scheduled()]
        try:
            me.send("nobody-at-all", "x")
        except Refused as refused:
            seen.append(refused.code)
        return seen


def test_both_tell_the_same(cluster: Cluster) -> None:
    told = scenario_blocking(cluster.route, "blo-a", "blo-b")
    assert told == trio.run(scenario_async, cluster.route, "asy-a", "asy-b")
    assert told[-1] == Code.NO_SUCH_USER
    assert told[:5] == [1, 2, 2, (True, "hello"), (True, "once")]


def test_the_blocking_sdk_is_current() -> None:
    subprocess.run([sys.executable, ROOT / "tools" / "gen-blocking", "--check"], check=True)


def test_errors_come_as_they_are(cluster: Cluster) -> None:
    with pytest.raises(Unavailable), blocking.connect("http://127.0.0.1:1", name="x", password="y", timeout_s=0.5):
        pytest.fail("there is no route")
    with pytest.raises(ZeroDivisionError), blocking.connect(
        cluster.route, name="blo-e", password=PASSWORD, register=True
    ) as me:  # fmt: skip
        raise ZeroDivisionError
    with pytest.raises(Closed):
        me.send("lobby", "too late")


def test_a_stream_that_timed_out_goes_on(cluster: Cluster) -> None:
    with (
        blocking.connect(cluster.route, name="blo-t", password=PASSWORD, register=True) as me,
        blocking.connect(cluster.route, name="blo-u", password=PASSWORD, register=True) as they,
    ):
        messages = they.messages(timeout_s=0.01)
        assert list(messages) == []
        for number in range(50):
            me.send("blo-u", str(number))
        texts: list[str] = []
        for _ in range(round(WAIT_S / 0.01)):
            texts += [message.text for message in messages]
            if len(texts) == 50:
                break
        assert texts == [str(number) for number in range(50)]


def test_several_threads_share_a_client(cluster: Cluster) -> None:
    with blocking.connect(cluster.route, name="blo-m", password=PASSWORD, register=True) as me:
        threads = [
            threading.Thread(target=lambda n=n: [me.send("blo-m", f"{n} {i}") for i in range(20)]) for n in range(5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        texts = [message.text for message in me.history("blo-m", after_seq=0)]
        assert sorted(texts) == sorted(f"{n} {i}" for n in range(5) for i in range(20))
        for n in range(5):
            assert [text for text in texts if text.startswith(f"{n} ")] == [f"{n} {i}" for i in range(20)]


def test_ctrl_c_ends_a_wait_and_the_client_lives_on(cluster: Cluster) -> None:
    program = f"""
from cim_client.blocking import connect
with connect({cluster.route!r}, name="blo-c", password={PASSWORD!r}, register=True) as me:
    try:
        print("waiting", flush=True)
        for message in me.messages():
            pass
    except KeyboardInterrupt:
        print(me.send("blo-c", "still here").seq, flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=WAIT_S)[0] == "1\n"
    assert process.returncode == 0
