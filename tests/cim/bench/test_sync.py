"""What is wrong with a list of seqs."""

from cim.bench.sync import Faults, _faults


def test_seqs_that_should_be_one_two_three() -> None:
    assert _faults([1, 2, 3], 3) == Faults(0, 0, 0)
    assert _faults([1, 3], 3) == Faults(1, 0, 0)
    assert _faults([1, 2, 2, 3], 3) == Faults(0, 1, 0)
    assert _faults([2, 1, 3], 3) == Faults(0, 0, 1)
    assert _faults([], 3) == Faults(3, 0, 0)
    assert _faults([1, 2, 3, 4], 3) == Faults(0, 0, 0)
