"""The checker finds what it must find and nothing else: planted bugs, spoilt histories, correct runs."""

import functools
import random
from collections.abc import Callable

import pytest

from tests.faults.checker import check, judge
from tests.faults.fake_clients import DIRECTS, run
from tests.faults.fake_server import GROUP, Bug
from tests.faults.history import Event

Histories = list[list[Event]]

FOUND_AS = {
    Bug.LOST_ACK: "lost",
    Bug.DOUBLE_AFTER_RESEND: "duplicated",
    Bug.PUSH_TO_THE_KICKED: "foreign",
    Bug.SEQ_USED_TWICE: "divergent",
    Bug.CURSOR_AHEAD_OF_THE_SHOWN: "lost",
    Bug.NACK_THEN_DELIVERED: "nacked",
    Bug.ORDER_INVERTED_BY_RETRY: "reordered",
    Bug.ID_CLASH_BETWEEN_USERS: "divergent",
    Bug.REORDER_INSIDE_A_BATCH: "reordered",
    Bug.LOST_FIRST_DIRECT_MESSAGE: "lost",
    Bug.JOIN_WITHOUT_INTEREST: "lost",
    Bug.SCHEDULE_FIRED_TWICE: "duplicated",
    Bug.STALE_EPOCH_MOVES_A_CURSOR: "lost",
    Bug.WRONG_SENDER: "misattributed",
    Bug.TRUNCATED_BATCH: "lost",
    Bug.SHOWN_THEN_VANISHED: "vanished",
}


@functools.cache
def _good(seed: int) -> tuple[tuple[Event, ...], ...]:
    return tuple(tuple(history) for history in run(seed).histories)


def good(seed: int) -> Histories:
    """The histories of a correct run."""
    return [list(history) for history in _good(seed)]


def kinds(histories: Histories) -> set[str]:
    return {finding.kind for finding in check(histories)}


def test_correct_runs_are_clean() -> None:
    seen: set[str] = set()
    for seed in range(200):
        histories = good(seed)
        assert list(map(str, check(histories))) == [], f"seed {seed}"
        seen |= {event.kind for history in histories for event in history}
    assert {"ack", "nack", "retry", "unknown", "receive", "join", "leave", "start", "history", "final"} <= seen


@pytest.mark.parametrize("bug", Bug, ids=lambda bug: bug.name)
def test_planted_bugs_are_found(bug: Bug) -> None:
    harmed = 0
    for seed in range(16):
        histories, harm = run(seed, bug)
        found = kinds(histories)
        assert (FOUND_AS[bug] in found) == (harm > 0), f"seed {seed}: {harm} times, found {found}"
        assert harm or not found
        harmed += harm > 0
    assert harmed >= 3


# -- spoilt histories ------------------------------------------------------------------------------------------

Spoil = Callable[[random.Random, Histories], None]


def pick(rng: random.Random, histories: Histories, wanted: Callable[[Event], bool]) -> tuple[list[Event], int]:
    """A file and a place in it, of an event that is wanted."""
    places = [(history, i) for history in histories for i, event in enumerate(history) if wanted(event)]
    return rng.choice(places)


def received(histories: Histories) -> Callable[[Event], bool]:
    """Receives that are owed: of acknowledged messages, in conversations nobody leaves."""
    acknowledged = {event.id for history in histories for event in history if event.kind == "ack"}
    return lambda event: event.kind == "receive" and event.id in acknowledged and event.conversation != GROUP


def is_kind(kind: str) -> Callable[[Event], bool]:
    return lambda event: event.kind == kind


def drop(rng: random.Random, histories: Histories) -> None:
    history, place = pick(rng, histories, received(histories))
    del history[place]


def duplicate(rng: random.Random, histories: Histories) -> None:
    history, place = pick(rng, histories, received(histories))
    history.append(history[place]._replace(t=history[-1].t + 1))


