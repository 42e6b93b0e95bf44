"""A program that speaks HTTP only takes part in a group with clients of the SDK, on a real cluster."""

import http.client
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio

from cim_common.wire.codes import Code
from tests.real_servers import SLOWNESS
from tests.system.cluster import Cluster
from tests.system.people import event, next_messages, on_two_servers, person, texts
from tests.system.raw import PASSWORD, call

NewCluster = Callable[..., Cluster]
MESSAGES = 60


class Bot:
    """A program of a few lines: it asks again, with the same key, until it is answered."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self._header: dict[str, str] = {}
        self.ask("POST", "/v1/register", {"name": name, "password": PASSWORD})
        _, place = self.ask("POST", "/v1/login", {"name": name, "password": PASSWORD})
        self._header = {"Authorization": f"Bearer {place['token']}"}
        self._ack = ""

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
        header = {**self._header, **({"Idempotency-Key": key} if key else {})}
        deadline = time.monotonic() + 30 * SLOWNESS
        while True:
            try:
                status, answer = call(self._cluster.route, method, path, body, **header)
                if status < 500 or time.monotonic() > deadline:
                    return status, answer
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    def say(self, conversation: str, text: str) -> int:
        """Send, under a key of the text; the seq."""
        status, answer = self.ask(
            "POST", "/v1/messages", {"to": conversation, "text": text}, key=text.replace(" ", "-")
        )
        assert status == 201, answer
        seq: int = answer["seq"]
        return seq

    def events(self, wait_s: float) -> list[dict[str, Any]]:
        """The next events; those of the call before are acknowledged by asking."""
        status, answer = self.ask("GET", f"/v1/events?wait_s={wait_s}&ack={self._ack}")
        assert (status, answer["reset"]) == (200, False), answer
        self._ack = answer["ack"]
        return list(answer["events"])

    def begin(self) -> None:
        """Listen from here on."""
        status, answer = self.ask("GET", "/v1/events")
        assert (status, answer["events"]) == (200, [])
        self._ack = answer["ack"]

    async def next_events(self, count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        with trio.fail_after(20 * SLOWNESS):
            while len(found) < count:
                found += await trio.to_thread.run_sync(self.events, 5)
        return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"), "--servers", "2")
    yield made
    assert made.stop() == 0


async def test_a_program_takes_part_until_it_is_kicked(cluster: Cluster) -> None:
    bot = await trio.to_thread.run_sync(Bot, cluster, "bot")
    await trio.to_thread.run_sync(bot.begin)
    async with person(cluster, "alice") as alice, person(cluster, "bob") as bob:
        await on_two_servers(cluster, alice, bob)
        group = await alice.create_group("ops", members=["bob", "bot"])
        (created,) = await bot.next_events(1)
        assert (created["kind"], created["text"], created["conversation"]) == ("created", "ops", group.id)

        assert await trio.to_thread.run_sync(bot.say, group.id, "bot here") == 2
        for client in (alice, bob):
            (message,) = await next_messages(client, 1)
            assert (message.sender, message.text, message.seq) == ("bot", "bot here", 2)
        await bob.send(group, "hello bot")
        own, seen = await bot.next_events(2)
        assert (own["text"], seen["sender"], seen["text"], seen["seq"]) == ("bot here", "bob", "hello bot", 3)

        status, _ = await trio.to_thread.run_sync(
            bot.ask, "PATCH", f"/v1/conversations/{group.id}/messages/2", {"text": "bot is here"}
        )
        assert status == 200
        assert (await event(bob, "edited")).seq == 4
        await alice.react(group, 2, "+1")
        assert [found["kind"] for found in await bot.next_events(2)] == ["edited", "reaction"]

        await trio.to_thread.run_sync(bot.ask, "PUT", f"/v1/conversations/{group.id}/read", {"seq": 3})
        read = await event(bob, "read", lambda found: found.user == "bot")
        assert (read.conversation, read.seq) == (group.id, 3)

        await group.kick("bot")
        await alice.send(group, "without the bot")
        (kicked,) = await bot.next_events(1)
        assert (kicked["kind"], kicked["sender"]) == ("kicked", "alice")
        await alice.send("bot", "sorry")
        (sorry,) = await bot.next_events(1)
        assert (sorry["text"], sorry["sender"]) == ("sorry", "alice")
        assert await trio.to_thread.run_sync(bot.events, 1) == []
        status, answer = await trio.to_thread.run_sync(
            bot.ask, "POST", "/v1/messages", {"to": group.id, "text": "may I"}
        )
        assert (status, answer["code"]) == (403, Code.NOT_A_MEMBER)
        status, page = await trio.to_thread.run_sync(bot.ask, "GET", f"/v1/conversations/{group.id}/messages?after=0")
        assert [message["text"] for message in page["messages"]] == ["bot is here", "hello bot"]
        assert await texts(bob, 1) == ["without the bot"]


async def test_route_is_killed_and_nothing_acknowledged_is_lost(new_cluster: NewCluster) -> None:
    """Writing, listening and another member's messages go on over two ends of route."""
    cluster = new_cluster()
    bot = await trio.to_thread.run_sync(Bot, cluster, "bot")
    await trio.to_thread.run_sync(bot.begin)
    acknowledged: dict[str, int] = {}
    heard: dict[int, str] = {}

    async with person(cluster, "alice") as alice, person(cluster, "bob") as bob:
        group = await alice.create_group("ops", members=["bob", "bot"])

        async def write() -> None:
            for n in range(MESSAGES):
                acknowledged[f"bot {n}"] = await trio.to_thread.run_sync(bot.say, group.id, f"bot {n}")

        async def chat() -> None:
            for n in range(MESSAGES):
                acknowledged[f"alice {n}"] = (await alice.send(group, f"alice {n}")).seq
                await trio.sleep(0.02)

        async def listen() -> None:
            highest = 0
            while len(heard) < 2 * MESSAGES:
                for found in await trio.to_thread.run_sync(bot.events, 5):
                    assert found["seq"] <= highest + 1  # in order and without a gap; after a kill some come again
                    highest = max(highest, found["seq"])
                    if found["kind"] == "message":
                        assert heard.setdefault(found["seq"], found["text"]) == found["text"]

        async def kill() -> None:
            for share in (0.3, 0.7):
                while len(acknowledged) < share * 2 * MESSAGES:
                    await trio.sleep(0.01)
                before = cluster.pid_of("route")
                cluster.kill("route")
                while cluster.pid_of("route") == before:
                    await trio.sleep(0.05)

        with trio.fail_after(90 * SLOWNESS):
            async with trio.open_nursery() as nursery:
                for task in (write, chat, listen, kill):
                    nursery.start_soon(task)
        shown = await next_messages(bob, 2 * MESSAGES)
    assert {message.text: message.seq for message in shown} == acknowledged
    assert [message.seq for message in shown] == list(range(2, 2 * MESSAGES + 2))
    assert heard == {seq: text for text, seq in acknowledged.items()}
    assert [text for _, text in sorted(heard.items()) if text.startswith("bot")] == [
        f"bot {n}" for n in range(MESSAGES)
    ]


