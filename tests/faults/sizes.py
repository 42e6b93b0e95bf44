"""Large clusters by hand: `python -m tests.faults.sizes SCENARIO`; prints what each step costs.

Not part of the suite: these take minutes. What must hold whatever the speed is asserted on the way.
"""

import itertools
import os
import selectors
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import trio

from cim_client import Client
from cim_common.tokens import ConnectClaims
from cim_common.wire import NEED_DATA, Connection, Limits, Role
from cim_common.wire import messages as m
from tests.faults.bulk import Filling, Meter, User, memory_mb
from tests.system.cluster import Cluster
from tests.system.people import person

TEXT = "x" * 100


class Crowd:
    """Many v2 connections of one process, each live in one conversation, counting the entries pushed to it."""

    def __init__(
        self, cluster: Cluster, filling: Filling, users: list[User], conversation: str, cursor: int = 0
    ) -> None:
        self._selector = selectors.DefaultSelector()
        self.got: dict[socket.socket, int] = {}
        self._live = 0
        servers = [server["tcp"] for server in cluster.ready["servers"]]
        for user, where in zip(users, itertools.cycle(servers), strict=False):
            host, _, port = where.rpartition(":")
            sock = socket.create_connection((host, int(port)), 10)
            connection = Connection(Role.CLIENT, Limits())
            token = filling.tokens.connect(ConnectClaims(user.id, user.name, "crowd", 1))
            sock.sendall(connection.send(m.Login(token, "crowd")))
            sock.setblocking(False)
            self._selector.register(sock, selectors.EVENT_READ, connection)
            self.got[sock] = 0
            self.poll(0)
        self._conversation = conversation
        self.until(lambda: self._logged_in == len(users), 60)
        for key in list(self._selector.get_map().values()):
            key.fileobj.sendall(key.data.send(m.Sync(conversation, cursor, 0)))  # type: ignore[union-attr]
        self.until(lambda: self._live == len(users), 120)

    _logged_in = 0
    _pinged = 0.0

    def poll(self, timeout_s: float) -> None:
        if self._live and time.monotonic() - self._pinged > 8:
            self._pinged = time.monotonic()
            for key in list(self._selector.get_map().values()):
                key.fileobj.sendall(key.data.send(m.Ping()))  # type: ignore[union-attr]
        for key, _ in self._selector.select(timeout_s):
            sock, connection = key.fileobj, key.data
            assert isinstance(sock, socket.socket)
            data = sock.recv(65_536)
            assert data, "closed"
            connection.receive_data(data)
            while (event := connection.next_event()) is not NEED_DATA:
                assert not isinstance(event, m.Close), event
                if isinstance(event, m.Push):
                    self.got[sock] += len(event.entries)
                elif isinstance(event, m.LoginOk):
                    self._logged_in += 1
                elif isinstance(event, m.Page):
                    if event.live:
                        self._live += 1
                    else:
                        sock.sendall(connection.send(m.Sync(self._conversation, event.end, event.incarnation)))

    def until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, (self._logged_in, self._live, sum(self.got.values()))
            self.poll(0.05)

    def close(self) -> None:
        for sock in self.got:
            sock.close()


async def group(cluster: Cluster) -> None:
    """A group of 10,000 made through the SDK; 2,000 of its members are connected."""
    filling = Filling(cluster)
    users = filling.users("m", 10_000)
    async with person(cluster, "owner") as owner, person(cluster, "second") as second:
        meter = Meter(cluster)
        made = await owner.create_group("crowd", members=["second", *(user.name for user in users)])
        meter.report("create_group of 10,000", 50)
        meter.start()
        members = await owner.members(made)
        assert len(members) == 10_002
        meter.report("members()")
        crowd = await trio.to_thread.run_sync(Crowd, cluster, filling, users[:2_000], made.id, 51)
        meter.report("2,000 connect and sync")
        for number in range(3):
            meter.start()
            before = dict(crowd.got)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(owner.send, made, f"hello {number}")
                await trio.to_thread.run_sync(
                    crowd.until, lambda b=before: all(count > b[sock] for sock, count in crowd.got.items()), 30
                )
            meter.report(f"message {number} to 2,000 sockets")
        for name, step in (("kick", made.kick), ("ban", made.ban)):
            meter.start()
            await step(users[0 if name == "kick" else 1].name)
            meter.report(name)
        meter.start()
        await owner.conversations()
        meter.report("LIST")
        meter.start()
        await made.leave()
        meter.report("owner leaves")
        roles = {member.name: member.role for member in await second.members(made.id)}
        print("  owner now", [name for name, role in roles.items() if role == "owner"])
        crowd.close()


