"""Large clusters by hand: `python -m tests.faults.sizes SCENARIO`; prints what each step costs.

Not part of the suite: these take minutes. What must hold whatever the speed is asserted on the way.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import trio

from cim_client import Client
from tests.faults.bulk import Filling, Meter, memory_mb
from tests.faults.crowd import TEXT, Crowd, send_all
from tests.system.cluster import Cluster
from tests.system.people import on_two_servers, person


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
            nursery.start_soon(send_all, cluster, filling, users[:16], made, each)
            total = 16 * each
            await trio.to_thread.run_sync(
                crowd.until, lambda: min(crowd.got.values()) >= total - (16 * each // 16), 120
            )
        meter.report(f"{total} messages to 500 members: {sum(crowd.got.values())} deliveries", total)
        print("   push entries", {s: client.xinfo_stream(s)["entries-added"] for s in streams})
    crowd.close()


async def costs(cluster: Cluster, count: int = 2_000) -> None:
    """What a message between two servers costs Redis, one at a time and many in flight."""
    filling = Filling(cluster)
    async with person(cluster, "ann") as ann, person(cluster, "bob") as bob:
        await on_two_servers(cluster, ann, bob)
        large = filling.group(filling.user("ann"), "g", [filling.user("bob"), *filling.users("m", 498)])
        direct = (await ann.send("bob", TEXT)).conversation
        await taken(bob, 1)
        for what, to in (("direct", direct), ("group of 500", large)):
            await ann.send(to, TEXT)
            await taken(bob, 1)
            for at_once in (1, 32):
                meter = Meter(cluster)
                limit = trio.CapacityLimiter(at_once)

                async def one(to: str = to, limit: trio.CapacityLimiter = limit) -> None:
                    async with limit:
                        await ann.send(to, TEXT)

                async with trio.open_nursery() as nursery:
                    nursery.start_soon(taken, bob, count)
                    for _ in range(count):
                        nursery.start_soon(one)
                meter.report(f"{count} to a {what}, {at_once} in flight", count)


SCENARIOS = {f.__name__: f for f in (group, many, million, missed, slow, delivery, costs)}


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder), "--servers", "2")
        try:
            trio.run(SCENARIOS[name], cluster)
        finally:
            cluster.stop()


if __name__ == "__main__":
    main(sys.argv[1])
