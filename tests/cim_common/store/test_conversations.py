"""Lists, pages and starting positions on a real Redis."""

from typing import Any

from cim_common import ids
from cim_common.store import conversations, keys, marks, pages, sessions
from cim_common.store.sessions import Session
from cim_common.wire.codec import decode_entry
from cim_common.wire.limits import MAX_LIST_PAGE, MAX_PAGE_BYTES, MAX_PAGE_ENTRIES

ALICE = ids.MIN_USER_ID + 5
BOB = ids.MIN_USER_ID + 9
DIRECT = ids.direct(ALICE, BOB)
HERE = Session("s1:e1", "c1")


def start_of(store: Any, user: int, device: str, conversation: str) -> int:
    listed, _, _ = store.run(conversations.list_since(user, device, 0))
    start: int = next(item.start for item in listed if item.id == conversation)
    return start


def log_in(store: Any, user: int, device: str, ephemeral: bool = False) -> None:
    store.run(sessions.claim(user, "x", device, Session("s1:e1", device), ephemeral, 1))


def test_the_lobby_leads_and_the_rest_comes_by_version(store: Any, committer: Any) -> None:
    committer.commit(committer.append(1, 0, "hello"))
    listed, version, more = store.run(conversations.list_since(ALICE, "d1", 0))
    assert [(item.id, item.head, item.title) for item in listed] == [("lobby", 0, ""), (DIRECT, 1, "bob")]
    assert (version, more) == (1, False)
    assert store.run(conversations.list_since(ALICE, "d1", version)) == ([], 1, False)
    listed, _, _ = store.run(conversations.list_since(BOB, "d1", 0))
    assert listed[1].title == "alice"
    assert listed[1].peer == ALICE


def test_a_long_list_comes_in_pages(store: Any) -> None:
    count = MAX_LIST_PAGE + 50
    names = [ids.direct(ALICE, ids.MIN_USER_ID + 1000 + n) for n in range(count)]
    for name in names:
        store.run(conversations.finish_todo(name))  # unknown: nothing happens
        store.command(
            "ZADD", keys.conversations(ALICE), store.command("ZINCRBY", keys.conversations(ALICE), 1, "#"), name
        )
    seen: list[str] = []
    version, more = 0, True
    while more:
        listed, version, more = store.run(conversations.list_since(ALICE, "d1", version))
        assert len(listed) <= MAX_LIST_PAGE + 1
        seen += [item.id for item in listed if item.id != "lobby"]
    assert seen == names


def test_where_a_device_begins(store: Any, committer: Any) -> None:
    log_in(store, BOB, "first")
    committer.commit(
        committer.append(1, 0, "a"), committer.append(2, 1, "b"), committer.append(3, 0, "x", conversation="lobby")
    )
    log_in(store, BOB, "second")
    log_in(store, BOB, "passing", ephemeral=True)
    assert start_of(store, BOB, "first", DIRECT) == 0
    assert start_of(store, BOB, "second", DIRECT) == 0  # nothing was shown on any device yet
    assert start_of(store, BOB, "passing", DIRECT) == 2
    assert start_of(store, BOB, "first", "lobby") == 1
    store.run(sessions.move_cursors(BOB, "first", Session("s1:e1", "first"), False, {DIRECT: 1}))
    assert start_of(store, BOB, "first", DIRECT) == 1
    assert start_of(store, BOB, "second", DIRECT) == 0  # shown is not read
    assert store.run(marks.move(BOB, DIRECT, 1)) == 1
    assert start_of(store, BOB, "second", DIRECT) == 1
    log_in(store, ALICE, "late", ephemeral=True)
    assert start_of(store, ALICE, "late", DIRECT) == 0  # the first device ALICE ever had


def test_pages_upwards_are_bounded_and_complete(store: Any, committer: Any) -> None:
    text = "x" * 900
    committer.commit(*[committer.append(n, n - 1, f"{n} {text}") for n in range(1, 301)])
    above, seen = 0, []
    while True:
        page = store.run(pages.page_up(DIRECT, above))
        assert page.head == 300
        if not page.entries:
            break
        assert len(page.entries) <= MAX_PAGE_ENTRIES
        assert sum(len(entry) for _, entry in page.entries) <= MAX_PAGE_BYTES
        seen += page.entries
        above = page.entries[-1][0]
    assert [seq for seq, _ in seen] == list(range(1, 301))
    assert all(decode_entry(entry).text.startswith(f"{seq} ") for seq, entry in seen)


def test_pages_downwards(store: Any, committer: Any) -> None:
    committer.commit(*[committer.append(n, n - 1, str(n)) for n in range(1, 101)])
    page = store.run(pages.page_down(DIRECT, 2**53, 5))
    assert [seq for seq, _ in page.entries] == [100, 99, 98, 97, 96]
    page = store.run(pages.page_down(DIRECT, 3, 500))
    assert [seq for seq, _ in page.entries] == [2, 1]
    assert store.run(pages.page_down(DIRECT, 1, 5)).entries == []
    assert store.run(pages.page_up("d-unknown", 0)) is None


def test_who_may_take_part() -> None:
    for conversation, user, may in (
        ("lobby", 1, True), (DIRECT, ALICE, True), (DIRECT, BOB + 1, False), ("g-x", ALICE, False), ("", ALICE, False),
        (f"d-{BOB}-{ALICE}", ALICE, False), (f"d-{ALICE}-{BOB}x", ALICE, False), ("log:{c1}:x", ALICE, False),
    ):  # fmt: skip
        assert conversations.may_take_part(conversation, user) is may


def test_notes_to_oneself(store: Any, committer: Any) -> None:
    notes = ids.direct(ALICE, ALICE)
    assert committer.commit(committer.append(1, 0, "remember", conversation=notes)) == [("STORED", 1, 0)]
    listed, _, _ = store.run(conversations.list_since(ALICE, "d1", 0))
    assert [item.id for item in listed] == ["lobby", notes]
    assert store.run(conversations.heads([notes, "none"])) == [1, 0]
