"""Which conversation is current, and what is new in the others."""

import pytest

from cim_client.terminal.commands.settings import Settings
from cim_client.terminal.display import conversations
from cim_client.terminal.display.conversations import Conversations
from cim_client.types import Conversation
from cim_common import ids

ME, BOB = 2**32, 2**32 + 7
DIRECT = ids.direct(ME, BOB)
OPS, DEV = ids.new_group(), ids.new_group()


def some(settings: Settings | None = None) -> Conversations:
    known = Conversations(settings or Settings())
    known.named(OPS, "ops")
    known.named(DIRECT, "bob")
    return known


def listed(
    conversation: str, title: str, unread: int = 0, head: int = 0, muted: bool = False, role: str = "member"
) -> Conversation:
    read = head - unread
    return Conversation(conversation, title, role, unread, read, head, False, muted, 2, "", False, 0, 0)


def waiting(known: Conversations) -> list[tuple[str, int]]:
    return [(unread.label, unread.messages) for unread in known.unread()]


def test_what_comes_elsewhere_is_counted_until_one_goes_there() -> None:
    known = some()
    for seq in (1, 2):
        known.arrived(OPS, seq, own=False)
    known.arrived(DIRECT, 1, own=False)
    known.arrived(ids.LOBBY, 9, own=False)
    known.arrived(DIRECT, 2, own=True)
    assert waiting(known) == [("#ops", 2), ("bob", 1)]
    known.switch(OPS)
    assert waiting(known) == [("bob", 1)]
    known.switch(ids.LOBBY)
    known.arrived(OPS, 3, own=False)
    assert waiting(known) == [("bob", 1), ("#ops", 1)]


def test_the_next_unread_one_is_that_which_waits_longest() -> None:
    known = some()
    for conversation in (DIRECT, OPS, DIRECT):
        known.arrived(conversation, 1, own=False)
    assert known.next_unread() == DIRECT
    known.switch(DIRECT)
    assert known.next_unread() == OPS
    known.switch(OPS)
    assert known.next_unread() is None


def test_where_one_left_off() -> None:
    known = some()
    known.arrived(ids.LOBBY, 5, own=False)
    assert known.switch(OPS) == 0, "nothing is known of it yet"
    known.arrived(ids.LOBBY, 6, own=False)
    assert known.switch(ids.LOBBY) == 5
    known.switch(OPS)
    assert known.switch(ids.LOBBY) == 6


def test_going_where_one_is_leaves_nothing() -> None:
    known = some()
    known.arrived(ids.LOBBY, 5, own=False)
    known.switch(ids.LOBBY)
    known.arrived(ids.LOBBY, 6, own=False)
    known.switch(OPS)
    assert known.switch(ids.LOBBY) == 6


def test_what_was_read_elsewhere_is_not_new_to_one_who_leaves() -> None:
    known = some()
    known.switch(OPS)
    known.listed(listed(OPS, "ops", head=10))
    known.switch(ids.LOBBY)
    assert known.switch(OPS) == 10


def test_the_list_tells_what_was_left_unread_once() -> None:
    known = some()
    known.arrived(OPS, 9, own=False)
    known.listed(listed(OPS, "ops", unread=3, head=10))
    assert waiting(known) == [("#ops", 3)]
    known.arrived(OPS, 10, own=False)
    assert waiting(known) == [("#ops", 3)], "it is counted already"
    known.arrived(OPS, 11, own=False)
    known.listed(listed(OPS, "ops", unread=4, head=11))
    assert waiting(known) == [("#ops", 4)]
    assert known.switch(OPS) == 7


def test_what_came_after_the_list_was_made_is_counted_besides() -> None:
    known = some()
    for seq in (10, 11):
        known.arrived(OPS, seq, own=False)
    known.arrived(OPS, 12, own=True)
    known.listed(listed(OPS, "ops", unread=3, head=10))
    assert waiting(known) == [("#ops", 4)]
    known.arrived(OPS, 13, own=False)
    assert waiting(known) == [("#ops", 5)]


