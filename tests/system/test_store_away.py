"""Redis away, stopped, killed: nothing is acknowledged meanwhile, nobody is disconnected, it comes back by itself."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cim_common.store import conversations, keys, scripts
from cim_common.wire import Code
from cim_common.wire import messages as m
from tests.real_servers import RealRedis, eventually
from tests.system.cluster import Cluster
from tests.system.raw import Raw, call

NewCluster = Callable[..., Cluster]


def test_away_and_back(new_cluster: NewCluster, new_redis: Callable[[], RealRedis]) -> None:
    store = new_redis()
    cluster = new_cluster("--redis", store.url)
    anna, bert = Raw(cluster.route, "anna").log_in(), Raw(cluster.route, "bert").log_in()
    ours = anna.with_(bert)
    assert anna.say(ours, 1, 0, "before") == m.Ack(1, 1)
    bert.sync(ours, 0)
    store.kill()
    answer = anna.say(ours, 2, 1, "meanwhile")
    assert isinstance(answer, m.Retry)
    assert answer.code in (Code.STORE_UNAVAILABLE, Code.OUTCOME_UNKNOWN)
    assert answer.after_ms > 0
    anna.send(m.Pull(7, ours, 0, 10))
    failed = anna.until(m.Failed)
    assert (failed.request, failed.code) == (7, Code.STORE_UNAVAILABLE)
    assert failed.after_ms > 0
    status, problem = call(cluster.route, "GET", "/readyz")
    assert (status, problem["code"], problem["missing"]) == (503, Code.STORE_UNAVAILABLE, ["store"])
    status, problem = call(cluster.route, "POST", "/v1/login", {"name": "anna", "password": "correct horse battery"})
    assert (status, problem["code"]) == (503, Code.STORE_UNAVAILABLE)
    store.start()

    def stored() -> bool:
        return isinstance(anna.say(ours, 2, 1, "meanwhile"), m.Ack)

    eventually(stored, 10)
    assert bert.until(m.Push).entries[0].text == "meanwhile"
    assert [entry.text for entry in bert.sync(ours, 0)] == ["before", "meanwhile"]
    anna.close()
    bert.close()


def test_stopped_in_the_middle_of_a_batch(new_cluster: NewCluster, new_redis: Callable[[], RealRedis]) -> None:
    store = new_redis()
    cluster = new_cluster("--redis", store.url, "--servers", "1")
    anna = Raw(cluster.route, "anna").log_in()
    notes = f"d-{anna.user}-{anna.user}"
    assert anna.say(notes, 1, 0, "before") == m.Ack(1, 1)
    store.pause()
    answer = anna.say(notes, 2, 1, "meanwhile")
    assert (type(answer), answer.code) == (m.Retry, Code.OUTCOME_UNKNOWN)
    store.resume()
    eventually(lambda: isinstance(anna.say(notes, 2, 1, "meanwhile"), m.Ack), 10)
    assert [(entry.seq, entry.text) for entry in anna.sync(notes, 0)] == [(1, "before"), (2, "meanwhile")]
    anna.close()


def test_away_at_the_start(new_redis: Callable[[], RealRedis], tmp_path: Path) -> None:
    store = new_redis()
    store.kill()
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("x" * 64)
    ready = {name: tmp_path / f"{name}.json" for name in ("server", "route")}
    common = ["--redis", store.url, "--secret-file", str(secret), "--listen", "127.0.0.1:0"]
    programs = [
        subprocess.Popen([sys.executable, "-m", "cim", "server", "--http", "127.0.0.1:0", "--id", "s1", *common,
                          "--ready-file", str(ready["server"])], stderr=subprocess.DEVNULL),
        subprocess.Popen([sys.executable, "-m", "cim", "route", *common, "--ready-file", str(ready["route"])],
                         stderr=subprocess.DEVNULL),
    ]  # fmt: skip
    try:
        eventually(ready["route"].exists)
        time.sleep(0.5)
        assert not ready["server"].exists()
        assert [program.poll() for program in programs] == [None, None]
        store.start()
        eventually(ready["server"].exists)
    finally:
        for program in programs:
            program.terminate()
        assert [program.wait(20) for program in programs] == [0, 0]


def test_what_a_dying_server_left_half_done_arrives_all_the_same(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    anna, bert = Raw(cluster.route, "anna").log_in(), Raw(cluster.route, "bert").log_in()
    bert.send(m.List(1, 0))
    version = bert.until(m.Conversations).version
    ours = anna.with_(bert)
    client: Any = cluster.redis()
    for script in scripts.SCRIPTS:
        client.script_load(script.source)
    flow = conversations.open_direct(ours, 1)
    names = [client.execute_command(*command) for command in next(flow)]
    (create,) = flow.send(names)
    assert client.execute_command(*create) == 1
    flow.close()
    assert client.zscore(keys.conversations(bert.user), ours) is None
    assert bert.until(m.ConversationsChanged).version > version
    assert anna.say(ours, 1, 0, "hello") == m.Ack(1, 1)
    assert [entry.text for entry in bert.sync(ours, 0)] == ["hello"]
    client.close()
    anna.close()
    bert.close()
