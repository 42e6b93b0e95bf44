"""Targets, and the runs that they are targets of."""

import pytest

from cim.bench import targets
from cim.bench.figures import value_at
from tests.cim.bench import records


def goal(text: str) -> targets.Goal:
    return next(one for one in targets.GOALS if one.text == text)


CPU = goal("CPU of a message, saturated, one in flight")


def test_a_target_belongs_to_its_settings() -> None:
    assert CPU in targets.goals_of(records.messages())
    for other in ({"senders": 64}, {"in_flight": 4}, {"servers": 1}, {"payload": 25}):
        assert CPU not in targets.goals_of(records.messages(settings=records.SATURATED | other))
    for unlike in ({"rate": 500.0}, {"durability": "everysec"}, {"gather_ms": 1.0}, {"gather_ms": None}):
        assert CPU not in targets.goals_of(records.messages(settings=records.SATURATED | unlike))
    assert CPU not in targets.goals_of(records.messages(benchmark="group"))
    unknown = {name: value for name, value in records.SATURATED.items() if name != "in_flight"}
    assert CPU not in targets.goals_of(records.messages(settings=unknown))


def test_the_pass_that_waits_has_a_target_of_its_own() -> None:
    usual = records.open_loop(5_000, 1.6, 4.9)
    waited = records.messages(settings={**usual.settings, "gather_ms": targets.WAIT_MS})
    target = goal("5,000/s, the same with a pass that waits")
    assert targets.goals_of(waited) == [target]
    assert target not in targets.goals_of(usual)


@pytest.mark.parametrize(
    ("value", "verdict"), [(34.9, "holds"), (35.0, "holds"), (35.1, "missed"), (None, "not measured")]
)
def test_verdicts(value: float | None, verdict: str) -> None:
    assert CPU.verdict(value) == verdict


def test_verdict_where_more_is_better() -> None:
    rate = goal("throughput, one in flight")
    assert rate.limit == ">= 30,000"
    assert (rate.verdict(29_999), rate.verdict(30_000)) == ("missed", "holds")


def test_a_run_with_a_loss_holds_nothing() -> None:
    assert CPU.value(records.lossy()) is None
    assert {one.text: value for one, value in targets.judged([records.lossy()])}[CPU.text] is None


def test_every_target_is_judged_once() -> None:
    found = targets.judged(records.everything().runs)
    assert [one for one, _ in found] == list(targets.GOALS)
    values = {one.text: value for one, value in found}
    assert values[CPU.text] == 30.0
    assert values["500/s, send to delivery, p99"] == 4.5
    assert values["20,000/s, send to delivery, p99"] is None


def test_texts_are_unique_and_places_exist() -> None:
    assert len({one.text for one in targets.GOALS}) == len(targets.GOALS)
    full = records.messages()
    for one in targets.GOALS:
        if one.benchmark == "messages":
            assert value_at(full, one.path) is not None
