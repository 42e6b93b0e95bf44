"""The inbox: order, gaps, own messages, hold, and what counts as shown (I10, I11)."""

import pytest

from cim_client.inbox import MAX_UNREAD, Inbox
from cim_client.views import MAX_SYNCING, Changed, Hole, Position, Rewound
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Conversation, Entry, Hold, Page, Push, Range, Sync, Target

ME, OTHER = 1, 2


def entry(seq: int, sender: int = OTHER, device: str = "x", kind: int = 0) -> Entry:
    return Entry(seq, sender, "name", device, seq, 0, f"text {seq}", kind)


def push(*seqs: int) -> Push:
    return Push("c", tuple(entry(seq) for seq in seqs))


def page(end: int, live: bool, *entries: Entry) -> Page:
    return Page("c", 7, end, end, live, entries)


def listed(head: int, start: int | None = None, version: int = 1, role: str = "member") -> Conversation:
    return Conversation("c", version, head, 7, head if start is None else start, role=role)


def at(seq: int) -> list[tuple[str, Position]]:
    return [("c", Position(seq, 7))]


def live_inbox(position: int = 0) -> Inbox:
    inbox = Inbox("d")
    inbox.user = ME
    inbox.enter(listed(position), None)
    assert inbox.wishes() == []
    inbox.list_complete()
    assert inbox.wishes() == [Sync("c", position, 7)]
    inbox.page(page(position, True))
    return inbox


def shown(inbox: Inbox) -> list[int]:
    seqs = []
    while (item := inbox.next_message()) is not None:
        seqs.append(item[1].seq)
    return seqs


def test_in_order_once() -> None:
    inbox = live_inbox()
    inbox.push(push(1, 2))
    inbox.push(push(2, 3))
    assert shown(inbox) == [1, 2, 3]


def test_a_gap_is_synced_and_what_comes_meanwhile_is_dropped() -> None:
    inbox = live_inbox()
    inbox.push(push(1))
    inbox.push(push(3))
    assert inbox.wishes() == [Sync("c", 1, 7)]
    inbox.push(push(4))
    inbox.page(page(4, True, entry(2), entry(3), entry(4)))
    inbox.push(push(5))
    assert shown(inbox) == [1, 2, 3, 4, 5]
    assert inbox.wishes() == []


def test_pages_are_asked_one_after_the_other_until_live() -> None:
    inbox = Inbox("d")
    inbox.enter(listed(9, 0), Position(4, 6))
    inbox.list_complete()
    assert inbox.wishes() == [Sync("c", 4, 6)]
    assert inbox.wishes() == []
    inbox.page(page(6, False, entry(5), entry(6)))
    assert inbox.wishes() == [Sync("c", 6, 7)]
    inbox.page(page(9, True, entry(7), entry(9)))
    assert shown(inbox) == [5, 6, 7, 9]


def test_own_acknowledged_messages_take_their_place() -> None:
    inbox = live_inbox()
    inbox.acknowledged("c", 2)
    inbox.acknowledged("c", 3)
    inbox.push(push(1))
    inbox.push(push(4))
    assert shown(inbox) == [1, 4]
    assert inbox.wishes() == []


def test_own_messages_and_unknown_kinds_in_pages_are_not_shown() -> None:
    inbox = live_inbox()
    inbox.push(push(2))
    inbox.wishes()
    inbox.page(page(5, True, entry(1, ME, "d"), entry(2), entry(3, kind=99), entry(4, ME, "other device"), entry(5)))
    assert shown(inbox) == [2, 4, 5]


def test_a_message_is_shown_when_the_next_one_is_asked_for() -> None:
    inbox = live_inbox(10)
    inbox.moved()
    inbox.push(push(11, 12))
    inbox.next_message()
    assert inbox.moved() == []
    inbox.next_message()
    assert inbox.moved() == at(11)
    inbox.settle_taken()
    assert inbox.moved() == at(12)


def test_up_to_where_all_has_been_taken() -> None:
    inbox = Inbox("d")
    assert inbox.taken_up_to("c") is None
    inbox = live_inbox()
    assert inbox.taken_up_to("c") == 0
    inbox.push(push(1, 2, 3))
    assert inbox.taken_up_to("c") == 0
    inbox.next_message()
    inbox.next_message()
    assert inbox.taken_up_to("c") == 2, "what was taken last counts, though it is not known to be shown"
    inbox.next_message()
    inbox.acknowledged("c", 4)
    assert inbox.taken_up_to("c") == 4
    inbox.acknowledged("c", 6)
    assert inbox.taken_up_to("c") == 4, "5 is still to come"
    inbox.push(push(5))
    assert inbox.taken_up_to("c") == 3, "no more than is sure"
    inbox.next_message()
    assert inbox.taken_up_to("c") == 6


