"""Retention on a real Redis: what goes, what stays, and what everybody else is told (I5, I21, I23)."""

import random
import threading
import time
from typing import Any

import pytest

from cim_common import accept, changes, ids
from cim_common.accept import Append
from cim_common.retention import Rule
from cim_common.store import conversations, keys, marks, pages, retention
from cim_common.store.flow import StoreError
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Change

ALICE, BOB = ids.MIN_USER_ID + 5, ids.MIN_USER_ID + 9
DIRECT = ids.direct(ALICE, BOB)
HOUR_MS = 3_600_000
NOW = 1_700_000_000_000


def trim_all(store: Any, rule: Rule, now_ms: int = NOW, conversation: str = DIRECT) -> int:
    """Trim until there is no more; the first seq kept."""
    while (outcome := store.run(retention.trim(conversation, rule, now_ms))).more:
        assert 0 < outcome.removed <= retention.MOST_AT_ONCE
    return int(outcome.first_kept)


def write(committer: Any, count: int, user: int = ALICE, at_ms: int = NOW, size: int = 0) -> None:
    """Texts with rising numbers, of one device of a user."""
    first = int(committer.store.command("HGET", keys.conv(DIRECT), "l") or 0) + 1
    for start in range(first, first + count, 400):
        appends = []
        for n in range(start, min(start + 400, first + count)):
            append = committer.append(n, 0, f"text {n}".ljust(size, "."), user=user)
            append.meta = codec.entry_meta(user, "alice", "d1", n, at_ms)
            appends.append(append)
        committer.commit(*appends)


def seqs(store: Any, conversation: str = DIRECT) -> list[int]:
    return [int(item.split(b"-")[0]) for item, _ in store.command("XRANGE", keys.log(conversation), "-", "+")]


def unread(store: Any, user: int) -> int:
    listed, _, _ = store.run(conversations.list_since(user, "d1", 0))
    return int(next(item.unread for item in listed if item.id == DIRECT))


def test_by_number_in_bounded_steps(committer: Any) -> None:
    write(committer, 1_300)
    assert trim_all(committer.store, Rule(newest=1_300)) == 1
    assert trim_all(committer.store, Rule(newest=100)) == 1_201
    assert seqs(committer.store) == list(range(1_201, 1_301))
    assert trim_all(committer.store, Rule(newest=100)) == 1_201


def test_by_age(committer: Any) -> None:
    write(committer, 3, at_ms=NOW - 3 * HOUR_MS)
    write(committer, 3, at_ms=NOW - HOUR_MS)
    assert trim_all(committer.store, Rule(age_ms=4 * HOUR_MS, newest=6)) == 1
    assert trim_all(committer.store, Rule(age_ms=2 * HOUR_MS, newest=6)) == 4
    assert trim_all(committer.store, Rule(age_ms=2 * HOUR_MS)) == 4
    assert trim_all(committer.store, Rule(age_ms=2 * HOUR_MS, newest=2)) == 5
    assert seqs(committer.store) == [5, 6]


def test_the_last_entry_stays_and_numbers_go_on(committer: Any) -> None:
    write(committer, 5)
    assert trim_all(committer.store, Rule(age_ms=1), NOW + HOUR_MS) == 5
    assert seqs(committer.store) == [5]
    write(committer, 1)
    assert seqs(committer.store) == [5, 6]
    assert committer.store.run(retention.trim(ids.direct(ALICE, ALICE), Rule(age_ms=1), NOW)) is None


def test_long_texts_make_a_step_shorter(committer: Any) -> None:
    write(committer, 60, size=16_000)
    first = committer.store.run(retention.trim(DIRECT, Rule(newest=1), NOW))
    assert first.more
    assert 10 <= first.removed < 30
    assert trim_all(committer.store, Rule(newest=1)) == 60


@pytest.mark.invariant("I23")
def test_pages_and_cursors_are_told_what_is_expired(committer: Any) -> None:
    write(committer, 20)
    store = committer.store
    trim_all(store, Rule(newest=5))
    up = store.run(pages.page_up(DIRECT, 3, BOB))
    assert (up.gaps, [seq for seq, _ in up.entries]) == (((4, 15, Code.EXPIRED),), [16, 17, 18, 19, 20])
    down = store.run(pages.page_down(DIRECT, 2**53, 50, BOB))
    assert (down.gaps, [seq for seq, _ in down.entries]) == (((1, 15, Code.EXPIRED),), [20, 19, 18, 17, 16])
    old = store.run(pages.page_down(DIRECT, 10, 50, BOB))
    assert (old.gaps, old.entries, old.end, old.more) == (((1, 9, Code.EXPIRED),), [], 1, False)
    assert store.run(pages.page_up(DIRECT, 20, BOB)).gaps == ()


