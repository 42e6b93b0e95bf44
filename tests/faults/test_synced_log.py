"""How a record of system calls is read."""

from tests.faults.synced_log import SyncedLog, _parse

TRACE = """\
10  100.000000 write(7</data/appendonlydir/appendonly.aof.1.incr.aof>, ""..., 50) = 50 <0.000100>
10  100.100000 fdatasync(7</data/appendonlydir/appendonly.aof.1.incr.aof>) = 0 <0.050000>
10  100.200000 write(8<socket:[1]>, ""..., 5) = 5 <0.000010>
10  100.250000 write(9</data/appendonlydir/temp.manifest>, ""..., 88) = 88 <0.000010>
10  100.300000 write(7</data/appendonlydir/appendonly.aof.1.incr.aof>, ""..., 30) = 30 <0.000100>
11  100.400000 fdatasync(7</data/appendonlydir/appendonly.aof.1.incr.aof> <unfinished ...>
10  100.500000 write(7</data/appendonlydir/appendonly.aof.1.incr.aof>, ""..., 20) = 20 <0.000100>
11  100.600000 <... fdatasync resumed>)  = 0 <0.200000>
11  100.700000 fdatasync(7</data/appendonlydir/appendonly.aof.1.incr.aof>) = -1 EIO (Input/output error) <0.010000>
10  100.800000 write(7</data/appendonlydir/appendonly.aof.1.incr.aof>, ""..., 40) = 40 <0.000100>
11  100.900000 fdatasync(7</data/appendonlydir/appendonly.aof.1.incr.aof> <unfinished ...>
10  100.950000 write(7</data/appendonlydir/appendonly.aof.1.incr.aof>, ""..., 60 <unfinished ...>) = ?
11  100.960000 <... fdatasync resumed>) = ?
10  100.960000 +++ killed by SIGKILL +++
"""


def record() -> SyncedLog:
    return SyncedLog(_parse(TRACE, "/data/appendonlydir"))


def test_what_is_written_is_synced_when_a_later_sync_has_returned() -> None:
    assert [record().synced(at) for at in (100.05, 100.14, 100.16)] == [0, 0, 50]
    assert [record().written(at) for at in (99.0, 100.05, 100.31)] == [0, 50, 80]


def test_what_is_written_during_a_sync_is_not_counted() -> None:
    assert record().synced(100.59) == 50
    assert record().synced(100.65) == 80
    assert record().written(100.65) == 100


def test_failed_and_unfinished_calls_count_for_nothing() -> None:
    assert record().synced(float("inf")) == 80
    assert record().written(float("inf")) == 140
    assert record().syncs == 2
