"""A member is kicked while fifty connections send, and invited again while it is online elsewhere: on real servers."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing

from cim_common.wire import messages as m
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from tests.real_servers import SLOWNESS
from tests.system.cluster import Cluster
from tests.system.raw import Raw

GROUP = "g-0123456789abcdef0123"
USERS, DEVICES = 5, 10
BEFORE, AFTER = 200, 200
"""Messages that are certainly there before the kick is asked for, and after it is answered."""


class Senders:
    """Connections that send, each as soon as the answer to the last has come."""

    def __init__(self, raws: list[Raw]) -> None:
        self._stop = threading.Event()
        self.seqs: list[int] = []
        self._threads = [threading.Thread(target=self._send, args=(raw,)) for raw in raws]
        for thread in self._threads:
            thread.start()

    def _send(self, raw: Raw) -> None:
        n = 0
        while not self._stop.is_set():
            n += 1
            ack = raw.say(GROUP, n, n - 1, f"{raw.user} {raw.device} {n}")
            assert isinstance(ack, m.Ack), ack
            self.seqs.append(ack.seq)

    def wait_for(self, more: int) -> None:
        wanted, deadline = len(self.seqs) + more, time.monotonic() + 30 * SLOWNESS
        while len(self.seqs) < wanted:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


def change(raw: Raw, n: int, kind: Kind, *targets: int) -> int:
    """Its seq."""
    raw.send(m.Change(GROUP, n, n - 1, kind, "ops" if kind is Kind.CREATED else "", targets=targets))
    ack = raw.until(m.Ack)
    assert ack.n == n
    return int(ack.seq)


def pushed_until_listed(raw: Raw) -> tuple[list[m.Entry], str]:
    """All that was pushed before the answer to a LIST asked for now, and the role it says."""
    raw.send(m.List(1, 0))
    entries: list[m.Entry] = []
    while not isinstance(event := raw.next(), m.Conversations):
        assert not isinstance(event, m.ConnectionClosed | m.Close), event
        if isinstance(event, m.Push):
            entries += event.entries
    return entries, next(item.role for item in event.conversations if item.id == GROUP)


def test_who_is_kicked_while_many_send_gets_nothing_behind_the_kick(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster()
    with ExitStack() as stack:

        def connect(name: str, device: str = "d1", apart_from: str = "") -> Raw:
            raw = Raw(cluster.route, name, device, [apart_from] if apart_from else None).log_in()
            return stack.enter_context(closing(raw))

        alice = connect("alice")
        bob = connect("bob", apart_from=alice.server)
        assert bob.server != alice.server
        raws = [connect(f"sender{user}", f"d{device}") for user in range(USERS) for device in range(DEVICES)]
        assert change(alice, 1, Kind.CREATED, bob.user, *{raw.user for raw in raws}) == 1
        cursor = bob.sync(GROUP, 0)[-1].seq
        senders = Senders(raws)
        try:
            senders.wait_for(BEFORE)
            kicked = change(alice, 2, Kind.KICKED, bob.user)
            senders.wait_for(AFTER)
            shown, role = pushed_until_listed(bob)
            assert [entry.seq for entry in shown] == list(range(cursor + 1, kicked + 1))
            assert (shown[-1].kind, role) == (Kind.KICKED, "left")
            joined = change(alice, 3, Kind.JOINED, bob.user)
            bob.until(m.ConversationsChanged)
            bob.send(m.Sync(GROUP, kicked, 0))
            page = bob.until(m.Page)
            assert page.gaps == (m.Range(kicked + 1, joined - 1, Code.NOT_A_MEMBER),)
            assert page.entries[0][:2] == (joined, alice.user)
            seen = [entry.seq for entry in page.entries]
            seen += [entry.seq for entry in bob.sync(GROUP, page.end)] if not page.live else []
            senders.wait_for(AFTER)
        finally:
            senders.stop()
        deadline = time.monotonic() + 10 * SLOWNESS
        while seen[-1] < max(senders.seqs):
            assert time.monotonic() < deadline
            entries, role = pushed_until_listed(bob)
            assert role == "member"
            seen += [entry.seq for entry in entries]
        assert seen == list(range(joined, seen[-1] + 1))
        assert sorted([*senders.seqs, 1, kicked, joined]) == list(range(1, len(senders.seqs) + 4))