def test_a_resend_of_what_is_gone_is_unresolved_and_never_doubled(committer: Any) -> None:
    write(committer, 10)
    by_key = committer.append(900, 0, "by key", user=BOB, key="k")
    committer.commit(by_key)
    write(committer, 5)
    trim_all(committer.store, Rule(newest=2))
    assert committer.commit(committer.append(4, 0, "text 4"), committer.append(16, 0, "text 16")) == [
        ("UNRESOLVED", 0, 0), ("KNOWN", 16, 0),
    ]  # fmt: skip
    assert committer.commit(committer.append(900, 0, "by key", user=BOB, key="k")) == [("KNOWN", 11, 0)]
    assert seqs(committer.store) == [15, 16]


def test_unread_counts_only_what_can_be_read(committer: Any) -> None:
    write(committer, 10)
    write(committer, 10, user=BOB)
    write(committer, 10)
    store = committer.store
    assert (unread(store, ALICE), unread(store, BOB)) == (10, 20)
    trim_all(store, Rule(newest=25))
    assert (unread(store, ALICE), unread(store, BOB)) == (10, 15)
    trim_all(store, Rule(newest=15))
    assert (unread(store, ALICE), unread(store, BOB)) == (5, 10)
    assert store.run(marks.move(BOB, DIRECT, 3)) == 3
    assert (unread(store, ALICE), unread(store, BOB)) == (5, 10)
    assert store.run(marks.move(BOB, DIRECT, 24)) == 24
    assert unread(store, BOB) == 6
    trim_all(store, Rule(newest=4))
    assert (unread(store, ALICE), unread(store, BOB)) == (0, 4)
    write(committer, 3)
    assert (unread(store, ALICE), unread(store, BOB)) == (0, 7)
    assert store.run(marks.move(BOB, DIRECT, 33)) == 33
    assert unread(store, BOB) == 0


def test_a_mark_far_behind_a_long_log_passes_what_is_gone(committer: Any) -> None:
    for part in range(6):
        write(committer, 500, user=BOB if part % 2 else ALICE)
    trim_all(committer.store, Rule(newest=1_800))
    assert committer.store.run(marks.move(BOB, DIRECT, 1_600)) == 1_600
    assert unread(committer.store, BOB) == 500
    assert committer.store.run(marks.move(BOB, DIRECT, 3_000)) == 3_000
    assert unread(committer.store, BOB) == 0


def change(committer: Any, n: int, user: int, kind: Kind, **fields: Any) -> None:
    wanted = changes.completed(Change(DIRECT, n, 0, kind, **fields))
    append = Append(
        committer.owner, DIRECT, accept.sender_argument(user, "d1"), n, 0, codec.entry_meta(user, "x", "d1", n, NOW),
        changes.content_of(wanted, []), time.monotonic(), None, changes.op_of(wanted), kind,
    )  # fmt: skip
    committer.commit(append)
    assert append.status.name == "STORED", append.code


def test_what_changes_made_of_removed_messages_is_forgotten(committer: Any) -> None:
    write(committer, 4)
    store = committer.store
    for n, ref in ((100, 2), (200, 4)):
        change(committer, n, ALICE, Kind.EDITED, ref=ref, text="better")
        for user in (ALICE, BOB):
            change(committer, n + 1, user, Kind.REACTION, ref=ref, text="+1")
        change(committer, n + 2, ALICE, Kind.PINNED, ref=ref)
    overlay = keys.overlay(DIRECT)
    assert store.command("HGET", keys.conv(DIRECT), "pins") == b"2,4"
    outcome = store.run(retention.trim(DIRECT, Rule(newest=9), NOW))
    assert (outcome.first_kept, outcome.overlay) == (4, True)
    assert store.command("HGET", keys.conv(DIRECT), "pins") == b"4"
    store.run(retention.forget_overlay(DIRECT, outcome.first_kept))
    assert set(store.command("HGETALL", overlay)[::2]) == {
        b"4", b"x4", b"4\n+1", b"4\n+1\n%d" % ALICE, b"4\n+1\n%d" % BOB,
    }  # fmt: skip
    assert not store.run(retention.trim(DIRECT, Rule(newest=9), NOW)).overlay
    now = store.run(pages.page_down(DIRECT, 5, 1, BOB, current=True))
    entry = codec.decode_entry(now.entries[0][1])
    assert (entry.text, entry.reactions) == ("better", (("+1", 2, True),))


