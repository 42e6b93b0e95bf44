"""What one window shows: messages and events in their order, one's own with what became of them."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim_client.terminal.commands.settings import Settings
from cim_client.terminal.display.lines import Line, plain
from cim_client.terminal.display.ordering import HOLD_S
from cim_client.terminal.display.screen import MAX_PENDING_ROWS, Connection, Screen, Settlement
from cim_client.types import Conversation, Event, Message
from cim_common import ids

ME, BOB = 2**32, 2**32 + 7
DIRECT = ids.direct(ME, BOB)
OPS = ids.new_group()
NOON = datetime.datetime(2024, 5, 6, 12, 0).timestamp()


class Window:
    """A screen with a clock one can turn."""

    def __init__(self, width: int | None = None) -> None:
        self.now = NOON
        self.settings = Settings()
        self.screen = Screen("alice", ME, lambda: width, lambda: self.now, lambda: self.now, self.settings)
        self.screen.conversations.named(OPS, "ops")
        self.screen.conversations.named(DIRECT, "bob")

    def said(self, seq: int, text: str = "hi", conversation: str = ids.LOBBY, sender: str = "bob") -> list[str]:
        return texts(self.screen.received(self.message(seq, text, conversation, sender)))

    def message(
        self, seq: int, text: str = "hi", conversation: str = ids.LOBBY, sender: str = "bob", reply_to: int = 0
    ) -> Message:
        user = ME if sender == "alice" else BOB
        return Message(conversation, seq, sender, user, text, "", int(self.now * 1000), False, reply_to)

    def sent(self, seq: int, text: str = "hello", conversation: str = ids.LOBBY, name: str = "lobby") -> list[str]:
        """A message of one's own is typed, posted and stored."""
        key = self.screen.sending(text, conversation, name)
        assert self.screen.posted(key, f"1:d:{key}") == []
        return texts(self.screen.settled(f"1:d:{key}", Settlement(conversation=conversation, seq=seq)))

    def happens(self, kind: str, state: str = "", **fields: object) -> list[str]:
        return texts(self.screen.happened(Event(kind, state, **({"conversation": ids.LOBBY} | fields))))  # type: ignore[arg-type]


def texts(lines: list[Line]) -> list[str]:
    return [plain(line) for line in lines]


# -- one's own messages ------------------------------------------------------------------------------------


def test_pending_until_stored() -> None:
    window = Window()
    window.said(16)
    key = window.screen.sending("hello")
    assert texts(window.screen.pending_rows()) == ["12:00 me: hello  · pending"]
    assert window.screen.posted(key, "1:d:1") == []
    assert window.screen.pending == 1
    assert texts(window.screen.settled("1:d:1", Settlement(conversation="lobby", seq=17))) == ["12:00 #17 me: hello  ✓"]
    assert window.screen.pending == 0
    assert window.screen.pending_rows() == []


def test_stored_before_post_has_returned() -> None:
    window = Window()
    key = window.screen.sending("hello", "bob", "bob")
    assert window.screen.settled("1:d:1", Settlement(conversation=DIRECT, seq=1)) == []
    assert texts(window.screen.posted(key, "1:d:1")) == ["12:00 #1 me → bob: hello  ✓"]


def test_a_failure_says_why_and_can_be_sent_again() -> None:
    window = Window()
    shown = texts(window.screen.settled_key(window.screen.sending("hello", "nobody"), Settlement("No such user.")))
    assert shown == ["12:00 me → nobody: hello  ✗ not sent", "* No such user. (/retry sends it again)"]
    assert [message.text for message in window.screen.outgoing.take_failed()] == ["hello"]


def test_what_would_be_refused_again_is_not_offered_to_be_sent_again() -> None:
    window = Window()
    key = window.screen.sending("answer", reply_to=99)
    shown = texts(window.screen.settled_key(key, Settlement("There is no such message.", hopeless=True)))
    assert shown == ["      ↳ #99", "12:00 me: answer  ✗ not sent", "* There is no such message."]


def test_an_unknown_outcome_is_not_called_a_failure() -> None:
    window = Window()
    key = window.screen.sending("hello")
    shown = texts(window.screen.settled_key(key, Settlement("No answer in time.", unknown=True)))
    assert shown == ["12:00 me: hello  ? may not be sent", "* No answer in time."]
    assert window.screen.outgoing.take_failed() == []


