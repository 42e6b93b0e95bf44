"""A real cluster under random faults keeps every promise that clients can see."""

from pathlib import Path

from tests.faults import hunt
from tests.system.cluster import Cluster

SECONDS = 15.0


async def test_random_faults_break_no_promise(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    try:
        faults = await hunt.hunt(cluster, tmp_path, SECONDS, seed=4)
    finally:
        cluster.stop()
    events, findings = hunt.judge_folder(tmp_path)
    assert list(map(str, findings)) == []
    assert sum(faults.values()) >= 6
    assert events["resume"] >= 1
    devices = len(hunt.DEVICES) + 1
    assert (events["final"], events["history"]) == (devices, devices * (len(hunt.USERS) + 1))
    assert events["join"] >= 4 <= events["leave"] + 3
    assert events["ack"] > 200 < events["receive"]
