"""Groups, blocks, edits, recalls and reactions through the append script, on a real Redis (I2, I13, I19, I20)."""

import time
from typing import Any

import pytest

from cim_common import accept, changes, ids
from cim_common.accept import Append
from cim_common.retention import Rule
from cim_common.store import conversations, keys, members, pages, retention
from cim_common.store.sessions import pairs
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.limits import Limits
from cim_common.wire.messages import Change, Conversations

ALICE, BOB = ids.MIN_USER_ID + 5, ids.MIN_USER_ID + 9
CAROL, DAVE = ids.MIN_USER_ID + 11, ids.MIN_USER_ID + 12
DIRECT = ids.direct(ALICE, BOB)
GROUP = "g-0123456789abcdef0123"
NAMES = {ALICE: "alice", BOB: "bob", CAROL: "carol", DAVE: "dave"}


class World:
    """Users who write and change; each with one device and rising numbers."""

    def __init__(self, committer: Any) -> None:
        self.committer = committer
        self.store = committer.store
        for user, name in NAMES.items():
            self.store.command("HSET", keys.user(user), "name", name)
        self.n = 0

    def append(self, user: int, change: Change | None, text: str, conversation: str) -> Append:
        self.n += 1
        content, op, kind = accept.content_of(text), b"", 0
        if change is not None:
            change = changes.completed(change)
            assert changes.refusal(change) is None
            content = changes.content_of(change, [NAMES[user] for user in change.targets])
            op, kind = changes.op_of(change), change.kind
        return Append(
            self.committer.owner, conversation, accept.sender_argument(user, "d1"), self.n, 0,
            codec.entry_meta(user, NAMES[user], "d1", self.n, 1), content, time.monotonic(), None, op, kind,
        )  # fmt: skip

    def say(self, user: int, text: str, conversation: str = GROUP) -> int:
        """The seq, or minus the code of the refusal."""
        return self._outcome(self.append(user, None, text, conversation))

    def change(self, user: int, kind: Kind, conversation: str = GROUP, **fields: Any) -> int:
        return self._outcome(self.append(user, Change(conversation, 0, 0, kind, **fields), "", conversation))

    def _outcome(self, append: Append) -> int:
        self.committer.commit(append)
        return append.seq if append.status.name == "STORED" else -append.code

    def members(self) -> dict[str, str]:
        found, _ = self.store.run(members.page(GROUP, 0, 500, False))
        return {member.name: member.role for member in found}

    def texts(self, user: int, above: int = 0) -> list[str]:
        page = self.store.run(pages.page_up(GROUP, above, user))
        return [codec.decode_entry(entry).text for _, entry in page.entries]


@pytest.fixture
def world(committer: Any) -> World:
    made = World(committer)
    assert made.change(ALICE, Kind.CREATED, text="ops", targets=(BOB, CAROL)) == 1
    return made


def knows(world: World) -> int:
    """Have the committer know the group by its version; the last number of BOB's device."""
    assert [world.say(BOB, text) for text in "ab"] == [2, 3]
    return world.n