async def test_who_is_invited_over_http_while_online_elsewhere(cluster: Cluster) -> None:
    """Invited, written to, kicked and talked about at once, again and again: all of his, and nothing that is not."""
    bot = await trio.to_thread.run_sync(Bot, cluster, "chair")
    rounds = 8

    def come_and_go(group: str) -> None:
        for n in range(rounds):
            assert bot.ask("POST", f"/v1/groups/{group}/members", {"names": ["bert"]})[0] == 200
            bot.say(group, f"yours {n}")
            assert bot.ask("DELETE", f"/v1/groups/{group}/members/bert")[0] == 200
            bot.say(group, f"not yours {n}")

    async with person(cluster, "anna") as alice, person(cluster, "bert") as bob:
        await on_two_servers(cluster, alice, bob)
        _, made = await trio.to_thread.run_sync(bot.ask, "POST", "/v1/groups", {"name": "ops", "members": ["anna"]})
        await trio.to_thread.run_sync(come_and_go, made["conversation"])
        everything = [f"{whose} {n}" for n in range(rounds) for whose in ("yours", "not yours")]
        assert await texts(alice, 2 * rounds) == everything
        assert await texts(bob, rounds) == [f"yours {n}" for n in range(rounds)]
        await alice.send("bert", "the end")
        assert await texts(bob, 1) == ["the end"]