def test_own_messages_move_the_position_only_behind_what_was_shown() -> None:
    inbox = live_inbox()
    inbox.moved()
    inbox.acknowledged("c", 1)
    assert inbox.moved() == at(1)
    inbox.push(push(2))
    inbox.acknowledged("c", 3)
    assert inbox.moved() == []
    inbox.next_message()
    assert inbox.next_message() is None
    assert inbox.moved() == at(3)


def test_too_much_unread_is_put_on_hold_and_asked_for_again() -> None:
    inbox = live_inbox()
    inbox.push(push(*range(1, MAX_UNREAD)))
    assert inbox.push(push(MAX_UNREAD)) == [Hold("c")]
    assert inbox.push(push(MAX_UNREAD + 1)) == []
    for _ in range(MAX_UNREAD // 2):
        inbox.next_message()
    assert inbox.wishes() == []
    inbox.next_message()
    assert inbox.wishes() == [Sync("c", MAX_UNREAD, 7)]


def test_a_new_connection_syncs_from_what_was_received() -> None:
    inbox = live_inbox()
    inbox.push(push(1, 2))
    inbox.disconnected()
    assert inbox.push(push(3)) == []
    assert inbox.wishes() == []
    inbox.enter(listed(3, 0), None)
    inbox.list_complete()
    assert inbox.syncing == 1
    assert inbox.wishes() == [Sync("c", 2, 7)]
    inbox.page(page(3, True, entry(3)))
    assert shown(inbox) == [1, 2, 3]


def test_only_so_many_pages_at_a_time() -> None:
    inbox = Inbox("d")
    for index in range(MAX_SYNCING + 3):
        inbox.enter(Conversation(f"c{index}", 1, 0, 7, 0, active_ms=1_000 - index), None)
    inbox.list_complete()
    assert inbox.syncing == MAX_SYNCING + 3
    assert len(inbox.wishes()) == MAX_SYNCING
    inbox.page(Page("c0", 7, 0, 0, True, ()))
    assert inbox.failed("c1", passing=True)
    assert len(inbox.wishes()) == 2
    inbox.retry("c1")
    assert inbox.wishes() == []


def test_the_conversation_active_last_comes_first() -> None:
    inbox = Inbox("d")
    for name, active in (("old", 5), ("new", 9), ("middle", 7)):
        inbox.enter(Conversation(name, 1, 0, 7, 0, active_ms=active), None)
    inbox.list_complete()
    assert [sync.conversation for sync in inbox.wishes()] == ["new", "middle", "old"]


def test_what_is_refused_for_good_is_not_asked_again() -> None:
    inbox = Inbox("d")
    inbox.enter(listed(0), None)
    inbox.list_complete()
    inbox.wishes()
    assert not inbox.failed("c", passing=False)
    assert inbox.syncing == 0
    assert inbox.wishes() == []


def change(
    seq: int, kind: Kind, ref: int = 0, text: str = "", sender: int = OTHER, targets: tuple[int, ...] = ()
) -> Entry:
    found = tuple(Target(user, f"user {user}") for user in targets)
    return Entry(seq, sender, "name", "x", seq, 0, text, kind, ref=ref, targets=found)


def test_changes_are_told_in_the_order_of_the_log_but_not_ones_own() -> None:
    inbox = live_inbox()
    renamed, mine = change(2, Kind.RENAMED, text="new"), change(3, Kind.RENAMED, text="mine", sender=ME)
    inbox.push(Push("c", (entry(1), renamed, mine._replace(device="d"), mine._replace(seq=4))))
    assert inbox.news() == [Changed("c", renamed), Changed("c", mine._replace(seq=4))]
    assert inbox.news() == []
    assert shown(inbox) == [1]
    assert inbox.moved() == at(4)


def test_a_recalled_message_that_was_not_shown_is_not() -> None:
    inbox = live_inbox()
    inbox.push(Push("c", (entry(1), entry(2), change(3, Kind.RECALLED, ref=2), change(4, Kind.RECALLED, ref=1))))
    assert shown(inbox) == []
    assert inbox.moved() == at(4)
    inbox.push(Push("c", (entry(5)._replace(recalled=True), entry(6), change(7, Kind.EDITED, ref=6, text="better"))))
    item = inbox.next_message()
    assert item is not None
    assert (item[1].seq, item[1].text, item[1].edited) == (6, "better", 7)
    assert inbox.next_message() is None
    inbox.push(push(8))
    inbox.withdraw("c", 8)
    assert inbox.next_message() is None


def test_an_edit_whose_text_was_recalled_shows_nothing() -> None:
    inbox = live_inbox()
    inbox.push(Push("c", (entry(1), change(2, Kind.EDITED, ref=1)._replace(recalled=True))))
    assert shown(inbox) == []
    assert inbox.moved() == at(2)
    assert list(inbox.news()) == []


def test_a_message_of_a_copy_of_the_device_is_shown() -> None:
    inbox = Inbox("d", issued=lambda: 5)
    inbox.user = ME
    inbox.enter(listed(2, 0), None)
    inbox.list_complete()
    inbox.wishes()
    inbox.page(page(2, True, entry(1, ME, "d"), entry(2, ME, "d")._replace(n=6)))
    assert shown(inbox) == [2]


def test_holes_are_told_and_passed() -> None:
    inbox = Inbox("d")
    inbox.enter(listed(9, 0), None)
    inbox.list_complete()
    inbox.wishes()
    gaps = (Range(1, 4, Code.EXPIRED), Range(6, 8, Code.NOT_A_MEMBER))
    inbox.page(page(9, True, entry(5), entry(9))._replace(gaps=gaps))
    assert inbox.news() == [Hole("c", 1, 4, Code.EXPIRED), Hole("c", 6, 8, Code.NOT_A_MEMBER)]
    assert shown(inbox) == [5, 9]


def test_a_log_that_went_back_takes_the_position_along() -> None:
    inbox = live_inbox()
    inbox.push(push(1, 2, 3, 4))
    assert inbox.next_message() is not None
    assert inbox.next_message() is not None
    inbox.moved()
    inbox.page(Page("c", 8, 1, 1, False, (), rewound=True))
    assert inbox.news() == [Rewound("c", 1, 4)]
    assert inbox.wishes() == [Sync("c", 1, 8)]
    assert inbox.moved() == [("c", Position(1, 8))]
    assert inbox.next_message() is None
    inbox.page(Page("c", 8, 2, 2, True, (entry(2),)))
    assert shown(inbox) == [2]
    inbox.page(Page("c", 8, 1, 2, False, (), rewound=True))
    assert inbox.news() == []
    assert inbox.wishes() == [Sync("c", 2, 8)]


def test_who_was_taken_out_asks_no_more_until_the_list_says_so() -> None:
    inbox = live_inbox()
    inbox.push(Push("c", (change(1, Kind.KICKED, targets=(ME,)),)))
    assert inbox.wishes() == [Sync("c", 1, 7)]
    inbox.enter(listed(1, version=2, role="left"), None)
    inbox.page(page(1, False)._replace(left=True))
    assert inbox.syncing == 0
    inbox.enter(listed(1, version=3, role="left"), None)
    assert inbox.wishes() == []
    inbox.enter(listed(4, version=4), None)
    assert inbox.wishes() == [Sync("c", 1, 7)]
    gone = (Range(2, 3, Code.NOT_A_MEMBER),)
    inbox.page(page(4, True, change(4, Kind.JOINED, targets=(ME,)))._replace(gaps=gone))
    inbox.push(push(5))
    assert shown(inbox) == [5]


def test_back_before_the_answer_that_one_is_out() -> None:
    inbox = live_inbox()
    inbox.push(Push("c", (change(1, Kind.KICKED, targets=(ME,)),)))
    inbox.wishes()
    inbox.enter(listed(2, version=3), None)
    inbox.page(page(1, False)._replace(left=True))
    assert inbox.wishes() == [Sync("c", 1, 7)]
    inbox.page(page(2, True))
    assert inbox.syncing == 0


def test_leaving_by_oneself_is_looked_at_again() -> None:
    inbox = live_inbox()
    inbox.acknowledged("c", 1)
    inbox.look_again("c")
    assert inbox.wishes() == [Sync("c", 1, 7)]


@pytest.mark.invariant("I22")
def test_a_conversation_that_is_gone_is_told_and_may_begin_anew() -> None:
    inbox = live_inbox()
    inbox.push(push(1, 2, 3))
    assert inbox.next_message() is not None
    assert not inbox.failed("c", passing=False, gone=True)
    assert inbox.news() == [Rewound("c", 0, 3)]
    assert inbox.next_message() is None
    assert inbox.moved() == [("c", Position(0, 0))]
    assert inbox.syncing == 0
    inbox.enter(listed(1, version=1), None)
    assert inbox.wishes() == [Sync("c", 0, 0)]