def behind_the_back(world: World, new_committer: Any, kind: Kind, **fields: Any) -> None:
    """Another server carries out a change of the owner's and gets no further: it has not written the lists."""
    other = new_committer("s2:e2")
    other.group.submit(world.append(ALICE, Change(GROUP, 0, 0, kind, **fields), "", GROUP))
    write = other.group.next_write(time.time_ns() // 1_000_000)
    world.store.connection.send_packed_command([write[0]])
    ((done,), _) = other.group.complete(world.store.connection.read_response())
    assert done.status.name == "STORED"


@pytest.mark.invariant("I13")
def test_who_knows_a_group_finishes_the_lists_that_another_server_left(world: World, new_committer: Any) -> None:
    last = knows(world)
    behind_the_back(world, new_committer, Kind.JOINED, targets=(DAVE,))
    listed = keys.conversations(DAVE)
    assert world.store.command("ZSCORE", listed, GROUP) is None
    text = world.append(BOB, None, "c", GROUP)
    text.after = last
    world.committer.commit(text)
    assert (text.seq, text.todo) == (5, True)
    assert world.store.command("ZSCORE", listed, GROUP) is not None


@pytest.mark.invariant("I19")
def test_who_knows_a_group_is_refused_once_another_server_has_dissolved_it(world: World, new_committer: Any) -> None:
    last = knows(world)
    behind_the_back(world, new_committer, Kind.DISSOLVED)
    text = world.append(BOB, None, "c", GROUP)
    text.after = last
    world.committer.commit(text)
    assert (text.status.name, text.code) == ("REFUSED", Code.DISSOLVED)


def test_who_follows_an_owner_is_asked_of_the_members_and_not_of_all_that_ever_wrote(world: World) -> None:
    """More than are looked at in one command, the one of longest standing among the last; nothing else is read."""
    assert world.change(ALICE, Kind.KICKED, targets=(BOB, CAROL)) == 2
    others = [ids.MIN_USER_ID + 1_000 + index for index in range(2_500)]
    records = [part for user in others for part in (f"m:{user}", "m 3- 0 3")]
    world.store.command("HSET", keys.conv(GROUP), *records, f"m:{others[-2]}", "m 2- 0 2")
    world.store.command("ZADD", keys.members(GROUP), *[part for user in others for part in (user, user)])
    group = world.committer.group
    group.submit(world.append(ALICE, Change(GROUP, 0, 0, Kind.LEFT), "", GROUP))
    write = group.next_write(time.time_ns() // 1_000_000)
    world.store.command("CONFIG", "RESETSTAT")
    world.store.connection.send_packed_command([write[0]])
    ((left,), _) = group.complete(world.store.connection.read_response())
    assert left.status.name == "STORED"
    stats = world.store.command("INFO", "commandstats").decode()
    assert "cmdstat_hgetall:calls=1," in stats  # who is interested
    assert "cmdstat_hmget:calls=4," in stats  # what is asked of every change, and 2,501 members
    assert world.store.command("HGET", keys.conv(GROUP), f"m:{others[-2]}") == b"o 2- 0 2"


def test_a_group_is_made_with_its_members_and_stands_in_their_lists(world: World) -> None:
    assert world.members() == {"alice": "owner", "bob": "member", "carol": "member"}
    for user in (ALICE, BOB, CAROL):
        listed, _, _ = world.store.run(conversations.list_since(user, "d1", 0))
        assert [(item.id, item.title, item.members) for item in listed[1:]] == [(GROUP, "ops", 3)]
    assert world.store.command("HGET", keys.conv(GROUP), "t") is None
    assert world.change(DAVE, Kind.CREATED, text="mine") == -Code.ID_TAKEN


@pytest.mark.invariant("I20")
def test_only_members_write_and_read(world: World) -> None:
    assert world.say(BOB, "hello") == 2
    assert world.say(DAVE, "let me in") == -Code.NOT_A_MEMBER
    assert world.store.run(pages.page_up(GROUP, 0, DAVE)) == pages.NotReadable(Code.NOT_A_MEMBER)
    assert world.texts(CAROL) == ["ops", "hello"]


@pytest.mark.invariant("I7")
def test_a_strangers_refusal_outlives_his_joining(world: World) -> None:
    early = world.append(DAVE, None, "too early", GROUP)
    world.committer.commit(early)
    assert world.change(ALICE, Kind.JOINED, targets=(DAVE,)) == 2
    late = world.append(DAVE, None, "too early", GROUP)
    late.n = early.n
    assert world._outcome(late) == -Code.NOT_A_MEMBER
    assert world.say(DAVE, "now") == 3


@pytest.mark.invariant("I7")
def test_a_refusal_over_http_outlives_the_joining(world: World) -> None:
    def copy() -> Append:
        append = world.append(DAVE, None, "too early", GROUP)
        append.idempotency = (keys.idempotency(GROUP, DAVE, "k"), 100)
        return append

    assert world._outcome(copy()) == -Code.NOT_A_MEMBER
    assert world.change(ALICE, Kind.JOINED, targets=(DAVE,)) == 2
    assert world._outcome(copy()) == -Code.NOT_A_MEMBER
    assert 0 < world.store.command("TTL", keys.idempotency(GROUP, DAVE, "k")) <= 600
    assert world.say(DAVE, "now") == 3


def test_who_joins_reads_from_there_on(world: World) -> None:
    world.say(ALICE, "before")
    world.change(BOB, Kind.JOINED, targets=(DAVE,))
    world.say(ALICE, "after")
    page = world.store.run(pages.page_up(GROUP, 0, DAVE))
    assert [codec.decode_entry(entry).text for _, entry in page.entries] == ["", "after"]
    assert page.gaps == ((1, 2, Code.NOT_A_MEMBER),)


def test_a_group_may_show_all_its_history(world: World) -> None:
    world.committer.store.command("DEL", keys.conv(GROUP), keys.log(GROUP))
    world.change(ALICE, Kind.CREATED, text="open", history="all", invite="admins")
    world.say(ALICE, "before")
    assert world.change(ALICE, Kind.JOINED, targets=(DAVE,)) == 3
    assert world.texts(DAVE) == ["open", "before", ""]
    assert world.change(DAVE, Kind.JOINED, targets=(BOB,)) == -Code.FORBIDDEN


@pytest.mark.invariant("I20", "I23")
def test_kick_leave_and_rejoin(world: World) -> None:
    world.say(ALICE, "one")
    assert world.change(ALICE, Kind.KICKED, targets=(BOB,)) == 3
    assert world.say(BOB, "still here?") == -Code.NOT_A_MEMBER
    world.say(ALICE, "behind his back")
    page = world.store.run(pages.page_up(GROUP, 0, BOB))
    assert (page.end, page.more, page.role) == (3, False, "left")
    assert [codec.decode_entry(entry).text for _, entry in page.entries] == ["ops", "one", ""]
    world.change(ALICE, Kind.JOINED, targets=(BOB,))
    world.say(ALICE, "welcome back")
    page = world.store.run(pages.page_up(GROUP, 3, BOB))
    assert page.gaps == ((4, 4, Code.NOT_A_MEMBER),)
    assert [seq for seq, _ in page.entries] == [5, 6]
    down = world.store.run(pages.page_down(GROUP, 2**53, 50, BOB))
    assert [seq for seq, _ in down.entries] == [6, 5, 3, 2, 1]
    assert down.gaps == ((4, 4, Code.NOT_A_MEMBER),)
    assert world.change(CAROL, Kind.LEFT) == 7
    assert world.members() == {"alice": "owner", "bob": "member"}


@pytest.mark.invariant("I23")
def test_downwards_too_every_seq_is_answered_where_retention_ends_within_an_absence(world: World) -> None:
    world.say(ALICE, "one")
    world.change(ALICE, Kind.KICKED, targets=(BOB,))
    for number in range(4):
        world.say(ALICE, f"behind his back {number}")
    assert world.change(ALICE, Kind.JOINED, targets=(BOB,)) == 8
    world.store.run(retention.trim(GROUP, Rule(newest=3), 0))
    page = world.store.run(pages.page_down(GROUP, 2**53, 50, BOB))
    assert ([seq for seq, _ in page.entries], page.end, page.more) == ([8], 1, False)
    assert sorted(page.gaps) == [(1, 5, Code.EXPIRED), (6, 7, Code.NOT_A_MEMBER)]
    up = world.store.run(pages.page_up(GROUP, 0, BOB))
    assert ([seq for seq, _ in up.entries], up.gaps) == ([8], page.gaps[::-1])


def test_who_comes_and_goes_often_keeps_the_newest_spans(world: World) -> None:
    shown = []
    for _ in range(10):
        world.change(BOB, Kind.LEFT)
        world.say(ALICE, "without bob")
        shown.append(world.change(ALICE, Kind.JOINED, targets=(BOB,)))
    world.say(ALICE, "the end")
    page = world.store.run(pages.page_up(GROUP, 0, BOB))
    kept = shown[-8:]
    assert [seq for seq, _ in page.entries] == sorted([*kept, *(seq + 1 for seq in kept)])
    assert page.gaps[0] == (1, kept[0] - 1, Code.NOT_A_MEMBER)


def test_a_group_has_so_many_members_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MAX_MEMBERS", 3)
    assert world.change(ALICE, Kind.JOINED, targets=(DAVE,)) == -Code.TOO_MANY_MEMBERS
    assert world.members() == {"alice": "owner", "bob": "member", "carol": "member"}
    world.change(BOB, Kind.LEFT)
    assert world.change(ALICE, Kind.JOINED, targets=(DAVE,)) == 3


def test_who_may_kick_whom(world: World) -> None:
    assert world.change(BOB, Kind.KICKED, targets=(CAROL,)) == -Code.FORBIDDEN
    assert world.change(ALICE, Kind.KICKED, targets=(DAVE,)) == -Code.THEY_ARE_NOT_MEMBERS
    world.change(ALICE, Kind.ROLE, targets=(BOB,), role="admin")
    assert world.change(BOB, Kind.KICKED, targets=(ALICE,)) == -Code.FORBIDDEN
    assert world.change(BOB, Kind.KICKED, targets=(CAROL,)) == 3


def test_bans_and_their_end(world: World) -> None:
    assert world.change(ALICE, Kind.BANNED, targets=(BOB, DAVE)) == 2
    assert world.change(ALICE, Kind.JOINED, targets=(BOB,)) == -Code.BANNED
    assert world.say(BOB, "x") == -Code.BLOCKED
    assert world.members() == {"alice": "owner", "carol": "member"}
    assert world.change(ALICE, Kind.UNBANNED, targets=(CAROL,)) == -Code.THEY_ARE_NOT_BANNED
    assert world.change(ALICE, Kind.UNBANNED, targets=(DAVE, BOB)) == 3
    assert world.change(ALICE, Kind.JOINED, targets=(BOB, DAVE)) == 4
    assert world.change(ALICE, Kind.JOINED, targets=(BOB,)) == -Code.ALREADY_A_MEMBER


def test_a_ban_in_advance_shows_in_no_list(world: World) -> None:
    world.change(ALICE, Kind.BANNED, targets=(DAVE,))
    world.change(ALICE, Kind.UNBANNED, targets=(DAVE,))
    listed, _, _ = world.store.run(conversations.list_since(DAVE, "d1", 0))
    assert [item.id for item in listed] == ["lobby"]


def test_pins_stand_in_the_list(world: World) -> None:
    first, second = world.say(BOB, "one"), world.say(BOB, "two")
    assert world.change(BOB, Kind.PINNED, ref=first) == -Code.FORBIDDEN
    for ref, removed in ((first, False), (second, False), (first, True), (first, False)):
        assert world.change(ALICE, Kind.PINNED, ref=ref, removed=removed) > 0
    listed, _, _ = world.store.run(conversations.list_since(BOB, "d1", 0))
    assert listed[1].pins == (second, first)


def test_only_the_newest_pins_are_kept(world: World) -> None:
    seqs = [world.say(BOB, f"text {number}") for number in range(52)]
    for seq in seqs:
        assert world.change(ALICE, Kind.PINNED, ref=seq) > 0
    listed, _, _ = world.store.run(conversations.list_since(BOB, "d1", 0))
    assert listed[1].pins == tuple(seqs[2:])


def test_an_owner_is_followed_by_who_has_been_there_longest(world: World) -> None:
    world.change(ALICE, Kind.KICKED, targets=(BOB,))
    world.change(ALICE, Kind.JOINED, targets=(BOB,))
    world.change(ALICE, Kind.LEFT)
    assert world.members() == {"bob": "member", "carol": "owner"}


def test_an_owner_hands_over_leaves_and_dissolves(world: World) -> None:
    world.change(ALICE, Kind.ROLE, targets=(CAROL,), role="owner")
    assert world.members() == {"alice": "admin", "bob": "member", "carol": "owner"}
    assert world.change(CAROL, Kind.LEFT) == 3
    assert world.members() == {"alice": "owner", "bob": "member"}
    assert world.change(BOB, Kind.DISSOLVED) == -Code.FORBIDDEN
    assert world.change(ALICE, Kind.DISSOLVED) == 4
    assert world.say(ALICE, "x") == -Code.DISSOLVED
    assert world.texts(BOB)[0] == "ops"


def test_a_block_stops_the_other_only(world: World) -> None:
    assert world.say(ALICE, "hi", DIRECT) == 1
    assert world.change(BOB, Kind.BLOCKED, DIRECT, targets=(ALICE,)) == 2
    assert world.say(ALICE, "hello?", DIRECT) == -Code.BLOCKED
    assert world.say(BOB, "quiet", DIRECT) == 3
    assert world.change(ALICE, Kind.UNBLOCKED, DIRECT, targets=(ALICE,)) == -Code.FORBIDDEN
    assert world.change(BOB, Kind.UNBLOCKED, DIRECT, targets=(ALICE,)) == 4
    assert world.say(ALICE, "thanks", DIRECT) == 5


def test_in_a_direct_conversation_nobody_recalls_what_the_other_said(world: World) -> None:
    assert world.say(ALICE, "hi", DIRECT) == 1
    assert world.change(BOB, Kind.RECALLED, DIRECT, ref=1) == -Code.FORBIDDEN
    assert world.change(ALICE, Kind.RECALLED, DIRECT, ref=1) == 2


def test_a_reaction_said_twice_counts_once(world: World) -> None:
    seq = world.say(ALICE, "x")

    def counts() -> list[Any]:
        page = world.store.run(pages.page_from(GROUP, seq - 1, 1, BOB, True))
        return list(codec.decode_entry(page.entries[0][1]).reactions)

    for user, removed in ((BOB, False), (BOB, False), (CAROL, True), (CAROL, False), (CAROL, False)):
        assert world.change(user, Kind.REACTION, ref=seq, text="+1", removed=removed) > 0
    assert counts() == [("+1", 2, True)]
    for _ in range(2):
        world.change(CAROL, Kind.REACTION, ref=seq, text="+1", removed=True)
    assert counts() == [("+1", 1, True)]


def test_edits_recalls_and_reactions_are_what_history_shows(world: World) -> None:
    first, second = world.say(ALICE, "helo"), world.say(BOB, "secret")
    assert world.change(BOB, Kind.EDITED, ref=first, text="mine now") == -Code.FORBIDDEN
    edit = world.change(ALICE, Kind.EDITED, ref=first, text="hello")
    assert world.change(CAROL, Kind.RECALLED, ref=second) == -Code.FORBIDDEN
    for user in (BOB, CAROL):
        world.change(user, Kind.REACTION, ref=first, text="+1")
    world.change(BOB, Kind.REACTION, ref=first, text="+1", removed=True)
    world.change(BOB, Kind.REACTION, ref=first, text="👍")
    assert world.change(ALICE, Kind.RECALLED, ref=second) > 0
    assert world.change(BOB, Kind.EDITED, ref=second, text="x") == -Code.NO_SUCH_MESSAGE
    assert world.change(BOB, Kind.EDITED, ref=edit, text="x") == -Code.NO_SUCH_MESSAGE
    page = world.store.run(pages.page_down(GROUP, 2**53, 50, CAROL, current=True))
    now = {entry.seq: entry for entry in (codec.decode_entry(data) for _, data in page.entries)}
    assert (now[first].text, now[first].edited) == ("hello", edit)
    assert sorted(now[first].reactions) == [("+1", 1, True), ("👍", 1, False)]
    assert (now[second].text, now[second].recalled, now[second].sender_name) == ("", True, "bob")
    trail = world.store.run(pages.page_up(GROUP, 0, CAROL))
    as_written = {entry.seq: entry for entry in (codec.decode_entry(data) for _, data in trail.entries)}
    assert (as_written[first].text, as_written[edit].ref, as_written[edit].text) == ("helo", first, "hello")
    assert as_written[second].recalled


def test_the_edits_of_a_recalled_text_are_not_given_out_either(world: World) -> None:
    first, second = world.say(ALICE, "one"), world.say(ALICE, "two")
    edits = [world.change(ALICE, Kind.EDITED, ref=seq, text=f"new {seq}") for seq in (first, second, first)]
    recall = world.change(ALICE, Kind.RECALLED, ref=first)
    page = world.store.run(pages.page_up(GROUP, first, BOB))
    trail = [codec.decode_entry(data) for _, data in page.entries]
    assert [(entry.seq, entry.text, entry.ref, entry.recalled) for entry in trail] == [
        (second, "two", 0, False),
        (edits[0], "", first, True),
        (edits[1], f"new {second}", second, False),
        (edits[2], "", first, True),
        (recall, "", first, False),
    ]
    assert {entry.kind for entry in trail if entry.recalled} == {Kind.EDITED}


def test_retention_brings_no_recalled_text_back(world: World) -> None:
    first = world.say(ALICE, "one")
    edit = world.change(ALICE, Kind.EDITED, ref=first, text="secret")
    world.change(ALICE, Kind.RECALLED, ref=first)
    world.store.run(retention.trim(GROUP, Rule(newest=2), 0))
    world.store.run(retention.forget_overlay(GROUP, edit))
    page = world.store.run(pages.page_up(GROUP, 0, BOB))
    assert (page.first_kept, page.entries[0][0]) == (edit, edit)
    assert world.texts(BOB) == ["", ""]


@pytest.mark.invariant("I20")
def test_an_edit_from_after_the_kick_stays_hidden(world: World) -> None:
    first = world.say(ALICE, "before")
    shown = world.change(ALICE, Kind.EDITED, ref=world.say(ALICE, "helo"), text="hello")
    world.change(ALICE, Kind.KICKED, targets=(BOB,))
    world.change(ALICE, Kind.EDITED, ref=first, text="behind his back")
    page = world.store.run(pages.page_down(GROUP, 2**53, 50, BOB, current=True))
    now = [codec.decode_entry(data) for _, data in page.entries]
    assert [(entry.text, entry.edited) for entry in now if entry.kind == Kind.TEXT] == [("hello", shown), ("before", 0)]


@pytest.mark.invariant("I20", "I21")
def test_the_list_tells_nothing_of_a_group_one_is_out_of(world: World) -> None:
    pinned = world.say(ALICE, "one")
    world.change(ALICE, Kind.PINNED, ref=pinned)
    left = world.change(BOB, Kind.LEFT)
    world.say(ALICE, "two")
    world.change(ALICE, Kind.RENAMED, text="ops", topic="bob")
    (_, group), _, _ = world.store.run(conversations.list_since(BOB, "d1", 0))
    assert (group.role, group.head, group.unread) == ("left", left, 0)
    assert (group.topic, group.members, group.active_ms, group.pins) == ("", 0, 0, ())
    world.change(ALICE, Kind.JOINED, targets=(BOB,))
    world.say(ALICE, "three")
    (_, group), _, _ = world.store.run(conversations.list_since(BOB, "d1", 0))
    assert (group.role, group.unread, group.topic, group.pins) == ("member", 1, "bob", (pinned,))


def test_a_page_of_the_list_fits_into_a_frame(world: World) -> None:
    groups = [f"g-{number:020}" for number in range(100)]
    for group in groups:
        world.change(ALICE, Kind.CREATED, group, text="漢" * 64, topic="𠀀" * 256, targets=(BOB,))
    seen: list[str] = []
    version, more = 0, True
    while more:
        listed, version, more = world.store.run(conversations.list_since(BOB, "d1", version))
        assert len(codec.encode(Conversations(1, tuple(listed), version, more))) < Limits().max_frame_bytes
        seen += [item.id for item in listed]
    assert seen == ["lobby", GROUP, *groups]


@pytest.mark.parametrize("what", ["edits", "reactions"])
def test_a_page_of_present_states_fits_into_a_frame(world: World, what: str) -> None:
    count = 12 if what == "edits" else 60
    seqs = [world.say(ALICE, "x") for _ in range(count)]
    for seq in seqs:
        if what == "edits":
            world.change(ALICE, Kind.EDITED, ref=seq, text="y" * 16_000)
        for number in range(20 if what == "reactions" else 0):
            world.change(ALICE, Kind.REACTION, ref=seq, text=f"{number:064}")
    above, texts = 1, 0
    while above < seqs[-1]:
        page = world.store.run(pages.page_from(GROUP, above, 200, BOB, current=True))
        entries = [entry for _, entry in page.entries]
        frame = codec.page_frame(GROUP, page.incarnation, page.end, page.head, False, entries, 1, page.gaps)
        assert len(frame) < Limits().max_frame_bytes
        texts += sum(codec.decode_entry(entry).kind == Kind.TEXT for entry in entries)
        above = page.end
    assert texts == count


def test_a_reaction_taken_back_makes_room_for_another(world: World) -> None:
    seq = world.say(ALICE, "x")
    for number in range(20):
        assert world.change(BOB, Kind.REACTION, ref=seq, text=f"e{number}") > 0
    assert world.change(CAROL, Kind.REACTION, ref=seq, text="e7") > 0
    assert world.change(CAROL, Kind.REACTION, ref=seq, text="+1") == -Code.TOO_MANY_REACTIONS
    for number in (7, 9):
        assert world.change(BOB, Kind.REACTION, ref=seq, text=f"e{number}", removed=True) > 0
    assert world.change(CAROL, Kind.REACTION, ref=seq, text="+1") > 0
    assert world.change(ALICE, Kind.REACTION, ref=seq, text="e9") == -Code.TOO_MANY_REACTIONS
    page = world.store.run(pages.page_from(GROUP, seq - 1, 1, CAROL, True))
    found = codec.decode_entry(page.entries[0][1]).reactions
    assert [item[:2] for item in found] == [(f"e{number}", 1) for number in range(20) if number != 9] + [("+1", 1)]
    assert [item.emoji for item in found if item.mine] == ["e7", "+1"]


def test_a_change_is_idempotent_like_a_message(world: World) -> None:
    kick = world.append(ALICE, Change(GROUP, 0, 0, Kind.KICKED, targets=(BOB,)), "", GROUP)
    world.committer.commit(kick)
    again = world.append(ALICE, Change(GROUP, 0, 0, Kind.KICKED, targets=(BOB,)), "", GROUP)
    other = world.append(ALICE, Change(GROUP, 0, 0, Kind.KICKED, targets=(CAROL,)), "", GROUP)
    again.n = other.n = kick.n
    world.committer.commit(again, other)
    assert (again.status.name, again.seq) == ("KNOWN", kick.seq)
    assert (other.status.name, other.code) == ("REFUSED", Code.ID_REUSED)
    assert world.members() == {"alice": "owner", "carol": "member"}


@pytest.mark.invariant("I2")
def test_what_is_refused_has_written_nothing_but_the_refusal(world: World) -> None:
    first = world.say(BOB, "hello")
    world.change(ALICE, Kind.BANNED, targets=(DAVE,))

    def everything() -> dict[bytes, Any]:
        found = {key: world.store.command("DUMP", key) for key in world.store.command("KEYS", "*")}
        fields = pairs(world.store.command("HGETALL", keys.conv(GROUP)))
        found[keys.conv(GROUP).encode()] = {name: value for name, value in fields if not name.startswith(b"s:")}
        return {key: value for key, value in found.items() if not key.startswith(b"snd:")}

    before = everything()
    for user, kind, fields in (
        (BOB, Kind.KICKED, {"targets": (CAROL,)}),
        (ALICE, Kind.KICKED, {"targets": (CAROL, DAVE)}),  # the first of them alone would do
        (ALICE, Kind.JOINED, {"targets": (DAVE,)}),
        (ALICE, Kind.JOINED, {"targets": (CAROL,)}),
        (BOB, Kind.ROLE, {"targets": (BOB,), "role": "owner"}),
        (CAROL, Kind.EDITED, {"ref": first, "text": "x"}),
        (CAROL, Kind.RECALLED, {"ref": first}),
        (CAROL, Kind.REACTION, {"ref": 99, "text": "+1"}),
        (BOB, Kind.PINNED, {"ref": first}),
        (BOB, Kind.RENAMED, {"text": "mine"}),
        (DAVE, Kind.LEFT, {}),
        (BOB, Kind.DISSOLVED, {}),
    ):
        assert world.change(user, kind, **fields) < 0, (user, kind)
    assert everything() == before


def test_what_one_may_not_read_cannot_be_changed_either(world: World) -> None:
    before = world.say(BOB, "before")
    world.change(ALICE, Kind.JOINED, targets=(DAVE,))
    assert world.change(DAVE, Kind.REACTION, ref=before, text="+1") == -Code.NO_SUCH_MESSAGE
    assert world.change(CAROL, Kind.REACTION, ref=before, text="+1") > 0


def test_a_reply_answers_a_text_that_is_there_to_read(world: World) -> None:
    before, kick = world.say(BOB, "before"), world.change(ALICE, Kind.JOINED, targets=(DAVE,))

    def reply(user: int, to: int) -> int:
        append = world.append(user, None, "indeed", GROUP)
        append.content, append.op = accept.content_of("indeed", to), accept.reply_op(to)
        return world._outcome(append)

    answer = reply(ALICE, before)
    assert answer > 0
    page = world.store.run(pages.page_up(GROUP, answer - 1))
    assert codec.decode_entry(page.entries[0][1]).ref == before
    assert [reply(ALICE, to) for to in (99, kick)] == [-Code.NO_SUCH_MESSAGE] * 2
    assert reply(DAVE, before) == -Code.NO_SUCH_MESSAGE
    world.change(BOB, Kind.RECALLED, ref=before)
    assert reply(ALICE, before) > 0


def test_who_joins_begins_at_the_joining(world: World) -> None:
    world.say(BOB, "before")
    joined = world.change(ALICE, Kind.JOINED, targets=(DAVE,))
    listed, _, _ = world.store.run(conversations.list_since(DAVE, "d1", 0))
    assert listed[1].start == joined - 1


def test_members_come_in_pages_by_id(world: World) -> None:
    first, more = world.store.run(members.page(GROUP, 0, 2, False))
    assert ([member.user for member in first], more) == ([ALICE, BOB], True)
    rest, more = world.store.run(members.page(GROUP, BOB, 2, False))
    assert ([member.user for member in rest], more) == ([CAROL], False)


def test_history_by_time(world: World) -> None:
    for at in (100, 200, 300):
        append = world.append(ALICE, None, f"at {at}", GROUP)
        append.meta = codec.entry_meta(ALICE, "alice", "d1", append.n, at)
        world.committer.commit(append)
    assert [world.store.run(pages.seq_at(GROUP, at)) for at in (0, 150, 300, 301)] == [0, 2, 3, 4]


def test_a_refusal_outlives_the_making_of_the_group(world: World) -> None:
    """A late copy of what was refused because there was no such group is not accepted once there is (I7)."""
    other = "g-00000000000000000001"
    early = world.append(BOB, None, "too early", other)
    assert world._outcome(early) == -Code.NO_SUCH_CONVERSATION
    assert world.change(ALICE, Kind.CREATED, other, text="later", targets=(BOB,)) == 1
    late = world.append(BOB, None, "too early", other)
    late.n = early.n
    assert world._outcome(late) == -Code.NO_SUCH_CONVERSATION
    assert world.say(BOB, "now", other) == 2


def test_a_message_waits_for_the_making_of_its_group(world: World) -> None:
    other = "g-00000000000000000001"
    create = world.append(BOB, Change(other, 0, 0, Kind.CREATED, text="mine"), "", other)
    first = world.append(BOB, None, "first", other)
    first.after = create.n
    assert world._outcome(first) == -Code.OUT_OF_ORDER
    assert world._outcome(create) == 1
    assert world._outcome(first) == 2


def test_what_follows_a_strangers_refusal_is_in_order(world: World) -> None:
    """A refused n is the last n, of a stranger too (I5, I7): what comes after it does not wait for it for ever."""
    first, second = world.append(DAVE, None, "hello?", GROUP), world.append(DAVE, None, "anybody?", GROUP)
    second.after = first.n
    world.committer.commit(first, second)
    assert [(append.status.name, append.code) for append in (first, second)] == [("REFUSED", Code.NOT_A_MEMBER)] * 2
    assert world.change(ALICE, Kind.JOINED, targets=(DAVE,)) == 2
    third = world.append(DAVE, None, "ah", GROUP)
    third.after = second.n
    assert world._outcome(third) == 3
    assert world._outcome(second) == -Code.SUPERSEDED


def test_a_ban_of_who_never_was_a_member_shows_in_no_list(world: World) -> None:
    """However often it is said."""
    assert world.change(ALICE, Kind.BANNED, targets=(DAVE,)) == 2
    assert world.change(ALICE, Kind.BANNED, targets=(DAVE,)) == 3
    listed, _, _ = world.store.run(conversations.list_since(DAVE, "d1", 0))
    assert [item.id for item in listed] == [ids.LOBBY]
    assert world.change(ALICE, Kind.JOINED, targets=(DAVE,)) == -Code.BANNED


@pytest.fixture
def elsewhere(world: World, new_committer: Any) -> World:
    """The same users at another server, which knows the group by the version of the moment."""
    other = World.__new__(World)
    other.committer, other.store, other.n = new_committer("s2:e"), world.store, 1_000
    assert other.say(BOB, "known") > 0
    assert other.say(BOB, "and known to be") > 0
    return other


def test_who_knows_a_group_hears_that_it_was_dissolved(world: World, elsewhere: World) -> None:
    assert world.change(ALICE, Kind.DISSOLVED) > 0
    assert elsewhere.say(BOB, "still here") == -Code.DISSOLVED


@pytest.mark.invariant("I20")
def test_who_knows_a_group_hears_who_may_not_write_any_more(world: World, elsewhere: World) -> None:
    assert world.change(ALICE, Kind.KICKED, targets=(BOB,)) > 0
    assert elsewhere.say(BOB, "still here") == -Code.NOT_A_MEMBER


@pytest.mark.invariant("I13")
def test_who_knows_a_group_finds_the_lists_that_are_to_be_written(world: World, elsewhere: World) -> None:
    append = world.append(ALICE, Change(GROUP, 0, 0, Kind.JOINED, targets=(DAVE,)), "", GROUP)
    world.committer.group.submit(append)
    write = world.committer.group.next_write(time.time_ns() // 1_000_000)
    world.store.connection.send_packed_command([write[0]])
    world.store.connection.read_response()  # joined; the process dies before it writes the lists
    assert elsewhere.say(BOB, "welcome") > 0
    assert world.store.command("ZSCORE", keys.conversations(DAVE), GROUP) is not None
    assert elsewhere.say(BOB, "and again") > 0


def test_a_reaction_makes_nobody_look_again(world: World, elsewhere: World) -> None:
    version = world.store.command("HGET", keys.conv(GROUP), "iv")
    assert world.change(ALICE, Kind.REACTION, ref=2, text="+1") > 0
    assert world.store.command("HGET", keys.conv(GROUP), "iv") == version
