"""What both stores, on disk and in memory, do with messages and with what is the user's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cim_client.store import own as store_own
from cim_client.store.contract import LocalStore, Saved
from cim_client.store.failing import open_or_memory
from cim_client.store.memory import MemoryStore
from cim_client.types import Reaction
from cim_client.views import Position, Rewound
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Reaction as ReactionRead
from tests.cim_client.kept import (
    BOB,
    EVE,
    ME,
    ROUTE,
    change,
    exported,
    found,
    keep,
    messages,
    numbered,
    opened,
    own,
    seqs,
    text,
    texts,
)


@pytest.fixture(params=["file", "memory", "sound", "no folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalStore]:
    """A file, memory, and what stands before a file that may fail: in front of one, and where there can be none."""
    made: LocalStore
    if request.param == "file":
        made = opened(tmp_path)
    elif request.param == "memory":
        made = MemoryStore(keeps=True)
    elif request.param == "sound":
        made = open_or_memory(tmp_path, ROUTE, "alice", keep_messages=True)
    else:
        (tmp_path / "file").touch()
        made = open_or_memory(tmp_path / "file", ROUTE, "alice", keep_messages=True)
    made.logged_in(ME)
    yield made
    made.close()


def test_positions_and_numbers(store: LocalStore) -> None:
    store.set_positions([("c", Position(5, 1)), ("d", Position(6, 2))])
    store.set_positions([("c", Position(7, 1))])
    assert [store.position(name) for name in "cde"] == [Position(7, 1), Position(6, 2), None]
    assert [store.next_n() for _ in range(3)] == [1, 2, 3]
    assert store.last_n == 3
    assert store.keeps
    assert store.user == ME


def test_a_message_is_kept_as_it_was_shown_and_once(store: LocalStore) -> None:
    shown = text(5, "hello", ref=3, unverified=True)
    store.set_positions([("c", Position(5, 1))], [shown])
    keep(store, shown, shown)
    (message,) = messages(store).messages("c", 10)
    assert message == (
        "c", 5, "bob", BOB, "hello", "2:d2:5", shown.entry.time_ms, True, 3, 0, False, (),
    )  # fmt: skip
    assert messages(store).messages("elsewhere", 10) == []


def test_the_newest_come_first_below_a_seq(store: LocalStore) -> None:
    keep(store, *numbered(1, 20), *numbered(1, 3, "d"))
    assert [message.seq for message in messages(store).messages("c", 3)] == [20, 19, 18]
    assert [message.seq for message in messages(store).messages("c", 3, before_seq=3)] == [2, 1]
    assert messages(store).messages("c", 0) == messages(store).messages("c", -1) == []
    assert len(messages(store).messages("c", 1 << 70, before_seq=1 << 70)) == 20


def test_edits_and_recalls_change_the_row(store: LocalStore) -> None:
    keep(store, *numbered(1, 3))
    keep(
        store, change(4, Kind.EDITED, 1, "better"), change(5, Kind.RECALLED, 2), change(6, Kind.EDITED, 99, "nobody's")
    )
    one, two, three = reversed(messages(store).messages("c", 10))
    assert (one.text, one.edited, one.recalled) == ("better", 4, False)
    assert (two.text, two.edited, two.recalled) == ("", 0, True)
    assert (three.text, three.edited, three.recalled) == ("text 3", 0, False)
    keep(store, change(3, Kind.EDITED, 1, "late"), change(7, Kind.EDITED, 2, "of a recalled one"))
    assert texts(store) == ["text 3", "", "better"]
    keep(store, change(8, Kind.EDITED, 3, "", recalled=True))
    assert texts(store) == ["", "", "better"]
    assert found(store, "better") == [1]
    assert found(store, "text") == []


def test_reactions_are_counted_by_user(store: LocalStore) -> None:
    def react(seq: int, sender: int, removed: bool = False, emoji: str = "+1") -> None:
        keep(store, change(seq, Kind.REACTION, 1, emoji, sender=sender, removed=removed))

    keep(store, text(1))
    react(2, BOB)
    react(3, EVE)
    react(3, EVE)
    react(4, ME)
    react(5, BOB, emoji="🎉")
    assert messages(store).messages("c", 1)[0].reactions == (Reaction("+1", 3, True), Reaction("🎉", 1, False))
    react(6, BOB, removed=True)
    react(6, BOB, removed=True)
    react(7, ME, removed=True)
    react(8, BOB, removed=True, emoji="🎉")
    assert messages(store).messages("c", 1)[0].reactions == (Reaction("+1", 1, False),)


def test_what_was_read_back_later_knows_more(store: LocalStore) -> None:
    keep(store, *numbered(1, 2))
    read = text(1, "edited", known_to=9, edited=5, reactions=(ReactionRead("+1", 2, True),))
    keep(store, read, text(2, "older", known_to=1))
    assert texts(store) == ["text 2", "edited"]
    keep(
        store,
        change(5, Kind.EDITED, 1, "seen before"),
        change(7, Kind.REACTION, 1, "+1", sender=BOB),
        change(10, Kind.REACTION, 1, "+1", sender=ME),
        change(11, Kind.REACTION, 1, "+1", sender=EVE),
    )
    message = messages(store).messages("c", 1, before_seq=2)[0]
    assert (message.text, message.edited, message.reactions) == ("edited", 5, (Reaction("+1", 3, True),))
    keep(store, text(1, "", known_to=20, recalled=True))
    assert messages(store).messages("c", 1, before_seq=2)[0].recalled


def test_what_was_read_back_before_an_edit_does_not_undo_it(store: LocalStore) -> None:
    keep(store, text(1), change(10, Kind.EDITED, 1, "newer"))
    keep(store, text(1, "as it was", known_to=9))
    assert texts(store) == ["newer"]


def test_what_was_read_back_before_a_recall_does_not_undo_it(store: LocalStore) -> None:
    keep(store, text(1), change(10, Kind.RECALLED, 1))
    keep(store, text(1, "as it was", known_to=9))
    assert texts(store) == [""]
    assert found(store, "as it was") == []


def test_a_log_that_went_back_takes_its_rows_along(store: LocalStore) -> None:
    keep(store, *numbered(1, 9), *numbered(1, 9, "d"), change(10, Kind.EDITED, 2, "of the lost part"))
    keep(store, Rewound("c", 6, 10), Rewound("nowhere", 0, 5))
    assert seqs(store) == [6, 5, 4, 3, 2, 1]
    assert len(seqs(store, "d")) == 9
    assert found(store, "text 8") == [8]
    keep(store, text(7, "another seven"), change(8, Kind.EDITED, 2, "anew"))
    assert texts(store)[:1] == ["another seven"]
    assert found(store, "anew") == [2]
    keep(store, Rewound("c", 0, 8))
    assert seqs(store) == []


def test_any_piece_of_a_text_is_found_newest_first(store: LocalStore) -> None:
    lines = ["Disk full on db-1", "明天下午开会", "the DISK is fine", "Привет, мир", 'a "quoted" 100%_\\ [x]*?', "会"]
    keep(store, *(text(seq, words) for seq, words in enumerate(lines, 1)))
    assert found(store, "disk") == [3, 1]
    assert found(store, "isk f") == [1]
    assert found(store, "is") == [3, 1]
    assert found(store, "开会") == [2]
    assert found(store, "会") == [6, 2]
    assert found(store, "下午开会") == [2]
    assert found(store, "привет") == found(store, "ПР") == [4]
    for words in ('"quoted"', "%_", "[x]", "*?", "\\", "100%_\\ [x]*?"):
        assert found(store, words) == [5]
    for words in ("", "nothing", "x" * 20_000, "half \ud800", "\0", "会" * 300, "Ж" * 9_000):
        assert found(store, words) == []


def test_all_its_pieces_are_not_the_text(store: LocalStore) -> None:
    keep(store, text(1, "abc bcd cde"), text(2, "abcde"))
    for more in (numbered(3, 200), ()):
        keep(store, *more)
        assert found(store, "abcde") == [2]


def test_hits_are_told_and_a_search_goes_on_where_it_ended(store: LocalStore) -> None:
    keep(store, *(text(seq, f"ping {seq} Ping") for seq in range(1, 8)), text(1, "ping", "d", time_ms=0))
    first = messages(store).search("ping", "c", 3, None)
    assert [hit.message.seq for hit in first] == [7, 6, 5]
    assert first[0].spans == ((0, 4), (7, 11))
    assert [hit.message.seq for hit in messages(store).search("ping", "c", 9, first[-1].id)] == [4, 3, 2, 1]
    assert [hit.message.conversation for hit in messages(store).search("ping", None, 9, None)] == ["c"] * 7 + ["d"]
    assert messages(store).search("ping", "unheard of", 9, None) == messages(store).search("ping", None, 0, None) == []
    assert messages(store).search("pi", None, 9, -1 << 70) == []


def test_time_tells_what_is_newer_whichever_order_it_came_in(store: LocalStore) -> None:
    now, before = 1_800_000_500_000, 1_800_000_000_000
    keep(store, *(text(seq, "x", time_ms=now) for seq in range(100, 900)))
    keep(store, *(text(seq, "x", "d", time_ms=before + seq) for seq in range(9, 0, -1)))
    assert found(store, "x", limit=1_000) == [*range(899, 99, -1), *range(9, 0, -1)]
    in_order = [(message.conversation, message.seq) for message in exported(store, None)]
    assert in_order == [*(("d", seq) for seq in range(1, 10)), *(("c", seq) for seq in range(100, 900))]


def test_an_export_goes_on_while_messages_come(store: LocalStore) -> None:
    keep(store, *numbered(1, 1_200), *numbered(1, 3, "d"))
    going = exported(store, "c")
    first = [next(going).seq for _ in range(100)]
    keep(store, *numbered(1_201, 1_300))
    assert first + [message.seq for message in going] == list(range(1, 1_301))
    assert list(exported(store, "unheard of")) == []
    assert len(list(exported(store, None))) == 1_303


def test_ones_own_message_is_kept_as_it_is_forgotten(store: LocalStore) -> None:
    store.save(Saved(1, "bob", "hello"))
    store.settle(1, text(4, "hello"))
    assert store.saved() == []
    assert texts(store) == ["hello"]
    store.settle(2, text(5, "never saved"))
    assert texts(store) == ["never saved", "hello"]


def test_drafts(store: LocalStore) -> None:
    assert own(store).draft("c") == ""
    own(store).set_draft("c", "half a")
    own(store).set_draft("c", "half a sentence")
    own(store).set_draft("d", "half \ud800 pair")
    assert (own(store).draft("c"), own(store).draft("d")) == ("half a sentence", "half ? pair")
    own(store).set_draft("c", "")
    assert own(store).draft("c") == ""
    own(store).set_draft("c", "x" * 100_000)
    assert len(own(store).draft("c")) == store_own.MAX_TEXT


def test_only_so_many_drafts(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_own, "MAX_DRAFTS", 3)
    for number in range(5):
        own(store).set_draft(f"c{number}", "x")
        own(store).set_draft("c0", f"{number}")
    assert [own(store).draft(f"c{number}") for number in range(5)] == ["4", "", "", "x", "x"]


def test_settings(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert own(store).setting("bell") is None
    own(store).set_setting("bell", "on")
    own(store).set_setting("bell", "off")
    assert own(store).setting("bell") == "off"
    monkeypatch.setattr(store_own, "MAX_SETTINGS", 2)
    own(store).set_setting("show", "current")
    own(store).set_setting("bell", "on")
    with pytest.raises(ValueError, match="2 settings"):
        own(store).set_setting("third", "x")
    with pytest.raises(ValueError, match="4096 characters"):
        own(store).set_setting("bell", "x" * 5_000)
    own(store).set_setting("bell", None)
    own(store).set_setting("third", "x")
    assert (own(store).setting("bell"), own(store).setting("show"), own(store).setting("third")) == (
        None,
        "current",
        "x",
    )


def test_typed_lines(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in ("one", "two", "two", "", "one", "x" * 70_000):
        own(store).add_typed(line)
    assert own(store).typed(10) == ["one", "two", "one"]
    assert own(store).typed(1) == ["one"]
    assert own(store).typed(0) == own(store).typed(-1) == []
    monkeypatch.setattr(store_own, "MAX_TYPED", 4)
    for number in range(10):
        own(store).add_typed(f"{number}")
    assert own(store).typed(100) == ["6", "7", "8", "9"]


def test_names_of_groups(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    own(store).set_groups({"g-1": "ops", "g-2": "tea"})
    own(store).set_groups({"g-1": "operations", "g-3": "gone"})
    own(store).set_groups({"g-3": ""})
    assert list(own(store).groups().items()) == [("g-2", "tea"), ("g-1", "operations")]
    monkeypatch.setattr(store_own, "MAX_GROUPS", 2)
    own(store).set_groups({f"g-{number}": "x" for number in range(4, 8)})
    assert list(own(store).groups()) == ["g-6", "g-7"]


def test_a_device_that_is_to_keep_nothing_can_still_keep_what_is_ones_own(tmp_path: Path) -> None:
    for store in (MemoryStore(), opened(tmp_path, keeps=False)):
        assert not store.keeps
        own(store).set_draft("c", "x")
        assert own(store).draft("c") == "x"
        assert messages(store).search("any", None, 10, None) == []
        store.close()
