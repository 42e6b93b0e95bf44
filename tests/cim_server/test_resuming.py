"""What a server holds, taken up again after a start of Redis (I22), with a scripted store."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cim_common.ids import MAX_SEQ
from cim_common.store.flow import StoreUnavailable
from cim_common.store.interest import Taken
from cim_common.wire.codes import Code
from cim_server.conversation import Page
from cim_server.pump import Pump
from cim_server.resuming import AGAIN_S, Resuming
from tests.cim_server.test_conversations import Peer, World, entry, page

pytestmark = pytest.mark.invariant("I22")


class Resumed(World):
    """A world whose store can be started anew."""

    def __init__(self, pump: Pump) -> None:
        super().__init__(pump)
        link: Any = self.link
        self.resuming = Resuming(link, self.all, "s1:e1", pump.timers.after)
        self.resuming.connected(1)

    def start_anew(self, start: int = 2) -> None:
        self.link.start = start
        assert self.resuming.connected(start)

    def taken(self, head: int, incarnation: int, common: int | None) -> None:
        self.link.answer("take_again", (Taken(head, incarnation, 2, ()), common))


@pytest.fixture
def world() -> Iterator[Resumed]:
    pump = Pump()
    yield Resumed(pump)
    pump.close()


def test_nothing_lost_goes_on_in_the_new_incarnation(world: Resumed) -> None:
    peer = world.live(9)
    world.start_anew()
    world.apply(10)
    assert peer.seqs == []
    world.taken(10, 8, 9)
    assert peer.answers[-1] == Page(9, 9, True)
    held = world.all.get("lobby")
    assert held is not None
    assert held.incarnation == 8
    world.link.answer("page_up", page(10, 10)._replace(incarnation=8))
    assert peer.seqs == [10]
    world.apply(11)
    assert peer.seqs == [10, 11]


def test_an_older_copy_sends_everyone_back_to_where_both_are_the_same(world: Resumed) -> None:
    """The copy ended at 6 and others have written more than was known since: 7 to 9 are others than those delivered."""
    peer = world.live(9)
    world.start_anew()
    world.taken(12, 8, 6)
    assert peer.answers[-1] == Page(6, 6, False, rewound=True)
    world.link.answer("page_up", page(12, *range(7, 13)))
    world.all.sync(peer, "lobby", 6, 8)  # type: ignore[arg-type]
    world.link.answer("_page_above", (page(12, *range(7, 13))._replace(incarnation=8), MAX_SEQ))
    assert peer.answers[-1] == Page(12, 12, True, [(seq, entry(seq)) for seq in range(7, 13)])
    world.apply(13)
    assert peer.seqs == [13]


def test_a_conversation_that_the_copy_does_not_have_is_told(world: Resumed) -> None:
    peer = world.live(9)
    world.start_anew()
    world.link.answer("take_again", None)
    assert peer.failures == [Code.NO_SUCH_CONVERSATION]
    assert world.all.get("lobby") is None


def test_who_asks_meanwhile_is_answered_after_it(world: Resumed) -> None:
    world.live(9)
    world.start_anew()
    late = Peer(2)
    world.all.sync(late, "lobby", 9)  # type: ignore[arg-type]
    world.taken(9, 8, 9)
    assert late.answers == [Page(9, 9, True)]


def test_a_page_read_before_is_read_again(world: Resumed) -> None:
    world.live(9)
    peer = Peer(2)
    world.all.sync(peer, "lobby", 4)  # type: ignore[arg-type]
    (_, old_page), *_ = world.link.asked
    world.link.asked.clear()
    world.start_anew()
    old_page((page(9, 5, 6, 7, 8, 9), MAX_SEQ))
    assert peer.answers == []
    world.taken(7, 8, 5)
    world.link.answer("_page_above", (page(7, 5, 6, 7)._replace(incarnation=8), MAX_SEQ))
    assert [seq for seq, _ in peer.answers[-1].entries] == [5, 6, 7]


def test_the_store_away_meanwhile_is_tried_again(world: Resumed) -> None:
    peer = world.live(9)
    world.start_anew()
    world.link.answer("take_again", StoreUnavailable())
    world.pass_time(AGAIN_S * 2)
    world.taken(9, 8, 9)
    world.apply(10)
    assert peer.seqs == [10]


def test_an_answer_of_a_run_that_is_over_counts_for_nothing(world: Resumed) -> None:
    peer = world.live(9)
    world.start_anew(2)
    late: Callable[[Any], None] = world.link.asked.pop()[1]
    world.start_anew(3)
    late((Taken(9, 8, 2, ()), 9))
    assert peer.answers[-1] == Page(9, 9, True)
    assert len(peer.answers) == 1
    world.taken(9, 9, 9)
    assert len(peer.answers) == 2


def test_the_same_run_again_changes_nothing(world: Resumed) -> None:
    peer = world.live(9)
    assert not world.resuming.connected(1)
    world.apply(10)
    assert peer.seqs == [10]


def test_interest_is_taken_again_without_holding_anything_up(world: Resumed) -> None:
    peer = world.live(9)
    world.resuming.renew_all()
    world.apply(10)
    world.taken(11, 7, None)
    assert len(peer.answers) == 1
    world.link.answer("page_up", page(11, 11))
    assert peer.seqs == [10, 11]


def test_a_cursor_of_an_older_incarnation_that_is_good_goes_on(world: Resumed) -> None:
    world.live(9)
    peer = Peer(2)
    world.all.sync(peer, "lobby", 5, 3)  # type: ignore[arg-type]
    world.link.answer("_page_above", (page(9, 6, 7, 8, 9), 5))
    assert peer.answers == [Page(9, 9, True, [(seq, entry(seq)) for seq in (6, 7, 8, 9)])]
