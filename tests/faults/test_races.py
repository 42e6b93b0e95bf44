"""Two things at once, driven step by step: every outcome is one that the promise allows."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis

from cim_common import accept
from cim_common.accept import Append
from cim_common.roster import Roster
from cim_common.store import conversations, interest, keys, marks, pages, push, sessions
from cim_common.store.sessions import Session
from cim_common.wire import codec
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Change
from tests.cim_common.store import test_changes
from tests.cim_common.store.conftest import Committer, Store, committer, now_ms, roles_in, store  # noqa: F401 - fixtures
from tests.cim_common.store.test_changes import ALICE, BOB, CAROL, DAVE, DIRECT, GROUP, NAMES
from tests.faults import whole


class World(test_changes.World):
    """The same with devices of one's own."""

    device = "d1"

    def append(self, user: int, change: Change | None, text: str, conversation: str) -> Append:
        append = super().append(user, change, text, conversation)
        append.sender = accept.sender_argument(user, self.device)
        append.meta = codec.entry_meta(user, NAMES[user], self.device, append.n, 1)
        return append


@pytest.fixture
def world(committer: Committer) -> World:  # noqa: F811
    made = World(committer)
    assert made.change(ALICE, Kind.CREATED, text="ops", targets=(BOB, CAROL)) == 1
    return made


class Halted:
    """A flow that stops before each of its steps."""

    def __init__(self, store: Store, flow: Any) -> None:  # noqa: F811
        self._store, self._flow = store, flow
        self._commands: Any = next(flow)

    def step(self) -> bool:
        """Do one step; False when that was the last."""
        try:
            self._commands = self._flow.send(self._store.execute(self._commands))
        except StopIteration:
            return False
        return True

    def finish(self) -> None:
        while self.step():
            pass


def begun(world: World, *appends: Any) -> None:
    """Commit, and die before the lists are written."""
    group, connection = world.committer.group, world.store.connection
    for append in appends:
        group.submit(append)
    data, before = group.next_write(now_ms())
    connection.send_packed_command([data])
    replies = [connection.read_response() for _ in range(before + 1)]
    group.complete(replies[-1])


def list_version(world: World, user: int) -> int:
    return int(world.store.command("ZSCORE", keys.conversations(user), GROUP) or 0)


# -- two who finish the same change while another adds to it ---------------------------------------------------


def change(world: World, user: int, kind: Kind, *targets: int) -> Any:
    return world.append(user, Change(GROUP, 0, 0, kind, targets=targets), "", GROUP)


def waiting(world: World) -> list[int]:
    return conversations._waiting(world.store.command("HGET", keys.conv(GROUP), "t") or b"")


def test_a_late_finisher_takes_nothing_away_that_it_has_not_done(world: World) -> None:
    """The users are the same as those it has read of, the change is another."""
    begun(world, change(world, ALICE, Kind.JOINED, DAVE))
    late = Halted(world.store, conversations.finish_todo(GROUP))
    late.step()
    world.store.run(conversations.finish_todo(GROUP))
    assert waiting(world) == []
    begun(world, change(world, ALICE, Kind.KICKED, DAVE))
    before = list_version(world, DAVE)
    late.finish()
    assert waiting(world) == [DAVE]
    world.store.run(conversations.finish_todo(GROUP))
    assert waiting(world) == []
    assert list_version(world, DAVE) > before


# -- threads that do things at the same moment, each as a process of its own ------------------------------------


NUMBERED_FROM = 1_000
"""Above what the devices have used before."""


def at_once(url: str, *actions: Callable[[World], Any]) -> list[Any]:
    """What each action returns; each has a connection of its own, and all begin together."""
    barrier, outcomes = threading.Barrier(len(actions)), [None] * len(actions)

    def run(index: int) -> None:
        own = Store(url)
        mine = World(Committer(own, f"s{index}:e1"))
        mine.n = NUMBERED_FROM
        barrier.wait()
        outcomes[index] = actions[index](mine)
        own.connection.disconnect()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


def commit(user: int, *changes: tuple[Kind, int]) -> Callable[[World], list[tuple[str, int]]]:
    """Commit changes of the group in order: (status, seq or code) of each."""

    def run(mine: World) -> list[tuple[str, int]]:
        found = []
        for kind, target in changes:
            role = "owner" if kind is Kind.ROLE else ""
            asked = Change(GROUP, 0, 0, kind, targets=(target,) if target else (), role=role)
            append = mine.append(user, asked, "", GROUP)
            ((status, seq, code),) = mine.committer.commit(append)
            found.append((status, seq or code))
        return found

    return run


