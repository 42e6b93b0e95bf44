"""The outbox: numbers, order, the window, going back (I5, I7)."""

from collections.abc import Iterator

from cim_client.outbox import WINDOW, Outbox, Outgoing, Settled
from cim_common import ids
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Change, Send


class Numbers:
    def __init__(self) -> None:
        self.n = 0
        self.settled: list[tuple[int, Settled]] = []

    def __call__(self) -> int:
        self.n += 1
        return self.n

    def message(self, to: str = "c", deadline: float | None = None) -> Outgoing:
        return Outgoing(
            self(), to, Send("", 0, 0, f"text {self.n}"), deadline, lambda m, s: self.settled.append((m.n, s))
        )


def sent(outbox: Outbox, now: float = 0.0) -> list[tuple[int, int]]:
    return [(send.n, send.after) for send in outbox.frames(now)]


def filled(count: int, conversations: Iterator[str] | None = None) -> Outbox:
    outbox, numbers = Outbox(), Numbers()
    for _ in range(count):
        outbox.add(numbers.message(), next(conversations) if conversations else "c")
    return outbox


def test_each_message_names_the_unsettled_one_before_it() -> None:
    outbox = filled(4, iter(["a", "b", "a", "a"]))
    assert sorted(sent(outbox)) == [(1, 0), (2, 0), (3, 1), (4, 3)]
    assert sent(outbox) == []


def test_a_message_to_a_name_is_not_overtaken_by_one_to_its_conversation() -> None:
    outbox, numbers = Outbox(), Numbers()
    direct = ids.direct(ids.MIN_USER_ID + 1, ids.MIN_USER_ID + 2)
    outbox.add(numbers.message("bob"), None)
    outbox.add(numbers.message(direct), direct)
    outbox.add(numbers.message("lobby"), "lobby")
    assert sent(outbox) == [(3, 0)]
    outbox.resolved("bob", direct)
    assert sent(outbox) == [(1, 0), (2, 1)]


def test_the_window_moves_as_answers_come() -> None:
    outbox = filled(WINDOW + 5)
    assert len(sent(outbox)) == WINDOW
    outbox.settle(1)
    assert sent(outbox) == [(WINDOW + 1, WINDOW)]
    assert outbox.settle(1) is None
    assert len(outbox) == WINDOW + 4


def test_a_retry_sends_everything_behind_it_again_in_order() -> None:
    outbox = filled(4)
    sent(outbox)
    outbox.settle(1)
    outbox.retry(2, 0.5, now=10.0)
    assert sent(outbox, 10.4) == []
    assert sent(outbox, 10.5) == [(2, 0), (3, 2), (4, 3)]


def test_a_refused_or_given_up_message_is_skipped_by_those_behind() -> None:
    outbox = filled(3)
    sent(outbox)
    outbox.settle(2)
    outbox.retry(3, 0.0, now=0.0)
    assert sent(outbox, 1.0) == [(3, 1)]


def test_a_new_connection_sends_everything_again() -> None:
    outbox = filled(3)
    sent(outbox)
    outbox.retry(3, 60.0, now=0.0)
    outbox.disconnected()
    assert sent(outbox) == [(1, 0), (2, 1), (3, 2)]


def test_messages_wait_for_their_conversation() -> None:
    outbox, numbers = Outbox(), Numbers()
    outbox.add(numbers.message("bob"), None)
    outbox.add(numbers.message("c"), "c")
    outbox.add(numbers.message("bob"), None)
    assert outbox.unresolved() == ["bob"]
    assert sent(outbox) == [(2, 0)]
    outbox.resolved("bob", "c")
    outbox.disconnected()
    assert sent(outbox) == [(1, 0), (2, 1), (3, 2)]
    assert outbox.unresolved() == []


def test_a_name_nobody_has() -> None:
    outbox, numbers = Outbox(), Numbers()
    outbox.add(numbers.message("nobody"), None)
    assert [message.n for message in outbox.unresolvable("nobody")] == [1]
    assert len(outbox) == 0