def test_how_far_the_newest_one_has_got_is_in_the_bar() -> None:
    window = Window()
    window.said(1)
    window.sent(2)
    assert "✓ stored" in window.screen.toolbar()
    window.happens("delivered", user="bob", seq=2)
    assert "✓✓ delivered" in window.screen.toolbar()
    window.happens("read", user="bob", seq=2)
    assert "✓✓ read by bob" in window.screen.toolbar()
    window.screen.switch(OPS, [])
    assert "✓" not in window.screen.toolbar(), "it is about the current conversation"


def test_own_messages_of_other_devices() -> None:
    window = Window()
    assert window.said(1, sender="alice") == ["12:00 #1 me: hi  ✓"]
    assert window.said(1, conversation=DIRECT, sender="alice") == ["12:00 #1 me → bob: hi  ✓"]
    assert "✓ stored" in window.screen.toolbar()


def test_many_pending_messages_are_counted() -> None:
    window = Window()
    for n in range(MAX_PENDING_ROWS + 3):
        window.screen.sending(str(n))
    rows = texts(window.screen.pending_rows())
    assert len(rows) == MAX_PENDING_ROWS + 1
    assert rows[-1] == "* and 3 more pending"
    assert " 8 pending " in window.screen.toolbar()


# -- where messages went -----------------------------------------------------------------------------------


def test_conversations_are_labelled_unless_one_is_there() -> None:
    window = Window()
    assert window.said(1) == ["12:00 #1 bob: hi"]
    assert window.said(1, conversation=OPS) == ["12:00 #1 bob → #ops: hi"]
    assert window.said(1, conversation=DIRECT) == ["12:00 #1 bob → me: hi"]
    assert texts(window.screen.switch(OPS, [])) == ["--- #ops ---"]
    assert window.said(2, conversation=OPS) == ["12:00 #2 bob: hi"]
    assert window.said(2) == ["12:00 #2 bob → lobby: hi"]
    assert texts(window.screen.switch(DIRECT, [])) == ["--- bob (private) ---"]
    assert window.sent(2, "psst", DIRECT, "bob") == ["12:00 #2 me: psst  ✓"]


def test_muted_ones_are_counted_by_nobody_and_shown_when_one_goes_there() -> None:
    window = Window()
    window.screen.conversations.chat(OPS).muted = True
    assert window.said(1, conversation=OPS) == []
    assert "ops" not in window.screen.toolbar()
    assert texts(window.screen.switch(OPS, [window.message(1, conversation=OPS)]))[1:] == ["12:00 #1 bob: hi"]
    assert window.said(2, conversation=OPS) == ["12:00 #2 bob: hi"]


def test_numbers_and_times_can_be_left_out() -> None:
    window = Window()
    window.settings.set("numbers", "off")
    assert window.said(1) == ["12:00 bob: hi"]
    window.settings.set("time", "off")
    assert window.said(2) == ["bob: hi"]
    window.settings.set("time", "seconds")
    assert window.said(3) == ["12:00:00 bob: hi"]


def test_another_day_has_a_rule() -> None:
    window = Window()
    assert window.said(1) == ["12:00 #1 bob: hi"], "today needs none"
    window.now += 86_400
    assert window.said(2) == ["--- Tuesday, 7 May 2024 ---", "12:00 #2 bob: hi"]
    assert window.sent(3) == ["12:00 #3 me: hello  ✓"]
    window.now -= 86_400
    assert window.said(9, conversation=OPS)[0] == "--- Monday, 6 May 2024 ---"


def test_an_answer_quotes_what_it_answers() -> None:
    window = Window()
    window.said(1, "shall we\nmeet?")
    shown = window.screen.received(window.message(2, "yes", sender="carol", reply_to=1))
    assert texts(shown) == ["      ↳ bob #1: shall we␊meet?", "12:00 #2 carol: yes"]
    shown = window.screen.received(window.message(3, "no", reply_to=99))
    assert texts(shown) == ["      ↳ #99", "12:00 #3 bob: no"]
    window.sent(4, "mine")
    assert texts(window.screen.received(window.message(5, "what?", reply_to=4)))[0] == "      ↳ alice #4: mine"


def test_names_that_mention_one_are_set_off_and_may_ring() -> None:
    window = Window()
    (line,) = window.screen.received(window.message(1, "hi Alice"))
    assert ("mention", "Alice") in line
    assert not window.screen.ringing
    window.settings.set("bell", "mine")
    window.said(2, "hi malice")
    window.said(3, "hi alice", sender="alice")
    assert not window.screen.ringing
    window.said(4, "hi alice")
    assert window.screen.ringing
    window.screen.ringing = False
    window.said(1, "psst", DIRECT)
    assert window.screen.ringing
    window.screen.ringing = False
    window.screen.conversations.chat(DIRECT).muted = True
    window.said(2, "psst", DIRECT)
    assert not window.screen.ringing