def client_of(world: World) -> "redis.Redis":
    connection = world.store.connection
    return redis.Redis(connection.host, connection.port)


def the_fold_agrees(world: World) -> dict[int, str]:
    """The roles in the group, by the store's answer and by its log, which has no gap."""
    roster, above, more = Roster(), 0, True
    while more:
        page = world.store.run(pages.page_up(GROUP, above))
        assert isinstance(page, pages.LogPage)
        assert [seq for seq, _ in page.entries] == list(range(above + 1, page.end + 1))
        for _, data in page.entries:
            roster.apply(codec.decode_entry(data))
        above, more = page.end, page.more
    assert roles_in(world.store, GROUP) == roster.roles
    assert roster.dissolved or list(roster.roles.values()).count("owner") == 1
    assert whole.faults(client_of(world)) == []
    return roster.roles


ROUNDS = range(10)


@pytest.mark.parametrize("_", ROUNDS)
def test_two_copies_of_one_send_at_two_servers(world: World, redis_url: str, _: int) -> None:
    """Each message is stored by one of them and known to the other (I4)."""

    def send(mine: World) -> list[tuple[str, int]]:
        found = []
        for n in range(20):
            append = mine.append(BOB, None, f"text {n}", GROUP)
            ((status, seq, _code),) = mine.committer.commit(append)
            found.append((status, seq))
        return found

    first, second = at_once(redis_url, send, send)
    for (status, seq), (other, other_seq) in zip(first, second, strict=True):
        assert seq == other_seq
        # The slower of the two may come when the faster is well ahead: both then know it, but one stored it.
        assert sorted((status, other)) == ["KNOWN", "STORED"]
    assert sorted(seq for _, seq in first) == list(range(2, 22))
    the_fold_agrees(world)


@pytest.mark.parametrize("_", ROUNDS)
def test_a_transfer_against_the_heirs_leaving(world: World, redis_url: str, _: int) -> None:
    at_once(redis_url, commit(ALICE, (Kind.ROLE, BOB)), commit(BOB, (Kind.LEFT, 0)))
    roles = the_fold_agrees(world)
    assert BOB not in roles


@pytest.mark.parametrize("_", ROUNDS)
def test_an_owner_leaves_against_its_transfer(world: World, redis_url: str, _: int) -> None:
    transfer, left = at_once(redis_url, commit(ALICE, (Kind.ROLE, CAROL)), commit(BOB, (Kind.LEFT, 0)))
    assert transfer[0][0] == left[0][0] == "STORED"
    assert the_fold_agrees(world) == {ALICE: "admin", CAROL: "owner"}


@pytest.mark.parametrize("_", ROUNDS)
def test_two_kick_each_other(world: World, redis_url: str, _: int) -> None:
    """The new owner and the one before: who comes first stays, the other's kick is refused."""
    outcomes = at_once(
        redis_url,
        commit(ALICE, (Kind.ROLE, BOB), (Kind.KICKED, BOB)),
        commit(BOB, (Kind.KICKED, ALICE), (Kind.KICKED, ALICE), (Kind.KICKED, ALICE)),
    )
    roles = the_fold_agrees(world)
    kicked = [status for status, _ in outcomes[1]].count("STORED")
    assert kicked <= 1
    assert (ALICE in roles) is (kicked == 0)
    assert roles[BOB] == "owner"
    assert outcomes[0][1][0] == "REFUSED"  # an admin kicks no owner, nor does who has been kicked


@pytest.mark.parametrize("_", ROUNDS)
def test_both_users_open_a_direct_conversation(world: World, redis_url: str, _: int) -> None:
    """One conversation, both messages in it, both lists written before either is acknowledged (I13)."""
    seqs = at_once(redis_url, lambda mine: mine.say(ALICE, "hi", DIRECT), lambda mine: mine.say(BOB, "ho", DIRECT))
    assert sorted(seqs) == [1, 2]
    for user in (ALICE, BOB):
        listed, _, _ = world.store.run(conversations.list_since(user, "d1", 0))
        assert [item.id for item in listed].count(DIRECT) == 1
    the_fold_agrees(world)


@pytest.mark.parametrize("_", ROUNDS)
def test_two_devices_read_on(world: World, redis_url: str, _: int) -> None:
    """Marks of a user move forward only, whoever comes first, and the count goes with the mark (I21)."""
    for n in range(30):
        world.say(ALICE if n % 3 else BOB, f"text {n}")

    def read(*seqs: int) -> Callable[[World], Any]:
        return lambda mine: [mine.store.run(marks.move(BOB, GROUP, seq)) for seq in seqs]

    for moved in at_once(redis_url, read(*range(2, 25)), read(*range(1, 22, 2), 20), read(26, 3, 4)):
        assert moved == sorted(moved)
    listed, _, _ = world.store.run(conversations.list_since(BOB, "d1", 0))
    (group,) = [item for item in listed if item.id == GROUP]
    assert (group.read, group.unread) == (26, sum(1 for n in range(30) if n + 2 > 26 and n % 3))


