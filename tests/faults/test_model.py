"""Random histories on a real Redis against the model: sends, late copies, changes, devices, cursors, marks, sync.

CIM_MODEL_EXAMPLES=2000 runs more of them than the suite does.
"""

import os
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from cim_common import accept, changes, ids
from cim_common.accept import Append
from cim_common.roster import Roster
from cim_common.store import conversations, keys, marks, metadata, pages, sessions
from cim_common.store.sessions import Session
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Change, Entry
from tests.cim_common.store.conftest import Committer, Store, now_ms, roles_in
from tests.faults import whole
from tests.faults.model import Answer, Asked, Fact, Model

EXAMPLES = int(os.environ.get("CIM_MODEL_EXAMPLES", "40"))
STEPS = 40
PHASES = tuple(Phase) if "CIM_MODEL_EXAMPLES" in os.environ else (Phase.generate,)
"""To make a failing history shorter takes minutes: not where everything is run."""

ALICE, BOB, CAROL, DAVE = (ids.MIN_USER_ID + index for index in (5, 9, 11, 12))
NAMES = {ALICE: "alice", BOB: "bob", CAROL: "carol", DAVE: "dave"}
GROUP = "g-0123456789abcdef0123"
DIRECT = ids.direct(ALICE, BOB)
PAGE = 8
MANY = 40
"""Sends after which a group may be dissolved: nothing much happens in one that is."""

users = st.sampled_from(list(NAMES))
devices = st.sampled_from(("d1", "d2"))
where = st.sampled_from((GROUP, GROUP, DIRECT))
servers = st.sampled_from((0, 1))
mostly = st.sampled_from((True, True, True, False))
seldom = st.sampled_from((False, False, False, True))
CHANGES = (
    Kind.JOINED, Kind.JOINED, Kind.JOINED, Kind.ROLE, Kind.ROLE, Kind.LEFT, Kind.KICKED, Kind.KICKED, Kind.BANNED,
    Kind.UNBANNED, Kind.RENAMED, Kind.DISSOLVED,
)  # fmt: skip
REVISIONS = (
    (Kind.REACTION,), (Kind.EDITED,), (Kind.PINNED,), (Kind.REACTION, Kind.REACTION), (Kind.EDITED, Kind.REACTION),
    (Kind.EDITED, Kind.RECALLED), (Kind.RECALLED, Kind.EDITED, Kind.REACTION, Kind.PINNED),
)  # fmt: skip


class Copy:
    """A send on its way: any number of copies of it may come to the store, at any time, through any server."""

    def __init__(self, conversation: str, user: int, device: str, n: int, after: int, asked: Asked) -> None:
        self.conversation = conversation
        self.user, self.device = user, device
        self.n, self.after = n, after
        self.asked = asked

    def append(self, committer: Committer) -> Append:
        asked = self.asked
        content, op = accept.content_of(asked.text), b""
        if asked.kind is not Kind.TEXT:
            change = changes.completed(
                Change(
                    self.conversation, self.n, self.after, asked.kind, asked.text, asked.ref, asked.targets, asked.role,
                    removed=asked.removed,
                )
            )  # fmt: skip
            assert changes.refusal(change) is None
            content = changes.content_of(change, [NAMES[user] for user in change.targets])
            op = changes.op_of(change)
        return Append(
            committer.owner, self.conversation, accept.sender_argument(self.user, self.device), self.n, self.after,
            codec.entry_meta(self.user, NAMES[self.user], self.device, self.n, now_ms()), content, 0.0, None, op,
            int(asked.kind),
        )  # fmt: skip


