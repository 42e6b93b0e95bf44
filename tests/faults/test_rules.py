"""The finer points of what the checker holds against whom, one small history each."""

from typing import Any

import pytest

from tests.faults.checker import check
from tests.faults.history import Event, Stored

ALICE, BOB, CAROL = ("alice", "a"), ("bob", "b"), ("carol", "c")


class Story:
    """Events one after the other, by whoever is named; times rise by one unless they are given."""

    def __init__(self, *members: str) -> None:
        self.events: list[Event] = []
        self.time = 0
        if members:
            self.add("members", ALICE, members=members)
        for device in (ALICE, BOB):
            self.add("begin", device)

    def add(self, kind: str, device: tuple[str, str], **fields: Any) -> "Story":
        self.time += 1
        self.events.append(Event(kind, self.time, *device, **{"conversation": "c", **fields}))
        return self

    def send(self, n: int, device: tuple[str, str] = ALICE) -> "Story":
        return self.add("send", device, n=n, text=f"{device[0]} {n}")

    def ack(self, n: int, seq: int, device: tuple[str, str] = ALICE) -> "Story":
        return self.add("ack", device, n=n, seq=seq, id=f"{device[0]}:{n}")

    def show(self, n: int, seq: int, to: tuple[str, str] = BOB, by: tuple[str, str] = ALICE) -> "Story":
        message = {"id": f"{by[0]}:{n}", "sender": by[0], "text": f"{by[0]} {n}"}
        return self.add("receive", to, seq=seq, **message)

    @property
    def found(self) -> set[str]:
        return {finding.kind for finding in check([self.events])}


def both() -> Story:
    return Story("alice", "bob")


def test_unknown_messages_may_be_shown_or_not_but_at_most_once() -> None:
    for answer in ("retry", "unknown"):
        assert both().send(1).add(answer, ALICE, n=1).add("final", BOB).found == set()
        assert both().send(1).add(answer, ALICE, n=1).show(1, 1).add("final", BOB).found == set()
        assert both().send(1).add(answer, ALICE, n=1).show(1, 1).show(1, 1).found == {"duplicated"}
        assert "divergent" in both().send(1).add(answer, ALICE, n=1).show(1, 1).show(1, 2).found


def test_what_one_device_shows_every_other_must_show() -> None:
    story = both().add("begin", ("bob", "b2")).send(1).show(1, 1)
    assert story.add("final", ("bob", "b2")).found == {"gapped"}


def test_without_a_final_only_what_was_passed_over_is_held_against_a_device() -> None:
    assert both().send(1).ack(1, 1).found == set()
    assert both().send(1).ack(1, 1).add("final", BOB).found == {"lost"}
    assert both().send(1).ack(1, 1).send(2).ack(2, 2).show(2, 2).found == {"lost"}


def test_a_device_has_caught_up_with_what_was_known_then() -> None:
    story = both().send(1).ack(1, 1)
    since = story.time - 1
    assert story.add("final", BOB, since=since).found == set()
    assert story.add("final", BOB, since=since + 1).found == {"lost"}


def test_a_device_that_starts_late() -> None:
    story = both().send(1).ack(1, 1).send(2).ack(2, 2)
    assert story.add("start", BOB, seq=1).show(2, 2).add("final", BOB).found == set()
    assert story.add("begin", ("bob", "b2")).add("final", ("bob", "b2")).found == {"lost"}


def test_ones_own_messages_are_known_by_their_answer() -> None:
    story = both().send(1).ack(1, 1).add("final", ALICE)
    assert story.found == set()
    assert story.add("begin", ("alice", "a2")).add("final", ("alice", "a2")).found == {"lost"}


def test_after_a_crash_the_last_message_may_come_once_more() -> None:
    story = both().send(1).ack(1, 1).send(2).ack(2, 2).show(1, 1).show(2, 2)
    assert story.add("resume", BOB).show(2, 2).found == set()
    assert story.show(2, 2).found == {"duplicated"}
    story = both().send(1).ack(1, 1).send(2).ack(2, 2).show(1, 1).show(2, 2)
    assert story.add("resume", BOB).show(1, 1).found == {"duplicated"}