async def many(cluster: Cluster) -> None:
    """A user with 5,000 conversations, one unread message in each."""
    filling = Filling(cluster)
    async with person(cluster, "busy"):
        pass
    busy = filling.user("busy")
    others = filling.users("o", 5_000)
    meter = Meter(cluster, os.getpid())
    pairs = [(busy, other) for other in others]
    directs = filling.directs(pairs[:4_900])
    groups = [filling.group(other, f"g{number}", [busy]) for number, (_, other) in enumerate(pairs[4_900:])]
    meter.report("5,000 conversations made", 5_000)
    meter.start()
    written = list(zip([*directs, *groups], others, strict=True))
    filling.write((conversation, other, TEXT) for conversation, other in written)
    meter.report("5,000 messages written", 5_000)
    with tempfile.TemporaryDirectory() as folder:
        for turn in ("first", "again", "killed"):
            meter = Meter(cluster, os.getpid())
            async with person(cluster, "busy", Path(folder)) as client:
                print(f"   connected; syncing {client.syncing}")
                if turn == "killed":
                    filling.write((conversation, other, "more") for conversation, other in written)
                    cluster.kill(client.server)
                first = await taken(client, 5_000 if turn != "again" else 0)
                await synced(client)
                meter.report(f"login to all synced, {turn}", 5_000)
                if first:
                    print("   first shown", first[:3], "last", first[-1])
                rounds = Meter(cluster, os.getpid())
                await trio.sleep(12)
                rounds.report("12 s idle with 5,000 held", 4)


async def taken(client: Client, count: int) -> list[str]:
    found: list[str] = []
    if count:
        with trio.fail_after(120):
            async for message in client.messages():
                found.append(f"{message.conversation} {message.seq}")
                if len(found) == count:
                    break
        assert len(set(found)) == len(found)
    return found


async def synced(client: Client) -> None:
    with trio.fail_after(120):
        while client.syncing or client.state != "connected":
            await trio.sleep(0.02)


async def million(cluster: Cluster, count: int = int(os.environ.get("MESSAGES", "1000000"))) -> None:
    """A million messages in one conversation, read from the start by a device without state."""
    filling = Filling(cluster)
    async with person(cluster, "reader"):
        pass
    reader = filling.user("reader")
    writer = filling.users("w", 1)[0]
    (conversation,) = filling.directs([(reader, writer)])
    meter = Meter(cluster, os.getpid())
    filling.write((conversation, writer, TEXT) for _ in range(count))
    meter.report(f"{count} messages written", count)
    async with person(cluster, "reader") as client:
        for what in ("history", "unread", "mark_read", "unread"):
            meter.start()
            if what == "history":
                seqs = [message.seq async for message in client.history(conversation, limit=100)]
                assert seqs == list(range(count, count - 100, -1))
            elif what == "unread":
                print("   unread", await client.unread())
            else:
                await client.mark_read(conversation, count - 20_000)
            meter.report(what)
    await _read_all(cluster, conversation, count)


async def _read_all(cluster: Cluster, conversation: str, count: int) -> None:
    """Read from the start, with the server killed in the middle."""
    from cim_common.store import keys

    filling = Filling(cluster)
    with cluster.redis() as client:
        client.delete(keys.marks(filling.user("reader").id))
    meter = Meter(cluster, os.getpid())
    with tempfile.TemporaryDirectory() as folder:
        expected, killed = 1, False
        async with person(cluster, "reader", Path(folder)) as reader:
            async for message in reader.messages():
                assert message.seq == expected, (message.seq, expected)
                expected += 1
                if message.seq % 100_000 == 0:
                    sizes = {s["id"]: round(memory_mb(int(s["pid"]))) for s in cluster.ready["servers"]}
                    print(
                        f"   at {message.seq}: syncing {reader.syncing}, MB {sizes}, here {memory_mb(os.getpid()):.0f}"
                    )
                if message.seq == count // 2 and not killed:
                    killed = True
                    cluster.kill(reader.server)
                if message.seq == count:
                    break
            await synced(reader)
    try:
        meter.report("read from the start", count)
    except FileNotFoundError:
        meter = Meter(cluster, os.getpid())