# -- order and history -------------------------------------------------------------------------------------


def test_ones_own_message_waits_for_those_before_it() -> None:
    window = Window()
    window.said(1)
    assert window.sent(3) == []
    assert window.screen.pending == 1, "it is shown as pending meanwhile"
    assert window.said(2) == ["12:00 #2 bob: hi", "12:00 #3 me: hello  ✓"]
    window.sent(6)
    assert window.screen.held == 1
    window.now += 2 * HOLD_S
    assert texts(window.screen.due()) == ["12:00 #6 me: hello  ✓"]
    window.sent(9)
    assert texts(window.screen.all_held()) == ["12:00 #9 me: hello  ✓"]


def test_what_history_has_shown_is_not_shown_again() -> None:
    window = Window()
    last = [window.message(seq, conversation=OPS) for seq in (38, 39, 40)]
    assert len(texts(window.screen.switch(OPS, last))) == 4
    assert window.said(39, conversation=OPS) == []
    assert window.said(40, conversation=OPS) == []
    assert window.sent(40, conversation=OPS) == [], "its own line was among them"
    assert window.screen.pending == 0
    assert window.happens("pinned", conversation=OPS, seq=40, user="bob") == []
    assert window.said(41, conversation=OPS) == ["12:00 #41 bob: hi"]


def test_older_messages_than_those_shown_are_counted() -> None:
    window = Window()
    window.screen.recap(ids.LOBBY, [window.message(seq) for seq in (38, 39, 40)])
    for seq in range(31, 41):
        assert window.said(seq) == []
    assert window.said(41) == ["* 7 earlier messages of lobby are not shown", "12:00 #41 bob: hi"]
    assert window.said(42) == ["12:00 #42 bob: hi"]


def test_what_is_held_when_history_comes_is_shown_once() -> None:
    window = Window()
    window.sent(40, "mine", OPS, "ops")
    last = [window.message(39, conversation=OPS), window.message(40, "mine", OPS, "alice")]
    assert texts(window.screen.switch(OPS, last)) == ["--- #ops ---", "12:00 #39 bob: hi", "12:00 #40 me: mine  ✓"]
    assert window.screen.pending == window.screen.held == 0


def test_where_what_is_new_begins() -> None:
    window = Window()
    window.said(1, conversation=OPS)
    window.screen.switch(OPS, [])
    window.screen.switch(ids.LOBBY, [])
    window.said(2, conversation=OPS)
    assert " · lobby · " in window.screen.toolbar()
    assert "#ops 1" in window.screen.toolbar()
    last = [window.message(1, conversation=OPS), window.message(2, conversation=OPS)]
    assert texts(window.screen.switch(OPS, last)) == [
        "--- #ops ---",
        "12:00 #1 bob: hi",
        "--- new since you left ---",
        "12:00 #2 bob: hi",
    ]
    assert "#ops 1" not in window.screen.toolbar()


def test_what_one_wrote_elsewhere_meanwhile_is_not_new() -> None:
    window = Window()
    last = [window.message(seq, sender=sender) for seq, sender in ((1, "bob"), (2, "alice"), (3, "bob"))]
    assert texts(window.screen.recap(ids.LOBBY, last, since=1)) == [
        "12:00 #1 bob: hi",
        "12:00 #2 me: hi  ✓",
        "--- new since you left ---",
        "12:00 #3 bob: hi",
    ]


def test_a_recap_shows_messages_as_they_are_now() -> None:
    window = Window()
    gone = window.message(1, "")._replace(recalled=True)
    changed = window.message(2, "new")._replace(edited=3)
    assert texts(window.screen.recap(ids.LOBBY, [gone, changed])) == [
        "12:00 #1 bob: (taken back)",
        "12:00 #2 bob: new  (edited)",
    ]


def test_a_log_that_was_set_back_is_told_and_shown_anew() -> None:
    window = Window()
    window.screen.recap(ids.LOBBY, [window.message(seq) for seq in (1, 2, 3)])
    assert window.happens("notice", "rewound", ref=3, seq=1) == [
        "* the cluster went back to an older copy: #2 to #3 are gone"
    ]
    assert texts(window.screen.received(window.message(2, "other", reply_to=3))) == [
        "      ↳ #3",
        "12:00 #2 bob: other",
    ]
    assert window.happens("recalled", user="bob", ref=3, seq=3) == [], "what stood there is gone"


