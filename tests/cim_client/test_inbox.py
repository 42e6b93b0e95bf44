"""The inbox: order, gaps, own messages, hold, and what counts as shown (I10, I11)."""

from cim_client.inbox import MAX_SYNCING, MAX_UNREAD, Inbox
from cim_common.wire.messages import Conversation, Entry, Hold, Page, Push, Sync

ME, OTHER = 1, 2


def entry(seq: int, sender: int = OTHER, device: str = "x", kind: int = 0) -> Entry:
    return Entry(seq, sender, "name", device, seq, 0, f"text {seq}", kind)


def push(*seqs: int) -> Push:
    return Push("c", tuple(entry(seq) for seq in seqs))


def page(end: int, live: bool, *entries: Entry) -> Page:
    return Page("c", 7, end, end, live, entries)


def live_inbox(position: int = 0) -> Inbox:
    inbox = Inbox("d")
    inbox.user = ME
    inbox.begin(Conversation("c", 1, position, 7, position), None)
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
    inbox.begin(Conversation("c", 1, 9, 7, 0), 4)
    assert inbox.wishes() == [Sync("c", 4, 7)]
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
    assert inbox.moved() == [("c", 11)]
    inbox.settle_taken()
    assert inbox.moved() == [("c", 12)]


def test_own_messages_move_the_position_only_behind_what_was_shown() -> None:
    inbox = live_inbox()
    inbox.moved()
    inbox.acknowledged("c", 1)
    assert inbox.moved() == [("c", 1)]
    inbox.push(push(2))
    inbox.acknowledged("c", 3)
    assert inbox.moved() == []
    inbox.next_message()
    assert inbox.next_message() is None
    assert inbox.moved() == [("c", 3)]


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
    inbox.resync()
    assert inbox.wishes() == [Sync("c", 2, 7)]
    inbox.page(page(3, True, entry(3)))
    assert shown(inbox) == [1, 2, 3]


def test_only_so_many_pages_at_a_time() -> None:
    inbox = Inbox("d")
    for index in range(MAX_SYNCING + 3):
        inbox.begin(Conversation(f"c{index}", 1, 0, 7, 0), None)
    assert len(inbox.wishes()) == MAX_SYNCING
    inbox.page(Page("c0", 7, 0, 0, True, ()))
    assert inbox.failed("c1")
    assert len(inbox.wishes()) == 2
    inbox.retry("c1")
    assert inbox.wishes() == []