async def missed(cluster: Cluster, count: int = 10_000) -> None:
    """10,000 missed messages of one direct conversation."""
    filling = Filling(cluster)
    with tempfile.TemporaryDirectory() as folder:
        async with person(cluster, "away", Path(folder)):
            pass
        away, writer = filling.user("away"), filling.users("w", 1)[0]
        (conversation,) = filling.directs([(away, writer)])
        meter = Meter(cluster, os.getpid())
        filling.write((conversation, writer, TEXT) for _ in range(count))
        meter.report(f"{count} written", count)
        meter.start()
        async with person(cluster, "away", Path(folder)) as client:
            await taken(client, count)
            await synced(client)
            meter.report(f"{count} missed messages shown", count)


async def slow(cluster: Cluster) -> None:
    """A program that does not ask for messages while 50,000 come in ten conversations."""
    filling = Filling(cluster)
    with tempfile.TemporaryDirectory() as folder:
        async with person(cluster, "slow", Path(folder)) as client, person(cluster, "peer"):
            me, writers = filling.user("slow"), filling.users("w", 10)
            directs = filling.directs([(me, writer) for writer in writers])
            meter = Meter(cluster, os.getpid())
            for turn in range(10):
                part = [(c, w, f"{turn} {n}") for n in range(500) for c, w in zip(directs, writers, strict=True)]
                await trio.to_thread.run_sync(filling.write, part)
                before = time.monotonic()
                await client.send("peer", f"turn {turn}")
                took = time.monotonic() - before
                print(f"   own send acknowledged in {took:.3f} s, buffered {client._core.inbox.unread}")
            meter.report("50,000 came, none asked for", 50_000)
            found = await taken(client, 50_000)
            seqs: dict[str, list[int]] = {}
            for text in found:
                conversation, _, seq = text.partition(" ")
                seqs.setdefault(conversation, []).append(int(seq))
            assert all(seqs[c] == list(range(1, 5_001)) for c in directs)
            meter.report("caught up in order", 50_000)


async def delivery(cluster: Cluster) -> None:
    """500 online members on two servers, 16 senders."""
    filling = Filling(cluster)
    users = filling.users("m", 500)
    made = filling.group(users[0], "five hundred", users[1:])
    crowd = Crowd(cluster, filling, users, made)
    with cluster.redis() as client:
        streams = list(client.scan_iter("push:*"))
        meter = Meter(cluster)
        each = 60
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send_all, cluster, filling, users[:16], made, each)
            total = 16 * each
            await trio.to_thread.run_sync(
                crowd.until, lambda: min(crowd.got.values()) >= total - (16 * each // 16), 120
            )
        meter.report(f"{total} messages to 500 members: {sum(crowd.got.values())} deliveries", total)
        print("   push entries", {s: client.xinfo_stream(s)["entries-added"] for s in streams})
    crowd.close()


async def _send_all(cluster: Cluster, filling: Filling, users: list[User], conversation: str, each: int) -> None:
    servers = itertools.cycle([server["tcp"] for server in cluster.ready["servers"]])

    async def one(user: User) -> None:
        host, _, port = next(servers).rpartition(":")
        stream = await trio.open_tcp_stream(host, int(port))
        connection = Connection(Role.CLIENT, Limits())
        token = filling.tokens.connect(ConnectClaims(user.id, user.name, "sender", 1))
        await stream.send_all(connection.send(m.Login(token, "sender")))
        answered = 0
        sent = 0
        while answered < each:
            event = connection.next_event()
            if event is NEED_DATA:
                connection.receive_data(await stream.receive_some(65_536))
            elif isinstance(event, m.LoginOk):
                sent += 1
                await stream.send_all(connection.send(m.Send(conversation, sent, 0, TEXT)))
            elif isinstance(event, m.Ack):
                answered += 1
                if sent < each:
                    sent += 1
                    await stream.send_all(connection.send(m.Send(conversation, sent, 0, TEXT)))
            else:
                raise AssertionError(event)

    async with trio.open_nursery() as nursery:
        for user in users:
            nursery.start_soon(one, user)


SCENARIOS = {f.__name__: f for f in (group, many, million, missed, slow, delivery)}


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder), "--servers", "2")
        try:
            trio.run(SCENARIOS[name], cluster)
        finally:
            cluster.stop()


if __name__ == "__main__":
    main(sys.argv[1])