def test_giving_up() -> None:
    outbox, numbers = Outbox(), Numbers()
    first, second = numbers.message("c", deadline=5.0), numbers.message("bob", deadline=6.0)
    outbox.add(first, "c")
    outbox.add(second, None)
    assert outbox.overdue(4.9) == []
    assert outbox.overdue(5.0) == [first]
    assert outbox.give_up(first)
    assert not outbox.give_up(first)
    assert outbox.give_up(second)
    assert len(outbox) == 0
    assert outbox.unresolved() == []


def test_a_new_device_renumbers_in_order() -> None:
    outbox = filled(3)
    sent(outbox)
    numbers = Numbers()
    numbers.n = 100
    assert [(old, message.n) for old, message in outbox.renumber(numbers)] == [(1, 101), (2, 102), (3, 103)]
    assert sent(outbox) == [(101, 0), (102, 101), (103, 102)]
    assert outbox.get(1) is None
    assert [message.n for message in outbox.drain()] == [101, 102, 103]


def test_a_change_waits_for_its_answer_and_all_behind_it_with_it() -> None:
    outbox, numbers = Outbox(), Numbers()
    outbox.add(numbers.message(), "c")
    kick = numbers.message()
    kick.body = Change("", 0, 0, Kind.KICKED, targets=(9,))
    outbox.add(kick, "c")
    outbox.add(numbers.message(), "c")
    outbox.add(numbers.message(), "other")
    assert outbox.frames(0.0) == [
        Send("c", 1, 0, "text 1"), Change("c", 2, 1, Kind.KICKED, targets=(9,)), Send("other", 4, 0, "text 4"),
    ]  # fmt: skip
    assert sent(outbox) == []
    outbox.settle(1)
    assert sent(outbox) == []
    outbox.settle(2)
    assert sent(outbox) == [(3, 0)]


def test_numbers_that_may_be_copied_are_tried_one_at_a_time_until_one_is_taken() -> None:
    outbox, numbers = Outbox(careful=True), Numbers()
    for _ in range(3):
        outbox.add(numbers.message(), "c")
    assert sent(outbox) == [(1, 0)]
    assert sent(outbox) == []
    outbox.proven("c")
    outbox.settle(1)
    assert sent(outbox) == [(2, 0), (3, 2)]
    outbox.disconnected()
    assert sent(outbox) == [(2, 0)]


def test_before_it_becomes_another_the_device_finishes_what_it_has_tried() -> None:
    outbox, numbers = Outbox(), Numbers()
    for _ in range(2):
        outbox.add(numbers.message(), "a")
        outbox.add(numbers.message(), "b")
    assert sorted(sent(outbox)) == [(1, 0), (2, 0), (3, 1), (4, 2)]
    outbox.add(numbers.message(), "a")
    outbox.disown(1)
    assert not outbox.finished()
    outbox.disconnected()
    assert sorted(sent(outbox)) == [(2, 0), (3, 0), (4, 2)]
    outbox.settle(2)
    outbox.settle(3)
    outbox.disown(4)
    assert outbox.finished()
    numbers.n = 100
    assert [(old, message.n) for old, message in outbox.renumber(numbers)] == [(1, 101), (4, 102), (5, 103)]
    assert sorted(sent(outbox)) == [(101, 0), (102, 0), (103, 101)]


def test_a_device_without_numbers_finishes_what_it_has_tried_and_what_stands_in_a_file() -> None:
    outbox, numbers = Outbox(), Numbers()
    tried, kept, perhaps, new = (numbers.message() for _ in range(4))
    outbox.add(tried, "a")
    sent(outbox)
    kept.saved, perhaps.saved = 2, 1
    for message in (kept, perhaps, new):
        outbox.add(message, "a")
    outbox.finish()
    outbox.disconnected()
    assert sent(outbox) == [(1, 0), (2, 1), (3, 2)]
    for n in (1, 2, 3):
        assert not outbox.finished()
        outbox.settle(n)
    assert outbox.finished()
    assert [old for old, _ in outbox.renumber(numbers)] == [4]


def test_what_a_forgotten_device_has_tried_is_unsure() -> None:
    outbox = filled(2)
    sent(outbox)
    numbers = Numbers()
    numbers.n = 2
    outbox.add(numbers.message(), "c")
    assert [message.n for message in outbox.unsure()] == [1, 2]
    assert sent(outbox) == [(3, 0)]