def test_a_large_overlay_goes_in_steps(committer: Any) -> None:
    write(committer, 12)
    store = committer.store
    store.command("HSET", keys.conv(DIRECT), "ov", 1)
    fields = {f"{ref}\n{emoji}\n{user}": 1 for ref in range(1, 13) for emoji in "ab" for user in range(100)}
    store.command("HSET", keys.overlay(DIRECT), *[part for pair in fields.items() for part in pair])
    store.run(retention.forget_overlay(DIRECT, 11))
    assert store.command("HLEN", keys.overlay(DIRECT)) == 400


def test_a_walk_finds_every_conversation(committer: Any) -> None:
    others = [ids.direct(ALICE, ids.MIN_USER_ID + 100 + index) for index in range(300)]
    for other in others:
        committer.store.command("HSET", keys.conv(other), "l", 0, "f", 1, "k", "d")
    write(committer, 30)
    cursor, found = committer.store.run(retention.walk(0, 100))
    while cursor:
        cursor, more = committer.store.run(retention.walk(cursor, 100))
        found += more
    assert set(found) == {*others, DIRECT, "lobby"}
    rules = [(name, Rule(newest=10)) for name in sorted(set(found))]
    outcomes = committer.store.run(retention.trim_in_passing(rules, NOW))
    assert [outcome.first_kept for (name, _), outcome in zip(rules, outcomes, strict=True) if name == DIRECT] == [21]
    assert sum(outcome.removed for outcome in outcomes) == 20


def test_retention_makes_room_at_the_memory_limit(committer: Any) -> None:
    write(committer, 50)
    store = committer.store
    store.command("CONFIG", "SET", "maxmemory", 1)
    try:
        with pytest.raises(StoreError, match="maxmemory"):
            store.command("SET", "more", "x")
        assert store.run(retention.hold_lock("s1:e"))
        assert trim_all(store, Rule(newest=10)) == 41
    finally:
        store.command("CONFIG", "SET", "maxmemory", 0)
    assert seqs(store) == list(range(41, 51))
    assert unread(store, BOB) == 10


def test_one_walks_at_a_time(store: Any) -> None:
    assert store.run(retention.hold_lock("s1:e"))
    assert not store.run(retention.hold_lock("s2:e"))
    assert store.run(retention.hold_lock("s1:e"))
    assert 0 < store.command("PTTL", keys.RETENTION) <= retention.LOCK_MS
    store.run(retention.give_lock_up("s2:e"))
    assert not store.run(retention.hold_lock("s2:e"))
    store.run(retention.give_lock_up("s1:e"))
    assert store.run(retention.hold_lock("s2:e"))


class Race:
    """Writers, readers, marks and the trimmer at once, each on a connection of its own, until the writers end."""

    KEPT = 60
    BATCHES = 60

    def __init__(self, new_store: Any, new_committer: Any) -> None:
        self.new_store = new_store
        self.new_committer = new_committer
        self.texts: dict[int, str] = {}
        self.failures: list[str] = []
        self.done = threading.Event()
        self.pages = self.trims = 0

    def run(self) -> None:
        work = [
            *[threading.Thread(target=self._write, args=(index,)) for index in range(2)],
            *[threading.Thread(target=self._guarded, args=(loop, index)) for index, loop in enumerate(
                (self._read_on, self._read_on, self._read_down, self._mark, self._trim, self._trim))],
        ]  # fmt: skip
        for thread in work:
            thread.start()
        for thread in work[:2]:
            thread.join(60)
        self.done.set()
        for thread in work[2:]:
            thread.join(30)
        assert not self.failures, self.failures[:3]
        assert not any(thread.is_alive() for thread in work)

    def _guarded(self, loop: Any, seed: int) -> None:
        store, chance = self.new_store(), random.Random(seed)
        try:
            while not self.done.is_set():
                loop(store, chance)
        except Exception as error:
            self.failures.append(f"{loop.__name__}: {error!r}")
            raise
        finally:
            store.connection.disconnect()

    def _write(self, index: int) -> None:
        committer = self.new_committer()
        user, device = (ALICE, BOB)[index], f"w{index}"
        n = 0
        for _ in range(self.BATCHES):
            appends = [
                committer.append(n + i, max(n + i - 1, 0), f"{device} {n + i}", user, device) for i in range(1, 21)
            ]
            n += 20
            for append, (status, seq, code) in zip(appends, committer.commit(*appends), strict=True):
                if status != "STORED":
                    self.failures.append(f"{status} {code}")
                self.texts[seq] = f"{device} {append.n}"
        committer.store.connection.disconnect()

    def _read_on(self, store: Any, chance: random.Random) -> None:
        """As a device does: from a cursor to the head, every seq answered once and in order."""
        cursor, head = chance.randrange(0, 50), 1
        while cursor < head:
            page = store.run(pages.page_up(DIRECT, cursor, BOB))
            if page is None:
                return
            self._check(page, cursor + 1, page.end)
            cursor, head = page.end, page.head
            self.pages += 1

    def _read_down(self, store: Any, chance: random.Random) -> None:
        before = 2**53
        while before > 1:
            page = store.run(pages.page_down(DIRECT, before, 30, BOB))
            if page is None or page.head == 0:
                return
            self._check(page, page.end, min(before - 1, page.head))
            before = page.end

    def _check(self, page: Any, first: int, last: int) -> None:
        read = {seq: codec.decode_entry(entry) for seq, entry in page.entries}
        gone = [seq for gap in page.gaps for seq in range(gap.first, gap.last + 1)]
        assert sorted([*read, *gone]) == list(range(first, last + 1)), (first, last, sorted(read), page.gaps)
        assert all(gap.reason == Code.EXPIRED and gap.last < page.first_kept for gap in page.gaps)
        for seq, entry in read.items():
            assert self.texts.get(seq, entry.text) == entry.text

    def _mark(self, store: Any, chance: random.Random) -> None:
        head = int(store.command("HGET", keys.conv(DIRECT), "l") or 0)
        if head:
            marks_at = store.run(marks.move(BOB, DIRECT, chance.randrange(1, head + 1)))
            assert marks_at is not None
            listed, _, _ = store.run(conversations.list_since(BOB, "d1", 0))
            (found,) = [item for item in listed if item.id == DIRECT]
            assert 0 <= found.unread <= found.head

    def _trim(self, store: Any, chance: random.Random) -> None:
        outcome = store.run(retention.trim(DIRECT, Rule(newest=self.KEPT), NOW))
        self.trims += bool(outcome and outcome.removed)