def test_a_send_begun_after_an_answer_was_read_stands_higher() -> None:
    assert both().send(1).ack(1, 2).send(1, BOB).ack(1, 1, BOB).found == {"reordered"}
    assert both().send(1).send(1, BOB).ack(1, 2).ack(1, 1, BOB).found == set()
    assert both().send(1).show(1, 2).send(1, BOB).ack(1, 1, BOB).found == {"reordered"}


def test_a_devices_sends_stand_in_the_order_of_n() -> None:
    assert both().send(1).send(2).ack(1, 2).ack(2, 1).found == {"reordered"}
    story = both().add("send", ALICE, n=1, text="alice 1", unordered=True).send(2)
    assert story.ack(1, 2).ack(2, 1).found == set()


def test_two_sends_answered_with_one_seq_or_one_id() -> None:
    assert both().send(1).ack(1, 1).send(1, BOB).ack(1, 1, BOB).found >= {"divergent"}
    story = both().send(1).send(1, BOB).add("ack", ALICE, n=1, seq=1, id="x").add("ack", BOB, n=1, seq=2, id="x")
    assert story.found == {"divergent"}
    assert (
        "duplicated"
        in both().send(1).show(1, 1).add("receive", BOB, seq=2, id="another", sender="alice", text="alice 1").found
    )


def test_every_seq_of_a_complete_log_is_accounted_for() -> None:
    def story(*more: tuple[str, int]) -> Story:
        made = Story().add("members", ALICE, complete=True, seq=1)
        for kind, seq in more:
            made.add(kind, ALICE, seq=seq)
        return made.send(1).ack(1, 4).show(1, 4)

    assert story().found == {"gapped"}
    assert story(("entry", 2), ("recall", 3)).found == set()
    assert story(("expire", 3)).found == set()
    assert story(("entry", 2)).found == {"gapped"}


@pytest.mark.parametrize("excuse", ["recall", "expire"])
def test_what_was_recalled_or_expired_may_be_missing(excuse: str) -> None:
    story = both().send(1).ack(1, 1).show(1, 1).add("begin", ("bob", "b2")).add(excuse, ALICE, seq=1)
    story.add("final", ("bob", "b2")).add("history", BOB, seq=1, since=story.time)
    assert story.found == set()


def test_an_edited_message_may_have_either_text() -> None:
    story = both().send(1).ack(1, 1).add("edit", ALICE, seq=1, text="new").show(1, 1)
    fields = {"seq": 1, "id": "alice:1", "sender": "alice"}
    assert story.add("receive", ("bob", "b2"), text="new", **fields).found == set()
    assert story.add("receive", ("bob", "b3"), text="other", **fields).found == {"altered"}


def test_a_recalled_message_may_be_without_its_text() -> None:
    story = both().send(1).ack(1, 1)
    fields = {"seq": 1, "id": "alice:1", "sender": "alice", "text": ""}
    assert Story("alice", "bob").send(1).ack(1, 1).add("receive", BOB, **fields).found == {"altered"}
    assert story.add("recall", ALICE, seq=1).add("receive", BOB, **fields).found == set()


def test_what_was_scheduled_is_sent() -> None:
    def story() -> Story:
        return both().send(1).add("scheduled", ALICE, n=1, since=10)

    assert story().add("final", BOB).found == set()
    assert story().add("history", BOB, since=9).found == set()
    assert story().add("history", BOB, since=10).found == {"lost"}
    entries = (Stored(1, "sched:1", "alice", "alice 1"),)
    assert story().show(1, 1).add("history", BOB, since=10, entries=entries).found >= {"divergent"}
    assert story().add("history", BOB, since=10, entries=entries).found == set()