class Machine(RuleBasedStateMachine):
    """Two servers and four users with two devices each, in a group and in a direct conversation."""

    url = ""
    copies: Bundle[Copy] = Bundle("copies")

    def __init__(self) -> None:
        super().__init__()
        client = redis.Redis.from_url(self.url)
        client.flushall()
        client.close()
        self.store = Store(self.url)
        self.store.run(metadata.check())
        for user, name in NAMES.items():
            self.store.command("HSET", keys.user(user), "name", name)
        self.servers = [Committer(self.store, "s1:e1"), Committer(self.store, "s2:e1")]
        self.models = {GROUP: Model(), DIRECT: Model((ALICE, BOB))}
        self.rosters = {GROUP: Roster(), DIRECT: Roster()}
        self.folded = {GROUP: 0, DIRECT: 0}
        self.n = 0
        self.after: dict[tuple[str, int, str], int] = {}
        self.holders: dict[tuple[int, str], Session] = {}
        self.cursors: dict[tuple[int, str, str], int] = {}
        self.synced: dict[tuple[int, str], int] = {}

    def teardown(self) -> None:
        client = redis.Redis.from_url(self.url)
        found = whole.faults(client)
        assert found == [], found
        client.close()
        self.store.connection.disconnect()

    # -- what is sent --------------------------------------------------------------------------------------

    def new_copy(self, conversation: str, user: int, device: str, asked: Asked) -> Copy:
        self.n += 1
        return Copy(conversation, user, device, self.n, self.after.get((conversation, user, device), 0), asked)

    def deliver(self, copy: Copy, server: int) -> Answer:
        """A copy comes to the store; the store and the model say the same of it."""
        if copy.conversation == DIRECT and copy.user not in (ALICE, BOB):
            return Answer("REFUSED")  # the server does not let it through: not theirs by its id
        expected = self.models[copy.conversation].append(copy.user, copy.device, copy.n, copy.after, copy.asked)
        ((status, seq, code),) = self.servers[server].commit(copy.append(self.servers[server]))
        assert Answer(status, seq, code) == expected, (vars(copy), expected)
        return expected

    def send(self, copy: Copy, server: int) -> Any:
        answer = self.deliver(copy, server)
        if answer.status in ("STORED", "REFUSED"):
            lane = copy.conversation, copy.user, copy.device
            self.after[lane] = max(self.after.get(lane, 0), copy.n)
        return copy

    @initialize(target=copies, others=st.sets(users, min_size=1), server=servers, at_once=mostly)
    def create(self, others: set[int], server: int, at_once: bool) -> Any:
        """A group is made at once, or by a copy that comes whenever it comes."""
        copy = self.new_copy(GROUP, ALICE, "d1", Asked(Kind.CREATED, "ops", targets=tuple(sorted(others - {ALICE}))))
        return self.send(copy, server) if at_once else copy

    @rule(target=copies, user=users, device=devices, to=where, server=servers, texts=st.integers(1, 3))
    def says(self, user: int, device: str, to: str, server: int, texts: int) -> Any:
        return multiple(
            *[
                self.send(self.new_copy(to, user, device, Asked(text=f"text {self.n + 1}")), server)
                for _ in range(texts)
            ]
        )

    @rule(copy=copies, server=servers)
    def comes_again(self, copy: Copy, server: int) -> None:
        """A resend, or a copy that comes late."""
        self.deliver(copy, server)

    @rule(copy=copies, server=servers)
    def comes_with_other_content(self, copy: Copy, server: int) -> None:
        """A copied data folder uses a number for something else."""
        other = Copy(copy.conversation, copy.user, copy.device, copy.n, copy.after, Asked(text="something else"))
        self.deliver(other, server)

    @rule(target=copies, user=users, device=devices, to=where)
    def gives_up(self, user: int, device: str, to: str) -> Any:
        """Nothing has arrived of it; what is sent next does not wait for it, and it may still come."""
        return self.new_copy(to, user, device, Asked(text=f"given up {self.n + 1}"))

    @rule(target=copies, user=users, device=devices, to=where, server=servers)
    def overtakes(self, user: int, device: str, to: str, server: int) -> Any:
        """The second of two comes first."""
        first = self.new_copy(to, user, device, Asked(text=f"first {self.n + 1}"))
        second = self.new_copy(to, user, device, Asked(text=f"second {self.n + 1}"))
        second.after = first.n
        if to == GROUP or user in (ALICE, BOB):
            assert self.deliver(second, server) == Answer("RETRY", 0, Code.OUT_OF_ORDER)
        self.send(first, 1 - server)
        return multiple(first, self.send(second, server))

    def with_rank(self, least: int, otherwise: int) -> int:
        """Somebody who stands so high in the group, if there is one."""
        group = self.models[GROUP]
        return next((user for user in NAMES if group.rank(user) >= least), otherwise)

    @rule(
        target=copies, user=users, of=users, server=servers, rightful=mostly, kind=st.sampled_from(CHANGES),
        role=st.sampled_from(("owner", "admin", "admin", "member")),
    )  # fmt: skip
    def changes_the_group(self, user: int, of: int, server: int, rightful: bool, kind: Kind, role: str) -> Any:
        if kind is Kind.DISSOLVED and self.n < MANY:
            kind = Kind.ROLE
        if rightful and kind is not Kind.LEFT:
            user = self.with_rank(3 if kind in (Kind.ROLE, Kind.DISSOLVED) else 2, user)
        asked = Asked(kind)
        if kind is Kind.RENAMED:
            asked = Asked(kind, f"name {self.n}")
        elif kind not in (Kind.LEFT, Kind.DISSOLVED):
            asked = Asked(kind, targets=(of,), role=role if kind is Kind.ROLE else "")
        return self.send(self.new_copy(GROUP, user, "d1", asked), server)

    @rule(
        target=copies, user=users, to=where, server=servers, which=st.integers(0, 20),
        does=st.sampled_from(REVISIONS),
        rightful=mostly, removed=seldom, emoji=st.sampled_from(("+1", "👍")),
    )  # fmt: skip
    def revises(
        self,
        user: int,
        to: str,
        server: int,
        which: int,
        does: tuple[Kind, ...],
        rightful: bool,
        removed: bool,
        emoji: str,
    ) -> Any:
        """Something is done to a message, by its author or another; or to what is none."""
        model = self.models[to]
        texts = [fact for fact in model.log if fact.asked.kind is Kind.TEXT]
        ref = which + 1
        if rightful and texts:
            message = texts[which % len(texts)]
            ref, user = message.seq, message.sender if which % 3 else user
        made = []
        for kind in does:
            text = emoji if kind is Kind.REACTION else f"edited {self.n}" if kind is Kind.EDITED else ""
            asked = Asked(kind, text, ref, removed=removed and kind in (Kind.REACTION, Kind.PINNED))
            actor = self.with_rank(2, user) if kind is Kind.PINNED and to == GROUP and rightful else user
            made.append(self.send(self.new_copy(to, actor, "d1", asked), server))
        return multiple(*made)

    @rule(target=copies, user=users, server=servers, texts=st.integers(1, 3))
    def comes_and_goes(self, user: int, server: int, texts: int) -> Any:
        """A member leaves, others go on, it is invited again and others go on."""
        made = [self.send(self.new_copy(GROUP, user, "d1", Asked(Kind.LEFT)), server)]
        for asked in (Asked(text=f"gone {self.n}"), Asked(Kind.JOINED, targets=(user,)), Asked(text=f"back {self.n}")):
            for _ in range(texts if asked.kind is Kind.TEXT else 1):
                asked = asked._replace(text=f"{asked.text}.") if asked.kind is Kind.TEXT else asked
                made.append(self.send(self.new_copy(GROUP, self.with_rank(2, user), "d1", asked), 1 - server))
        return multiple(*made)

    @rule(target=copies, pair=st.permutations((ALICE, BOB)), kind=st.sampled_from((Kind.BLOCKED, Kind.UNBLOCKED)))
    def blocks(self, pair: list[int], kind: Kind) -> Any:
        return self.send(self.new_copy(DIRECT, pair[0], "d1", Asked(kind, targets=(pair[1],))), 0)

    # -- devices -------------------------------------------------------------------------------------------

    @rule(user=users, device=devices, server=st.sampled_from(("s1:e1", "s2:e1")))
    def logs_in(self, user: int, device: str, server: str) -> None:
        """A newer session has the device, wherever the older one was."""
        self.n += 1
        session = Session(server, f"c{self.n}")
        claimed = self.store.run(sessions.claim(user, NAMES[user], device, session, False, now_ms()))
        assert isinstance(claimed, sessions.Claimed)
        assert claimed.replaced == self.holders.get((user, device))
        self.holders[user, device] = session

    @rule(user=users, device=devices, to=where, back=st.integers(0, 5), stale=st.booleans())
    def moves_a_cursor(self, user: int, device: str, to: str, back: int, stale: bool) -> None:
        """Forward only, and only by the session that holds the device (I15)."""
        session = Session("s1:e0", "old") if stale else self.holders.get((user, device))
        if session is None:
            return
        seq = max(0, self.models[to].head - back)
        assert self.store.run(sessions.move_cursors(user, device, session, False, {to: seq})) is not stale
        if not stale and seq:
            self.cursors[user, device, to] = max(seq, self.cursors.get((user, device, to), 0))

    @rule(user=users, to=where, back=st.integers(-2, 5))
    def marks_as_read(self, user: int, to: str, back: int) -> None:
        seq = self.models[to].head - back
        if seq > 0 and self.exists(to):
            assert self.store.run(marks.move(user, to, seq)) == self.models[to].mark(user, seq)

    @rule(user=users, device=devices)
    def syncs(self, user: int, device: str) -> None:
        """The device comes back and reads on from where it stopped, page by page."""
        model = self.models[GROUP]
        if self.exists(GROUP) and model.may_ask(user):
            above = self.synced.get((user, device), 0)
            shown, hidden = self.read_up(GROUP, user, above, current=False)
            assert [fact.seq for fact in shown] == model.readable(user, above)
            assert hidden == model.hidden(user, above)
            self.synced[user, device] = max([above, *hidden, *(fact.seq for fact in shown)])

    def exists(self, conversation: str) -> bool:
        model = self.models[conversation]
        return model.created and bool(model.log)

    # -- what must always be so ----------------------------------------------------------------------------

    @invariant()
    def the_log_is_the_models(self) -> None:
        for conversation, model in self.models.items():
            if self.exists(conversation):
                shown, hidden = self.read_up(conversation, pages.CLUSTER, 0, current=False)
                assert hidden == []
                assert shown == [model.shown(fact.seq) for fact in model.log]

    def read_up(self, conversation: str, user: int, above: int, current: bool) -> tuple[list[Fact], list[int]]:
        """All the pages from there: what they show, and the seqs answered with a range. Nothing is left out (I23)."""
        shown: list[Fact] = []
        hidden: list[int] = []
        while True:
            page = self.store.run(pages.page_from(conversation, above, PAGE, user, current))
            assert isinstance(page, pages.LogPage)
            entries = [codec.decode_entry(data) for _, data in page.entries]
            ranged = [seq for gap in page.gaps for seq in range(gap.first, gap.last + 1)]
            assert {gap.reason for gap in page.gaps} <= {Code.NOT_A_MEMBER}
            assert sorted([*ranged, *(entry.seq for entry in entries)]) == list(range(above + 1, page.end + 1))
            shown += map(fact_of, entries)
            hidden += ranged
            if not page.more:
                return shown, hidden
            assert page.end > above
            above = page.end

    @invariant()
    def everyone_reads_what_is_theirs(self) -> None:
        for conversation, model in self.models.items():
            for user in NAMES:
                if not self.exists(conversation):
                    continue
                if not model.may_ask(user):
                    assert isinstance(self.store.run(pages.page_up(conversation, 0, user)), pages.NotReadable)
                    continue
                readable = model.readable(user, 0)
                shown, hidden = self.read_up(conversation, user, 0, current=True)
                wanted = [model.shown(seq, user) for seq in readable]
                assert shown == wanted, [pair for pair in zip(shown, wanted, strict=False) if pair[0] != pair[1]]
                assert hidden == model.hidden(user, 0)
                self.reactions_and_back(conversation, model, user, readable)

    def reactions_and_back(self, conversation: str, model: Model, user: int, readable: list[int]) -> None:
        """Downwards the same entries come, with what edits and reactions made of them, and the reader's role."""
        below, found = model.head + 1, []
        more = True
        while more:
            page = self.store.run(pages.page_down(conversation, below, PAGE, user, current=True))
            assert isinstance(page, pages.LogPage)
            assert page.role == model.role(user)
            found += [codec.decode_entry(data) for _, data in page.entries]
            below, more = page.end, page.more
        assert [entry.seq for entry in found] == readable[::-1]
        for entry in found:
            expected = {
                (emoji, len(who), user in who) for emoji, who in model.reactions.get(entry.seq, {}).items() if who
            }
            assert {tuple(reaction) for reaction in entry.reactions} == expected
            assert entry.edited == model.edit_of(entry.seq, user)

    @invariant()
    def the_fold_is_what_the_server_answers(self) -> None:
        """State built from entries, the server's answer and the model are one (I19)."""
        for conversation, model in self.models.items():
            if not self.exists(conversation):
                continue
            roster = self.rosters[conversation]
            page = self.store.run(pages.page_up(conversation, self.folded[conversation]))
            assert isinstance(page, pages.LogPage)
            for _, data in page.entries:
                roster.apply(codec.decode_entry(data))
            self.folded[conversation] = model.head
            assert roles_in(self.store, conversation) == model.members
            assert roster.pins == model.pins
            if conversation == GROUP:
                assert (roster.roles, roster.name, roster.dissolved) == (model.members, model.title, model.dissolved)
                assert roster.banned == {user for user in model.users if model.role(user) == "banned"}
            else:
                assert roster.blocked == {user for user in model.users if model.role(user) == "blocked"}

    @invariant()
    def lists_say_the_same(self) -> None:
        for user in NAMES:
            listed, _, more = self.store.run(conversations.list_since(user, "d1", 0))
            found = {item.id: item for item in listed[1:]}
            assert not more
            expected = {name for name, model in self.models.items() if self.exists(name) and user in model.listed}
            assert set(found) - expected <= {DIRECT}  # a direct one is listed before its first entry
            assert expected <= set(found)
            for name in expected:
                model, item = self.models[name], found[name]
                out = model.role(user) in ("left", "banned")
                head = max(model.readable(user, 0), default=0) if out else model.head
                assert (item.head, item.role, item.unread) == (head, model.role(user), model.unread(user))
                assert item.read == model.marks.get(user, 0)
                assert (item.members, item.pins) == ((0, ()) if out else (len(model.members), tuple(model.pins)))
                cursor = self.cursors.get((user, "d1", name))
                assert cursor is None or item.start == min(cursor, head)
                if name == GROUP:
                    assert (item.title, item.dissolved) == (model.title, model.dissolved)


def fact_of(entry: Entry) -> Fact:
    if entry.recalled:
        assert entry.text == ""
    asked = Asked(
        Kind(entry.kind), entry.text, entry.ref, tuple(target.user for target in entry.targets), entry.role,
        entry.removed,
    )  # fmt: skip
    return Fact(entry.seq, entry.sender, entry.device, entry.n, asked)


@pytest.fixture
def unsynced_redis(redis_url: str) -> Iterator[str]:
    """The session's Redis without a disk to wait for."""
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("appendfsync", "no")
        yield redis_url
        client.config_set("appendfsync", "always")


def test_the_store_does_what_the_model_says(unsynced_redis: str) -> None:
    Machine.url = unsynced_redis
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, phases=PHASES,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )  # fmt: skip