def swap(rng: random.Random, histories: Histories) -> None:
    history, place = pick(rng, histories, received(histories))
    first = history[place]
    others = [
        i for i, event in enumerate(history)
        if event.kind == "receive" and event.conversation == first.conversation and i != place
    ]  # fmt: skip
    if not others:
        duplicate(rng, histories)
        return
    other = rng.choice(others)
    second = history[other]
    history[place], history[other] = second._replace(t=first.t), first._replace(t=second.t)


def change(**fields: object) -> Spoil:
    def spoil(rng: random.Random, histories: Histories) -> None:
        history, place = pick(rng, histories, received(histories))
        history[place] = history[place]._replace(**fields)  # type: ignore[arg-type]

    return spoil


def shift(kind: str) -> Spoil:
    def spoil(rng: random.Random, histories: Histories) -> None:
        history, place = pick(rng, histories, is_kind(kind))
        history[place] = history[place]._replace(seq=history[place].seq + rng.randint(1, 3))

    return spoil


def drop_send(rng: random.Random, histories: Histories) -> None:
    acknowledged = {event.text for h in histories for event in h if event.kind == "receive"}
    history, place = pick(rng, histories, lambda event: event.kind == "send" and event.text in acknowledged)
    del history[place]


def refuse(rng: random.Random, histories: Histories) -> None:
    history, place = pick(rng, histories, is_kind("ack"))
    acked = history[place]
    history[place] = Event("nack", acked.t, acked.user, acked.device, n=acked.n)


def show_to_a_stranger(rng: random.Random, histories: Histories) -> None:
    history, place = pick(rng, histories, lambda e: e.kind == "receive" and e.conversation in DIRECTS)
    event = history[place]
    stranger = next(h for h in histories if h[0].user not in event.conversation.split("-"))
    stranger.append(event._replace(user=stranger[0].user, device=stranger[0].device, t=stranger[-1].t + 1))


def forget(rng: random.Random, histories: Histories) -> None:
    history, place = pick(rng, histories, lambda e: e.kind == "history" and e.entries != () and e.conversation != GROUP)
    entries = list(history[place].entries)
    del entries[rng.randrange(len(entries))]
    history[place] = history[place]._replace(entries=tuple(entries))


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (drop, "lost"),
        (duplicate, "duplicated"),
        (swap, {"reordered", "duplicated"}),
        (change(text="something else"), "altered"),
        (change(sender="mallory"), "misattributed"),
        (change(conversation="somewhere"), "misattributed"),
        (change(id="mallory:phone:1"), "divergent"),
        (shift("receive"), "divergent"),
        (shift("ack"), "divergent"),
        (drop_send, "invented"),
        (refuse, "nacked"),
        (show_to_a_stranger, "foreign"),
        (forget, "vanished"),
    ],
)
def test_spoilt_histories_are_found(spoil: Spoil, kind: str | set[str]) -> None:
    expected = {kind} if isinstance(kind, str) else kind
    for seed in range(25):
        histories = good(seed)
        spoil(random.Random(seed), histories)
        assert expected & kinds(histories), f"seed {seed}"


@pytest.mark.parametrize("kind", ["ack", "nack", "final", "history", "unknown", "join"])
def test_knowing_less_is_no_finding(kind: str) -> None:
    """An answer that was not written down makes a message unknown; nothing is held against anybody for it."""
    for seed in range(25):
        rng = random.Random(seed)
        histories = [[e for e in h if e.kind != kind or rng.random() < 0.5] for h in good(seed)]
        assert list(map(str, check(histories))) == [], f"seed {seed}"


def test_the_cost_grows_with_the_number_of_events() -> None:
    def cost_of_an_event(steps: int) -> float:
        histories = run(1, steps=steps).histories
        return judge(histories).steps / sum(1 + len(event.entries) for history in histories for event in history)

    assert cost_of_an_event(10_000) < 1.1 * cost_of_an_event(1_000) < 5
