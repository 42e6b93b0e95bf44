"""What is wrong with a list of seqs."""

from cim.bench.sync import Faults, Pass, SyncSettings, _faults, _result
from cim.bench.usage import Usage


def test_seqs_that_should_be_one_two_three() -> None:
    assert _faults([1, 2, 3], 3) == Faults(0, 0, 0)
    assert _faults([1, 3], 3) == Faults(1, 0, 0)
    assert _faults([1, 2, 2, 3], 3) == Faults(0, 1, 0)
    assert _faults([2, 1, 3], 3) == Faults(0, 0, 1)
    assert _faults([], 3) == Faults(3, 0, 0)
    assert _faults([1, 2, 3, 4], 3) == Faults(0, 0, 0)


def test_a_run_that_missed_a_message_has_no_figures() -> None:
    usage = Usage(1.0, 2, {"s1": 1.0, "s2": 1.0, "route": 0.1, "redis": 0.5}, {}, {}, None, None)
    whole, lossy = Pass([1, 2, 3], 0.1, 0.2, usage, 1, 1), Pass([1, 3], 0.1, 0.2, usage, 1, 1)
    assert _result(SyncSettings(3), 2, whole, whole).rate_per_s == 3 / 0.2
    wrong = _result(SyncSettings(3), 2, whole, lossy)
    assert (wrong.lost, wrong.rate_per_s, wrong.cpu_us_per_message, wrong.figures) == (1, None, None, {})
