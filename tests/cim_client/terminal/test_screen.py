"""States of one's own messages and of the connection."""

from cim_client.terminal.lines import plain
from cim_client.terminal.screen import MAX_EARLY, MAX_PENDING_ROWS, Connection, Screen, Settlement
from cim_client.types import Message
from cim_common import ids


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def texts(lines: list[list[tuple[str, str]]]) -> list[str]:
    return [plain(line)[6:] for line in lines]


def test_pending_until_stored() -> None:
    screen = Screen("alice", 5, now=Clock())
    key = screen.sending("hello", None)
    assert texts(screen.pending_rows()) == ["me: hello  · pending"]
    assert screen.posted(key, "1:d:1") == []
    assert screen.pending == 1
    assert texts(screen.settled("1:d:1", Settlement())) == ["me: hello  ✓"]
    assert screen.pending == 0
    assert screen.pending_rows() == []


def test_stored_before_post_has_returned() -> None:
    screen = Screen("alice", 5, now=Clock())
    key = screen.sending("hello", "bob")
    assert screen.settled("1:d:1", Settlement()) == []
    assert texts(screen.posted(key, "1:d:1")) == ["me → bob: hello  ✓"]


def test_a_failure_says_why() -> None:
    screen = Screen("alice", 5, now=Clock())
    key = screen.sending("hello", "nobody")
    shown = screen.settled_key(key, Settlement("There is no user of that name."))
    assert texts(shown)[0] == "me → nobody: hello  ✗ not sent"
    assert plain(shown[1]) == "* There is no user of that name."


def test_an_unknown_outcome_is_not_called_a_failure() -> None:
    screen = Screen("alice", 5, now=Clock())
    shown = screen.settled_key(screen.sending("hello", None), Settlement("No answer in time.", unknown=True))
    assert texts(shown)[0] == "me: hello  ? may not be sent"


def test_own_messages_of_other_devices() -> None:
    screen = Screen("alice", 5, now=Clock())
    said = Message("lobby", 1, "alice", 5, "from my phone", "5:e:1", int(Clock.now * 1000), False)
    assert texts(screen.received(said, None)) == ["me: from my phone  ✓"]
    assert texts(screen.received(said, "bob")) == ["me → bob: from my phone  ✓"]


def test_what_is_said_in_a_group_is_not_taken_for_private() -> None:
    screen = Screen("alice", 5, now=Clock())
    for conversation, peer, shown in (
        ("lobby", None, "bob: hi"),
        (ids.direct(2**31 + 5, 2**31 + 7), "bob", "bob → me: hi"),
        (ids.new_group(), "ops", "bob → ops: hi"),
    ):
        said = Message(conversation, 1, "bob", 7, "hi", "7:e:1", int(Clock.now * 1000), False)
        assert texts(screen.received(said, peer)) == [shown]


def test_long_names_leave_room_for_the_text() -> None:
    screen = Screen("alice", 5, lambda: 80, now=Clock())
    said = Message(ids.new_group(), 1, "b" * 32, 7, "hi", "7:e:1", int(Clock.now * 1000), False)
    (line,) = screen.received(said, "o" * 64)
    assert len(plain(line)) < 80
    assert plain(line).endswith("…: hi")


def test_settlements_of_an_earlier_run_are_bounded() -> None:
    screen = Screen("alice", 5, now=Clock())
    for n in range(MAX_EARLY + 1):
        assert screen.settled(f"1:d:{n}", Settlement()) == []
    key = screen.sending("hello", None)
    assert screen.posted(key, "1:d:0") == []


def test_many_pending_messages_are_counted() -> None:
    screen = Screen("alice", 5, now=Clock())
    for n in range(MAX_PENDING_ROWS + 3):
        screen.sending(str(n), None)
    rows = screen.pending_rows()
    assert len(rows) == MAX_PENDING_ROWS + 1
    assert plain(rows[-1]) == "* and 3 more pending"
    assert " 8 pending " in screen.toolbar()


def test_the_toolbar_follows_the_connection() -> None:
    clock = Clock()
    screen = Screen("alice", 5, now=clock)
    screen.connection = Connection("connected", "s1")
    assert screen.toolbar() == " alice · connected to s1 · :all lists the commands"
    screen.connection = Connection("reconnecting", retry_at=clock.now + 2.2)
    assert screen.connection_state() == "reconnecting in 2 s"
    clock.now += 3
    assert screen.connection_state() == "reconnecting"
    screen.connection = Connection("closed", reason="gone\x1b[2J")
    assert screen.connection_state() == "closed: gone␛[2J"


def test_farewell_tells_kept_from_lost() -> None:
    screen = Screen("alice", 5, now=Clock())
    assert screen.farewell() is None
    screen.posted(screen.sending("kept", None), "1:d:1")
    screen.sending("not even posted", None)
    farewell = screen.farewell()
    assert farewell is not None
    assert "1 not known to be stored" in farewell
    assert "1 not sent" in farewell