@pytest.mark.parametrize("_", ROUNDS)
def test_two_devices_advance_their_cursors(world: World, redis_url: str, _: int) -> None:
    """Each device has its own, forward only; a session that has lost its device moves none (I15)."""
    sessions_of = {device: Session("s1:e1", f"{device}-now") for device in ("d1", "d2")}
    for device, session in sessions_of.items():
        world.store.run(sessions.claim(BOB, "bob", device, session, False, 1))

    def show(device: str, session: Session, *seqs: int) -> Callable[[World], Any]:
        return lambda mine: [
            mine.store.run(sessions.move_cursors(BOB, device, session, False, {GROUP: seq, DIRECT: seq}))
            for seq in seqs
        ]

    outcomes = at_once(
        redis_url,
        show("d1", sessions_of["d1"], *range(1, 30)),
        show("d1", sessions_of["d1"], *range(40, 10, -3)),
        show("d2", sessions_of["d2"], 5, 7, 6),
        show("d2", Session("s2:e2", "d2-before"), *range(90, 99)),
    )
    assert [set(moved) for moved in outcomes] == [{True}, {True}, {True}, {False}]
    for device, seq in (("d1", b"40"), ("d2", b"7")):
        assert world.store.command("HVALS", keys.cursors(BOB, device)) == [seq, seq]


@pytest.mark.parametrize("_", ROUNDS)
def test_interest_dropped_and_taken_again_while_others_send(world: World, redis_url: str, _: int) -> None:
    """From the answer to a take on, until that interest is dropped, everything appended rings (I12).

    The drop of an older interest may come after the next one was taken, and takes nothing from it.
    """
    server = "s9:e9"
    world.store.command("XADD", keys.push(server), "*", "d", "")
    covered: list[tuple[int, int]] = []

    def come_and_go(mine: World) -> None:
        for generation in range(1, 40):
            taken = mine.store.run(interest.take(GROUP, server, generation))
            mine.store.run(interest.drop(GROUP, server, generation - 1))
            (last,) = mine.store.run(conversations.heads([GROUP]))
            covered.append((taken.head, last))
            if generation % 2:
                mine.store.run(interest.drop(GROUP, server, generation))

    def send(mine: World) -> None:
        for n in range(150):
            assert mine.say(ALICE, f"text {n}") > 0
            bells = mine.committer.group.doorbells()
            if bells is not None:
                mine.store.connection.send_packed_command([bells[0]])
                for _ in range(bells[1]):
                    mine.store.connection.read_response()

    at_once(redis_url, come_and_go, send)
    rung = {
        seq
        for _, fields in world.store.command("XRANGE", keys.push(server), "-", "+")
        for _, seq, _, _ in push.read(fields)[1]
    }
    wanted = {seq for above, last in covered for seq in range(above + 1, last + 1)}
    assert wanted
    assert wanted <= rung


@pytest.mark.parametrize("kind", [Kind.LEFT, Kind.KICKED])
def test_who_goes_against_fifty_who_send(world: World, redis_url: str, kind: Kind) -> None:
    """Nothing behind the kick or leave is readable for who has gone, and nothing before it is missing (I20)."""
    senders = 50

    def send(index: int) -> Callable[[World], Any]:
        def run(mine: World) -> list[int]:
            return [mine.say(CAROL if index % 2 else ALICE, f"{index} {n}", GROUP) for n in range(4)]

        def numbered(mine: World) -> list[int]:
            mine.device = f"d{index}"
            return run(mine)

        return numbered

    actor = BOB if kind is Kind.LEFT else ALICE
    going = commit(actor, (kind, 0 if kind is Kind.LEFT else BOB))
    *said, gone = at_once(redis_url, *(send(index) for index in range(senders)), going)
    ((status, seq),) = gone
    assert status == "STORED"
    assert sorted([seq, *(one for seqs in said for one in seqs)]) == list(range(2, senders * 4 + 3))
    page = world.store.run(pages.page_up(GROUP, seq - 1, BOB))
    assert isinstance(page, pages.LogPage)
    assert ([found for found, _ in page.entries], page.end, page.more, page.role) == ([seq], seq, False, "left")
    assert BOB not in the_fold_agrees(world)
