"""What a device that keeps messages is told to keep, as the inbox goes along (I25)."""

from cim_client.inbox import Inbox
from cim_client.keeping import MAX_WAITING, Keeping
from cim_client.store.memory import MemoryStore
from cim_client.types import Message, Reaction
from cim_client.views import Passed, Rewound
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Conversation, Entry, Page, Push

ME, BOB = 1, 2


def entry(seq: int, kind: int = 0, sender: int = BOB, device: str = "x", ref: int = 0, words: str = "") -> Entry:
    return Entry(seq, sender, "name", device, seq, 0, words or f"text {seq}", kind, ref=ref)


class Device:
    """An inbox in a conversation that is live, and what its device keeps."""

    def __init__(self) -> None:
        self.keeping = Keeping()
        self.inbox = Inbox("d", keeping=self.keeping)
        self.inbox.user = ME
        self.store = MemoryStore(keeps=True)
        self.store.logged_in(ME)
        self.inbox.enter(Conversation("c", 1, 0, 7, 0), None)
        self.inbox.list_complete()
        self.inbox.wishes()
        self.page(Page("c", 7, 0, 0, True, ()))

    def page(self, page: Page) -> None:
        self.inbox.page(page)
        self.keep()

    def push(self, *entries: Entry) -> None:
        self.inbox.push(Push("c", entries))
        self.keep()

    def take(self) -> int:
        item = self.inbox.next_message()
        self.keep()
        return item[1].seq if item is not None else 0

    def keep(self) -> None:
        self.store.set_positions(self.inbox.moved(), self.keeping.passed())

    def position(self) -> int:
        position = self.store.position("c")
        assert position is not None
        return position.seq

    @property
    def kept(self) -> dict[int, Message]:
        return {message.seq: message for message in self.store.messages.messages("c", 1_000)}


def test_a_text_is_kept_when_it_counts_as_shown() -> None:
    device = Device()
    device.push(entry(1), entry(2))
    assert device.take() == 1
    assert (device.position(), list(device.kept)) == (0, [])
    assert device.take() == 2
    assert (device.position(), list(device.kept)) == (1, [1])
    assert device.take() == 0
    assert (device.position(), list(device.kept)) == (2, [2, 1])


def test_what_changes_a_kept_text_is_kept_at_once() -> None:
    device = Device()
    device.push(entry(1))
    device.take()
    device.take()
    device.push(entry(2))
    device.push(entry(3, Kind.EDITED, ref=1, words="better"), entry(4, Kind.REACTION, ref=1, words="+1"))
    assert device.position() == 1
    assert (device.kept[1].text, device.kept[1].reactions) == ("better", (Reaction("+1", 1, False),))
    device.push(entry(5, Kind.RECALLED, ref=1))
    assert device.kept[1].recalled


def test_what_changes_a_text_that_is_still_to_be_kept_waits_for_it() -> None:
    device = Device()
    device.push(*(entry(seq) for seq in range(1, 6)))
    assert device.take() == 1
    device.push(
        entry(6, Kind.REACTION, ref=2, words="+1"), entry(7, Kind.EDITED, ref=2, words="better"),
        entry(8, Kind.RECALLED, ref=1), entry(9, Kind.EDITED, ref=1, words="too late"),
        entry(10, Kind.REACTION, ref=3, words="+1"), entry(11, Kind.RECALLED, ref=3),
    )  # fmt: skip
    assert device.kept == {}
    assert [device.take() for _ in range(3)] == [2, 4, 5]
    assert (device.kept[1].text, device.kept[1].recalled) == ("", True)
    assert (device.kept[2].text, device.kept[2].edited) == ("better", 7)
    assert device.kept[2].reactions == (Reaction("+1", 1, False),)
    assert set(device.kept) == {1, 2, 4}
    device.push(entry(12, Kind.EDITED, ref=5, words="of the last taken"))
    device.take()
    assert device.kept[5].text == "of the last taken"


def test_ones_own_texts_are_kept_as_they_pass() -> None:
    device = Device()
    device.push(entry(1))
    device.push(entry(3))
    device.inbox.wishes()
    device.page(
        Page(
            "c", 7, 4, 4, True, (entry(2, sender=ME, device="d"), entry(3, sender=ME), entry(4)._replace(recalled=True))
        )
    )
    assert list(device.kept) == [2]
    assert [device.take() for _ in range(3)] == [1, 3, 0]
    assert list(device.kept) == [3, 2, 1]