def test_a_read_of_the_log_shows_what_was_known_before_it_began() -> None:
    story = both().send(1).ack(1, 1).show(1, 1)
    before = story.time - 2
    entry = Stored(1, "alice:1", "alice", "alice 1")
    assert story.add("history", BOB, seq=1, since=before).found == set()
    assert story.add("history", BOB, seq=2, since=story.time).found == set()
    assert story.add("history", BOB, seq=1, since=story.time, entries=(entry,)).found == set()
    assert story.add("history", BOB, seq=1, since=story.time).found == {"vanished"}
    wrong = entry._replace(text="alice 2", sender="bob")
    assert both().send(1).ack(1, 1).add("history", BOB, entries=(wrong,)).found == {"altered", "misattributed"}


# -- members ---------------------------------------------------------------------------------------------------


def group() -> Story:
    story = Story().add("begin", CAROL)
    for n, member in enumerate(("alice", "bob"), 1):
        story.add("joining", ALICE, n=n, member=member).add("join", ALICE, n=n, member=member)
    return story


def test_a_stranger_sees_nothing() -> None:
    assert group().send(9).ack(9, 1).show(9, 1, CAROL).found == {"foreign"}
    assert both().send(9).ack(9, 1).show(9, 1, CAROL).found == {"foreign"}
    assert Story().add("members", ALICE).send(9).ack(9, 1).show(9, 1, CAROL).found == set()


def test_a_member_owes_what_was_sent_after_the_join_was_answered() -> None:
    story = group().add("joining", ALICE, n=3, member="carol").send(9)
    assert story.add("join", ALICE, n=3, member="carol").ack(9, 1).add("final", CAROL).found == set()
    story = group().add("joining", ALICE, n=3, member="carol").add("join", ALICE, n=3, member="carol")
    assert story.send(9).ack(9, 1).add("final", CAROL).found == {"lost"}


def kick(story: Story, seq: int = 0) -> Story:
    return story.add("leaving", ALICE, n=5, member="bob").add("leave", ALICE, n=5, member="bob", seq=seq)


def test_after_a_kick_was_answered_nothing_new_is_shown() -> None:
    assert kick(group()).send(9).ack(9, 1).show(9, 1).found == {"foreign"}
    assert kick(group().send(9)).ack(9, 1).show(9, 1).found == set()
    assert kick(group().send(9), seq=1).ack(9, 2).show(9, 2).found == {"foreign"}
    assert kick(group()).send(9).ack(9, 1).add("final", BOB).found == set()
    assert group().send(9).add("leaving", ALICE, n=5, member="bob").ack(9, 1).add("final", BOB).found == set()


def test_who_comes_back_may_see_and_need_not_see_what_was_sent_meanwhile() -> None:
    story = kick(group()).send(9).ack(9, 1)
    story.add("joining", ALICE, n=6, member="bob").add("join", ALICE, n=6, member="bob")
    assert story.add("final", BOB).found == set()
    assert story.show(9, 1).found == set()


def test_a_kick_without_an_answer_settles_nothing() -> None:
    story = group().add("leaving", ALICE, n=5, member="bob").send(9).ack(9, 1)
    assert story.show(9, 1).found == set()
    assert group().add("leaving", ALICE, n=5, member="bob").send(9).ack(9, 1).add("final", BOB).found == set()


def test_a_refused_kick_changes_nothing_that_is_certain_later() -> None:
    story = group().add("leaving", ALICE, n=5, member="bob").add("nack", ALICE, n=5)
    assert story.send(9).ack(9, 1).show(9, 1).found == set()


def test_a_kick_and_an_invitation_at_once_settle_nothing() -> None:
    story = group().add("leaving", ALICE, n=5, member="bob").add("joining", CAROL, n=1, member="bob")
    story.add("join", CAROL, n=1, member="bob").add("leave", ALICE, n=5, member="bob").send(9).ack(9, 1)
    assert story.add("final", BOB).found == set()
    assert story.show(9, 1).found == set()


def test_two_sends_of_one_text_are_no_history() -> None:
    with pytest.raises(ValueError, match="same text"):
        check([both().send(1).add("send", ALICE, n=2, text="alice 1").events])