@pytest.fixture
def race(store: Any, new_committer: Any, redis_url: str) -> Race:
    committers = []

    def own_committer() -> Any:
        made = new_committer()
        made.store = type(store)(redis_url)
        committers.append(made)
        return made

    return Race(lambda: type(store)(redis_url), own_committer)


def test_retention_against_writers_readers_and_marks(race: Race, store: Any) -> None:
    race.run()
    total = 2 * Race.BATCHES * 20
    assert sorted(race.texts) == list(range(1, total + 1))
    assert trim_all(store, Rule(newest=Race.KEPT)) == total - Race.KEPT + 1
    assert seqs(store) == list(range(total - Race.KEPT + 1, total + 1))
    assert race.pages
    assert race.trims
    others = sum(1 for seq in seqs(store) if race.texts[seq].startswith("w0"))
    assert store.run(marks.move(BOB, DIRECT, 1)) is not None
    mark = int(store.command("HGET", keys.marks(BOB), DIRECT).split()[0])
    left = sum(1 for seq in seqs(store) if seq > mark and race.texts[seq].startswith("w0"))
    assert unread(store, BOB) == left <= others
    assert store.run(marks.move(BOB, DIRECT, total)) == total
    assert unread(store, BOB) == 0


class Counts:
    """What unread counts should be, kept the plain way: authors of texts, marks, the first seq kept."""

    def __init__(self) -> None:
        self.authors: list[int] = []
        self.marks = {ALICE: 0, BOB: 0}
        self.first = 1

    def unread(self, user: int) -> int:
        start = max(self.marks[user], self.first - 1)
        return sum(author != user for author in self.authors[start:])


@pytest.mark.parametrize("seed", range(3))
def test_unread_counts_agree_with_a_plain_count(committer: Any, seed: int) -> None:
    chance, counts, store = random.Random(seed), Counts(), committer.store

    def say(count: int) -> None:
        authors = [chance.choice((ALICE, BOB)) for _ in range(count)]
        first = len(counts.authors) + 1
        committer.commit(*[committer.append(first + i, 0, "x", author) for i, author in enumerate(authors)])
        counts.authors += authors

    for _ in range(6):
        say(400)
    for _ in range(60):
        step, user = chance.random(), chance.choice((ALICE, BOB))
        if step < 0.4:
            say(chance.randrange(1, 20))
        elif step < 0.8:
            seq = chance.randrange(1, len(counts.authors) + 1)
            counts.marks[user] = max(counts.marks[user], seq)
            assert store.run(marks.move(user, DIRECT, seq)) == counts.marks[user]
        else:
            counts.first = trim_all(store, Rule(newest=chance.randrange(5, len(counts.authors))))
        assert [unread(store, who) for who in (ALICE, BOB)] == [counts.unread(who) for who in (ALICE, BOB)]