def test_what_one_changes_on_this_device_is_kept_though_it_is_not_pushed() -> None:
    device = Device()
    device.push(entry(1))
    device.take()
    device.take()
    device.inbox.acknowledged("c", 2)
    device.inbox.changed("c", entry(2, Kind.EDITED, ME, "d", 1, "better"))
    device.inbox.acknowledged("c", 3)
    device.inbox.changed("c", entry(3, Kind.RENAMED, ME, "d"))
    device.keep()
    assert device.kept[1].text == "better"


def test_a_text_of_ones_own_that_one_edits_here_before_it_is_shown_is_shown_and_kept_as_edited() -> None:
    device = Device()
    device.push(entry(1), entry(2, sender=ME, device="another of one's own"))
    device.inbox.changed("c", entry(4, Kind.EDITED, ME, "d", ref=2, words="as edited last"))
    device.inbox.acknowledged("c", 4)
    device.push(entry(3, Kind.EDITED, ME, "another of one's own", ref=2, words="as edited before"))
    assert device.take() == 1
    shown = device.inbox.next_message()
    assert shown is not None
    assert (shown[1].text, shown[1].edited) == ("as edited last", 4)
    device.take()
    assert (device.kept[2].text, device.kept[2].edited) == ("as edited last", 4)


def test_a_log_that_went_back_takes_along_what_was_kept() -> None:
    device = Device()
    device.push(*(entry(seq) for seq in range(1, 6)))
    for _ in range(4):
        device.take()
    device.page(Page("c", 8, 2, 2, False, (), rewound=True))
    assert list(device.kept) == [2, 1]
    assert device.position() == 2
    device.inbox.wishes()
    device.page(Page("c", 8, 3, 3, True, (entry(3, words="another"),)))
    device.take()
    device.take()
    assert device.kept[3].text == "another"


def test_what_changed_a_text_that_is_gone_does_not_change_the_one_in_its_place() -> None:
    device = Device()
    device.push(entry(1), entry(2), entry(3, Kind.REACTION, ref=2, words="+1"))
    device.page(Page("c", 8, 1, 1, False, (), rewound=True))
    device.inbox.wishes()
    device.page(Page("c", 8, 2, 2, True, (entry(2, words="another"),)))
    assert [device.take() for _ in range(3)] == [1, 2, 0]
    assert device.kept[2].reactions == ()


def test_what_changed_a_taken_text_goes_with_the_log_it_stood_in() -> None:
    for end, last in ((1, "text 1"), (0, "another")):
        device = Device()
        device.push(entry(1))
        device.take()
        device.push(entry(2, Kind.RECALLED, ref=1))
        device.page(Page("c", 8, end, end, False, (), rewound=True))
        device.inbox.wishes()
        device.page(Page("c", 8, 1, 1, True, (entry(1, words="another"),)))
        assert [device.take(), device.take()] == ([1, 0] if not end else [0, 0])
        assert (device.kept[1].text, device.kept[1].recalled) == (last, False)


def test_what_a_change_has_overtaken_counts_again_once_the_log_is_without_it() -> None:
    keeping = Keeping()
    keeping.change("c", entry(10, Kind.RECALLED, ref=1), waits=False)
    assert [keeping.current("c", head) for head in (9, 10)] == [False, True]
    keeping.rewound(Rewound("c", 5, 10))
    assert keeping.current("c", 6)


def test_changes_that_wait_are_bounded_and_taken_backs_are_not_lost() -> None:
    keeping = Keeping()
    for seq in range(2, MAX_WAITING + 500):
        keeping.change("c", entry(seq, Kind.REACTION, ref=1), waits=True)
    keeping.change("c", entry(99_999, Kind.RECALLED, ref=1), waits=True)
    keeping.text("c", entry(1))
    passed = keeping.passed()
    assert len(passed) == 1 + MAX_WAITING + 1
    assert isinstance(passed[-1], Passed)
    assert passed[-1].entry.kind == Kind.RECALLED
    for seq in range(2, MAX_WAITING + 2):
        keeping.change("c", entry(seq, Kind.REACTION, ref=1), waits=True)
    keeping.rewound(Rewound("c", 1, MAX_WAITING + 2))
    keeping.change("c", entry(3, Kind.REACTION, ref=2), waits=True)
    keeping.text("c", entry(2))
    assert [type(each) for each in keeping.passed()] == [Rewound, Passed, Passed], "there is room again"
    keeping.change("c", entry(3, Kind.REACTION, ref=2), waits=True)
    keeping.dropped("c", entry(2))
    keeping.text("c", entry(2))
    keeping.rewound(Rewound("c", 0, 2))
    assert [type(each) for each in keeping.passed()] == [Passed, Rewound]