def test_of_ones_own_message_in_a_log_that_was_set_back_nothing_is_known() -> None:
    window = Window()
    window.said(1)
    window.sent(2)
    window.happens("notice", "rewound", ref=2, seq=1)
    assert "✓" not in window.screen.toolbar()


@given(st.lists(st.integers(0, 3), max_size=40))
def test_no_message_is_shown_twice_or_out_of_order(steps: list[int]) -> None:
    """Messages, one's own and recaps in any mixture; a recap repeats, what comes after it does not."""
    window = Window()
    since_recap: list[int] = []
    lines: list[str] = []
    for head, step in enumerate(steps, 1):
        if step == 0:
            lines = window.said(head)
        elif step == 1:
            lines = window.sent(head)
        elif step == 2:  # of another device's change nothing is heard
            lines = []
        else:
            last = [window.message(seq) for seq in range(max(head - 3, 1), head + 1)]
            window.screen.recap(ids.LOBBY, last)
            since_recap, lines = [head], []
        since_recap += [int(line.split("#")[1].split()[0]) for line in lines]
    since_recap += [int(line.split("#")[1].split()[0]) for line in texts(window.screen.all_held())]
    assert since_recap == sorted(set(since_recap))


# -- what happens ------------------------------------------------------------------------------------------


def test_changes_of_messages_that_were_shown_are_one_line() -> None:
    window = Window()
    window.said(1, "frist")
    assert window.happens("edited", user="bob", ref=1, seq=2, text="first") == ["* bob edited #1: first"]
    assert texts(window.screen.received(window.message(3, "yes", reply_to=1)))[0] == "      ↳ bob #1: first"
    assert window.happens("edited", user="bob", ref=9, seq=4, text="never seen") == []


def test_changes_of_messages_read_in_an_earlier_run_are_told() -> None:
    window = Window()
    listed = Conversation(ids.LOBBY, "lobby", "member", 0, 5, 5, False, False, 2, "", False, 0, 0)
    window.screen.conversations.listed(listed)
    assert window.happens("recalled", user="bob", ref=3, seq=1) == ["* bob took back #3"]


def test_a_change_waits_for_its_message() -> None:
    window = Window()
    window.said(1)
    assert window.happens("reaction", "added", user="carol", ref=2, seq=3, text="👍") == []
    assert window.said(2) == ["12:00 #2 bob: hi", "* carol put 👍 to #2"]


def test_what_happens_elsewhere_says_where_unless_that_is_muted() -> None:
    window = Window()
    assert window.happens("left", conversation=OPS, user="bob", seq=1) == ["* #ops: bob left"]
    window.screen.conversations.chat(OPS).muted = True
    assert window.happens("left", conversation=OPS, user="carol", seq=2) == []
    assert window.screen.held == 0


def test_a_group_goes_by_its_new_name() -> None:
    window = Window()
    window.said(1, conversation=OPS)
    shown = window.happens("conversation", "renamed", conversation=OPS, user="bob", seq=2, text="operations")
    assert shown == ["* #operations: bob named the group operations"]


def test_typing_is_shown_where_one_is() -> None:
    window = Window()
    window.happens("typing", user="bob")
    window.happens("typing", user="alice")
    window.happens("typing", user="carol", conversation=OPS)
    assert "bob is typing" in window.screen.toolbar()
    window.said(1)
    assert "typing" not in window.screen.toolbar()


def test_a_failing_disk_is_told_as_a_failure() -> None:
    window = Window()
    (line,) = window.screen.happened(Event("notice", "storage", text="The disk is full."))
    assert line == [("mark", "* "), ("note.failed", "The disk is full.")]


# -- the bar -----------------------------------------------------------------------------------------------


def test_the_toolbar_follows_the_connection() -> None:
    window = Window()
    screen = window.screen
    screen.connection = Connection("connected", "s1")
    assert screen.toolbar() == " alice · lobby · connected to s1 · :all lists the commands"
    screen.connection = Connection("reconnecting", retry_at=window.now + 2.2)
    assert screen.connection_state() == "reconnecting in 2 s"
    window.now += 3
    assert screen.connection_state() == "reconnecting"
    screen.connection = Connection("closed", reason="gone\x1b[2J")
    assert screen.connection_state() == "closed: gone␛[2J"


@pytest.mark.parametrize("width", [20, 40, 80])
def test_all_of_it_fits(width: int) -> None:
    window = Window(width)
    window.screen.sending("word " * 50)
    assert len(window.screen.toolbar()) < width
    if width >= 40:
        assert all(len(row) < width for row in texts(window.screen.pending_rows()))
