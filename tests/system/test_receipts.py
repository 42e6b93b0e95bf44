"""Receipts, typing, members and unread counts between two servers, frame by frame (I21)."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cim_common import ids
from cim_common.wire import messages as m
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.kinds import Signal as Whispered
from cim_server.presence import SETTLE_S
from cim_server.receipts import TYPING_EVERY_S
from tests.system.cluster import Cluster
from tests.system.raw import Raw


@pytest.fixture(scope="module")
def route(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster.route
    cluster.stop()


@pytest.fixture
def connect(route: str) -> Iterator[Callable[..., Raw]]:
    """`connect("alice")`: logged in; the second of a pair is sent to the other server."""
    made: list[Raw] = []

    def new(name: str, device: str = "d1", apart_from: Raw | None = None) -> Raw:
        made.append(Raw(route, name, device, [apart_from.server] if apart_from else None).log_in())
        return made[-1]

    yield new
    for raw in made:
        raw.close()


@pytest.fixture
def pair(connect: Callable[..., Raw], request: pytest.FixtureRequest) -> tuple[Raw, Raw, str]:
    """Two users on two servers, live in their conversation, with three messages of the first."""
    name = request.node.name.replace("_", "")[-20:]
    alice = connect(f"a{name}")
    bob = connect(f"b{name}", apart_from=alice)
    assert alice.server != bob.server
    direct = alice.with_(bob)
    for n in (1, 2, 3):
        assert alice.say(direct, n, n - 1, f"text {n}") == m.Ack(n, n)
    alice.sync(direct, 0)
    bob.sync(direct, 0)
    return alice, bob, direct


def signal(raw: Raw, kind: Whispered) -> m.Signal:
    """The next signal of a kind; one that says that somebody has gone is not passed over."""
    while (heard := raw.until(m.Signal)).kind != kind:
        assert heard.kind != Whispered.OFFLINE
    assert isinstance(heard, m.Signal)
    return heard


def ask(raw: Raw, request: Any) -> Any:
    """The answer to a request, whatever else comes before it."""
    raw.send(request)
    while getattr(answer := raw.next(), "request", None) != request.request or isinstance(answer, m.Page):
        assert not isinstance(answer, m.ConnectionClosed)
    return answer


def unread(raw: Raw, conversation: str) -> int:
    answer = ask(raw, m.List(9, 0))
    return next(int(item.unread) for item in answer.conversations if item.id == conversation)


def test_a_read_mark_is_answered_told_and_counted(pair: tuple[Raw, Raw, str], connect: Callable[..., Raw]) -> None:
    alice, bob, direct = pair
    other = connect(bob.place["name"], "d2", apart_from=bob)
    assert unread(bob, direct) == unread(other, direct) == 3
    assert ask(bob, m.Read(5, direct, 2)) == m.Done(5)
    assert signal(alice, Whispered.READ) == m.Signal(direct, Whispered.READ, bob.user, bob.place["name"], 2)
    assert unread(bob, direct) == unread(other, direct) == 1
    assert ask(bob, m.Read(6, direct, 1)) == m.Done(6)
    assert unread(bob, direct) == 1
    found = ask(alice, m.Members(7, direct, 0, 0, True))
    assert {(item.name, item.role, item.read) for item in found.members} == {
        (alice.place["name"], "member", 0), (bob.place["name"], "member", 2),
    }  # fmt: skip


def test_what_a_device_has_shown_is_told(pair: tuple[Raw, Raw, str]) -> None:
    alice, bob, direct = pair
    bob.send(m.Cursor(direct, 3))
    assert signal(alice, Whispered.DELIVERED) == m.Signal(direct, Whispered.DELIVERED, bob.user, bob.place["name"], 3)


def test_typing_is_heard_on_the_other_server(pair: tuple[Raw, Raw, str]) -> None:
    alice, bob, direct = pair
    bob.send(m.Signal(direct, Whispered.TYPING, alice.user, "somebody else", 7))
    assert signal(alice, Whispered.TYPING) == m.Signal(direct, Whispered.TYPING, bob.user, bob.place["name"])


def test_strangers_are_told_nothing(pair: tuple[Raw, Raw, str], connect: Callable[..., Raw]) -> None:
    alice, _, direct = pair
    stranger = connect("stranger")
    for request in (m.Read(1, direct, 2), m.Members(2, direct), m.Read(3, "nowhere", 1)):
        answer = ask(stranger, request)
        assert (type(answer), answer.code) == (m.Failed, Code.NO_SUCH_CONVERSATION)
    group = ids.new_group()
    alice.send(m.Change(group, 4, 0, Kind.CREATED, "ops"))
    assert isinstance(alice.until(m.Ack), m.Ack)
    for request in (m.Read(4, group, 1), m.Members(5, group)):
        answer = ask(stranger, request)
        assert (type(answer), answer.code) == (m.Failed, Code.NOT_A_MEMBER)
    stranger.send(m.Sync(group, 0, 0))
    assert stranger.until(m.Failed).code == Code.NOT_A_MEMBER


def test_who_takes_no_part_whispers_nothing(pair: tuple[Raw, Raw, str], connect: Callable[..., Raw]) -> None:
    alice, bob, _ = pair
    stranger, kicked = connect("whisperer", apart_from=alice), connect("kickedwhisperer", apart_from=alice)
    group = ids.new_group()
    alice.send(m.Change(group, 4, 0, Kind.CREATED, "ops", targets=(bob.user, kicked.user)))
    assert alice.until(m.Ack) == m.Ack(4, 1)
    for member in (alice, bob, kicked):
        member.sync(group, 0)
    alice.send(m.Change(group, 5, 4, Kind.KICKED, targets=(kicked.user,)))
    assert alice.until(m.Ack) == m.Ack(5, 2)
    assert kicked.until(m.Push).entries[-1].kind == Kind.KICKED
    for other in (stranger, kicked):
        other.send(m.Sync(group, 0, 0), m.Cursor(group, 1), m.Signal(group, Whispered.TYPING))
        assert ask(other, m.Read(6, group, 1)).code == Code.NOT_A_MEMBER
    # Cursors of one server are written together: what was to be heard of the others comes before the second signal.
    heard: list[m.Signal] = []
    for message, kind in (
        (m.Cursor(group, 2), Whispered.DELIVERED),
        (m.Signal(group, Whispered.TYPING), Whispered.TYPING),
    ):
        bob.send(message)
        while not heard or heard[-1].kind != kind:
            heard.append(alice.until(m.Signal))
    assert {signal.user for signal in heard} == {bob.user}


def test_a_kick_ends_delivery_on_both_servers(pair: tuple[Raw, Raw, str]) -> None:
    alice, bob, _ = pair
    group = ids.new_group()
    alice.send(m.Change(group, 4, 0, Kind.CREATED, "ops", targets=(bob.user,)))
    assert alice.until(m.Ack) == m.Ack(4, 1)
    assert bob.until(m.ConversationsChanged).version > 0
    bob.sync(group, 0)
    assert alice.say(group, 5, 4, "before") == m.Ack(5, 2)
    alice.send(m.Change(group, 6, 5, Kind.KICKED, targets=(bob.user,)))
    assert alice.until(m.Ack) == m.Ack(6, 3)
    assert alice.say(group, 7, 6, "behind his back") == m.Ack(7, 4)
    seen: list[m.Entry] = []
    while not seen or seen[-1].kind != Kind.KICKED:
        seen += bob.until(m.Push).entries
    assert [entry.seq for entry in seen] == [2, 3]
    bob.send(m.Sync(group, 3, 0))
    page = bob.until(m.Page)
    assert (page.left, page.end, page.entries) == (True, 3, ())
    assert bob.say(group, 9, 0, "let me in") == m.Nack(9, Code.NOT_A_MEMBER, Code.NOT_A_MEMBER.sentence)


def test_coming_and_going_is_told_to_the_other_side(pair: tuple[Raw, Raw, str], connect: Callable[..., Raw]) -> None:
    alice, bob, direct = pair
    name = bob.place["name"]
    assert signal(alice, Whispered.ONLINE) == m.Signal(direct, Whispered.ONLINE, bob.user, name)
    found = ask(alice, m.Presence(3, name.upper()))
    assert (found.user, found.name, found.online) == (bob.user, name, True)
    bob.close()
    assert signal(alice, Whispered.OFFLINE) == m.Signal(direct, Whispered.OFFLINE, bob.user, name)
    assert not ask(alice, m.Presence(4, name)).online
    assert ask(alice, m.Presence(5, "nobody at all")).code == Code.NO_SUCH_USER


def test_who_is_still_elsewhere_does_not_go_offline(pair: tuple[Raw, Raw, str], connect: Callable[..., Raw]) -> None:
    alice, bob, direct = pair
    signal(alice, Whispered.ONLINE)
    other = connect(bob.place["name"], "d2", apart_from=bob)
    bob.close()
    other.sync(direct, 3)
    until = time.monotonic() + SETTLE_S + 1
    while time.monotonic() < until:  # long enough for it to have been told, and nothing says that bob has gone
        other.send(m.Signal(direct, Whispered.TYPING))
        assert signal(alice, Whispered.TYPING).user == bob.user
        time.sleep(TYPING_EVERY_S)
    other.close()
    assert signal(alice, Whispered.OFFLINE).user == bob.user
