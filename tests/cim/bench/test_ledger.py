"""A ledger that finds what a cluster did wrong, planted here, and nothing else."""

import json
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from cim.bench.ledger import MAX_GAPS, Arrivals, Sendings, Verdict, judge

SENDER, RECEIVER = 1, 2


def arrivals_of(numbers: Sequence[int]) -> Arrivals:
    arrivals = Arrivals()
    for number in numbers:
        arrivals.take(number)
    return arrivals


def judged(came: Sequence[int], sendings: Sendings, unsettled: Sequence[int] = ()) -> Verdict:
    return judge({SENDER: sendings}, [(RECEIVER, {SENDER: arrivals_of(came)})], unsettled)


def test_a_run_in_which_all_went_well() -> None:
    verdict = judged([1, 2, 3], Sendings(3))
    assert (verdict.sent, verdict.acked, verdict.delivered) == (3, 3, 3)
    assert verdict.kept
    assert not verdict.sentences()


def test_a_lost_delivery() -> None:
    verdict = judged([1, 2, 4], Sendings(4))
    assert (verdict.lost, verdict.delivered, verdict.duplicates, verdict.out_of_order) == (1, 3, 0, 0)
    assert not verdict.kept
    assert "acknowledged and not delivered: 1" in verdict.sentences()


def test_the_last_one_lost() -> None:
    assert judged([1, 2], Sendings(3)).lost == 1


def test_everything_lost() -> None:
    assert judged([], Sendings(3)).lost == 3


def test_a_doubled_delivery() -> None:
    verdict = judged([1, 2, 2, 3], Sendings(3))
    assert (verdict.lost, verdict.duplicates, verdict.delivered) == (0, 1, 3)
    assert not verdict.kept


def test_deliveries_out_of_order() -> None:
    verdict = judged([1, 3, 2, 4], Sendings(4))
    assert (verdict.lost, verdict.duplicates, verdict.out_of_order, verdict.delivered) == (0, 0, 1, 4)
    assert not verdict.kept


def test_one_that_came_late_and_then_twice() -> None:
    verdict = judged([1, 4, 3, 2, 3], Sendings(4))
    assert (verdict.lost, verdict.out_of_order, verdict.duplicates) == (0, 2, 1)


def test_what_was_not_acknowledged_need_not_come() -> None:
    verdict = judged([1, 3], Sendings(3, [2]))
    assert (verdict.lost, verdict.failed, verdict.acked) == (0, 1, 2)
    assert not verdict.kept


def test_what_was_not_acknowledged_may_come() -> None:
    verdict = judged([1, 2, 3], Sendings(3, [3]))
    assert (verdict.lost, verdict.delivered, verdict.failed) == (0, 3, 1)


def test_deliveries_to_a_receiver_that_could_not_read_its_log_are_not_called_lost() -> None:
    verdict = judged([1], Sendings(3), unsettled=[RECEIVER])
    assert (verdict.lost, verdict.unsettled) == (0, 2)
    assert not verdict.kept


def test_a_failure_with_nothing_missing_is_no_result_either() -> None:
    verdict = judged([1], Sendings(1))
    verdict.reasons["connection: the server went away"] = 1
    assert not verdict.kept


def test_receivers_of_a_group_are_judged_one_by_one() -> None:
    sendings = {1: Sendings(2), 5: Sendings(1)}
    whole = {1: arrivals_of([1, 2]), 5: arrivals_of([1])}
    verdict = judge(sendings, [(2, whole), (3, {1: arrivals_of([2]), 5: arrivals_of([1, 1])})])
    assert (verdict.delivered, verdict.lost, verdict.duplicates) == (5, 1, 1)
    assert len(verdict.examples) == 2


def test_a_record_is_carried_as_json() -> None:
    arrivals = arrivals_of([1, 2, 5, 5, 3])
    again = Arrivals.of_record(json.loads(json.dumps(arrivals.record())))
    assert again.record() == arrivals.record()
    assert Sendings(6).missing(again) == 2


def test_what_goes_wrong_again_and_again_takes_bounded_memory() -> None:
    arrivals = arrivals_of(range(2, 4 * MAX_GAPS, 2))
    assert len(arrivals.gaps) == MAX_GAPS


@given(st.data())
def test_any_run_is_counted_as_a_whole_list_would_count_it(data: st.DataObject) -> None:
    """The few integers say the same as the whole list of what came."""
    count = data.draw(st.integers(0, 12))
    came = data.draw(st.lists(st.integers(1, count), max_size=20)) if count else []
    unacknowledged = data.draw(st.lists(st.integers(1, count), unique=True)) if count else []
    sendings = Sendings(count, unacknowledged)
    verdict = judged(came, sendings)
    acked = set(range(1, count + 1)) - set(unacknowledged)
    assert verdict.lost == len(acked - set(came))
    assert verdict.duplicates == len(came) - len(set(came))
    assert verdict.delivered == len(set(came))
    firsts = list(dict.fromkeys(came))
    assert verdict.out_of_order == sum(any(n < other for other in firsts[:i]) for i, n in enumerate(firsts))