def test_what_one_has_looked_at_before_the_list_came_is_not_unread() -> None:
    known = some()
    for seq in (9, 10):
        known.arrived(OPS, seq, own=False)
    known.switch(OPS)
    known.switch(ids.LOBBY)
    known.listed(listed(OPS, "ops", unread=2, head=10))
    assert waiting(known) == []
    known.arrived(OPS, 11, own=False)
    assert waiting(known) == [("#ops", 1)]


def test_muted_ones_are_neither_printed_nor_counted() -> None:
    known = some()
    known.listed(listed(OPS, "ops", muted=True))
    known.arrived(OPS, 1, own=False)
    assert not known.prints(OPS)
    assert waiting(known) == []
    assert known.next_unread() is None
    known.switch(OPS)
    assert known.prints(OPS)


def test_only_the_current_one_may_be_printed() -> None:
    settings = Settings()
    known = some(settings)
    assert known.prints(OPS)
    settings.set("show", "current")
    assert not known.prints(OPS)
    assert known.prints(ids.LOBBY)


def test_labels_say_where_a_message_went_unless_it_is_here() -> None:
    known = some()
    assert known.to(ids.LOBBY, own=False) == ""
    assert known.to(OPS, own=False) == known.to(OPS, own=True) == "#ops"
    assert known.to(DIRECT, own=False) == "me"
    assert known.to(DIRECT, own=True) == "bob"
    known.switch(DIRECT)
    assert known.to(DIRECT, own=False) == ""
    assert known.to(ids.LOBBY, own=False) == "lobby"


def test_a_group_cannot_pass_for_somebody() -> None:
    known = some()
    known.named(OPS, "me")
    assert known.to(OPS, own=False) == "#me"


def test_what_has_no_name_yet() -> None:
    known = Conversations(Settings())
    assert known.title(OPS) == "(group)"
    assert known.title(DIRECT) == "(private)"
    assert known.title(ids.direct(ME, ME)) == "(notes)"
    known.named(DIRECT, DIRECT)
    known.named(DIRECT, str(BOB))
    known.named(ids.LOBBY, "elsewhere")
    assert known.title(DIRECT) == "(private)"
    assert known.title(ids.LOBBY) == "lobby"


def test_a_user_whose_conversation_is_learnt_later() -> None:
    known = Conversations(Settings())
    known.switch("bob")
    known.placed("bob", DIRECT)
    assert (known.current, known.title(DIRECT)) == (DIRECT, "bob")


def test_the_quick_switch_offers_unread_ones_then_the_last_active() -> None:
    known = some()
    known.named(DEV, "DevOps")
    known.arrived(OPS, 1, own=True)
    known.arrived(DIRECT, 1, own=False)
    assert [chat.title for chat in known.by_use()] == ["bob", "ops", "DevOps", "lobby"]


def test_a_group_one_has_left_is_not_offered_unless_one_is_there() -> None:
    known = some()
    known.listed(listed(OPS, "ops", role="left"))
    known.listed(listed(DEV, "dev", role="banned"))
    assert [chat.title for chat in known.by_use()] == ["bob", "lobby"]
    known.switch(DEV)
    assert "dev" in [chat.title for chat in known.by_use()]
    known.listed(listed(OPS, "ops"))
    assert "ops" in [chat.title for chat in known.by_use()], "one was invited again"


def test_a_log_that_was_set_back_begins_anew() -> None:
    known = some()
    known.arrived(ids.LOBBY, 9, own=True)
    known.rewound(ids.LOBBY, 4)
    assert known.chat(ids.LOBBY).newest == known.chat(ids.LOBBY).newest_own == 4
    known.listed(listed(OPS, "ops", head=9))
    known.rewound(OPS, 4)
    known.arrived(OPS, 5, own=False)
    assert waiting(known) == [("#ops", 1)]
    assert known.switch(OPS) == 4


def test_many_conversations_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MAX_KNOWN", 3)
    known = some()
    known.arrived(OPS, 1, own=False)
    for _ in range(5):
        known.named(ids.new_group(), "more")
    assert len(known) == 3
    assert waiting(known) == [("#ops", 1)]
    assert known.title(ids.LOBBY) == "lobby"
